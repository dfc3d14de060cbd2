/* The entries of a zip file in memory, for reading in place: names and where the stored bytes are.
 *
 * libzip hands an entry's bytes out by copying; weights of gigabytes are to stay mapped pages, shared by the ranks of a
 * node. So the directory is read here, strictly: entries stored, not encrypted, inside the file, disjoint, names
 * unique, directory and local headers in agreement, the directory ending where the end record begins. Zip64 too. */
#ifndef MP2_CLUSTER_STORE_TORCH_ZIP_MAP_H
#define MP2_CLUSTER_STORE_TORCH_ZIP_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct zip_entry {
    const char *name; /* not 0-terminated; points into the file */
    size_t name_bytes;
    uint64_t at; /* of the local header */
    const unsigned char *data;
    size_t size;
};

struct zip_map {
    size_t count;
    struct zip_entry *entries; /* in name order */
};

/* Local. path is for messages; data must outlive map. ST_INPUT (reported) when anything is wrong, then nothing to free.
 */
status zip_map_open(const char *path, const unsigned char *data, size_t size, struct zip_map *map);
void zip_map_close(struct zip_map *map);

/* Local. NULL when there is none. */
const struct zip_entry *zip_map_find(const struct zip_map *map, const char *name, size_t name_bytes);

#endif
