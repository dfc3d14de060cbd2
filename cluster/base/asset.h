/* A file that is built into the program; embed.cmake makes the tables. */
#ifndef MP2_CLUSTER_BASE_ASSET_H
#define MP2_CLUSTER_BASE_ASSET_H

#include <stddef.h>

struct asset {
    const char *name;
    const unsigned char *data;
    size_t size;
};

#endif
