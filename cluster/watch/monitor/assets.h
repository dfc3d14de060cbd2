/* The web page's files, built into the program (embed.cmake makes the table). */
#ifndef MP2_CLUSTER_WATCH_MONITOR_ASSETS_H
#define MP2_CLUSTER_WATCH_MONITOR_ASSETS_H

#include <stddef.h>

struct asset { const char *name; const unsigned char *data; size_t size; };

extern const struct asset asset_table[];
extern const size_t asset_count;

#endif
