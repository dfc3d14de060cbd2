/* Reading a zip directory from its end, as PKWARE's APPNOTE 6.3 lays it out. */
#include "cluster/store/torch/zip_map.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum {
    END_BYTES = 22,
    LOCATOR_BYTES = 20,
    END64_BYTES = 56,
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30,
    COMMENT_MOST = 65535,
    ENTRIES_MOST = 1 << 18
};

struct zip_bytes {
    const char *path;
    const unsigned char *data;
    size_t size;
};

struct directory {
    uint64_t count, size, at, end;
}; /* end: where the records after the directory begin */

static uint64_t get_number(const unsigned char *p, int bytes)
{
    uint64_t x = 0;

    for (int i = bytes - 1; i >= 0; i--) x = x << 8 | p[i];
    return x;
}

static int is(const unsigned char *p, char a, char b)
{
    return p[0] == 'P' && p[1] == 'K' && p[2] == (unsigned char)a && p[3] == (unsigned char)b;
}

static status bad(const struct zip_bytes *zip, const char *what)
{
    return fault(ST_INPUT, "%s: bad zip file: %s", zip->path, what);
}

/* The last end record whose comment reaches exactly to the end of the file. */
static status find_end(const struct zip_bytes *zip, size_t *at)
{
    size_t least = zip->size > END_BYTES + COMMENT_MOST ? zip->size - END_BYTES - COMMENT_MOST : 0;

    for (size_t i = zip->size >= END_BYTES ? zip->size - END_BYTES + 1 : 0; i-- > least;)
        if (is(zip->data + i, 5, 6) && get_number(zip->data + i + 20, 2) == zip->size - i - END_BYTES) {
            *at = i;
            return ST_OK;
        }
    return bad(zip, "no end record; cut short?");
}

static status read_end64(const struct zip_bytes *zip, size_t locator, struct directory *dir)
{
    const unsigned char *p = zip->data + locator;
    uint64_t at = get_number(p + 8, 8);

    if (get_number(p + 4, 4) != 0 || get_number(p + 16, 4) > 1) return bad(zip, "in several parts");
    if (locator < END64_BYTES || at > locator - END64_BYTES || !is(zip->data + at, 6, 6))
        return bad(zip, "zip64 end record out of place");
    p = zip->data + at;
    if (get_number(p + 4, 8) != locator - at - 12) return bad(zip, "zip64 end record of a wrong size");
    if (get_number(p + 16, 4) != 0 || get_number(p + 20, 4) != 0 || get_number(p + 24, 8) != get_number(p + 32, 8))
        return bad(zip, "in several parts");
    *dir = (struct directory){get_number(p + 32, 8), get_number(p + 40, 8), get_number(p + 48, 8), at};
    return ST_OK;
}

static status read_directory_place(const struct zip_bytes *zip, struct directory *dir)
{
    const unsigned char *p;
    size_t end = 0;

    TRY(find_end(zip, &end));
    p = zip->data + end;
    if (end >= LOCATOR_BYTES && is(p - LOCATOR_BYTES, 6, 7)) {
        TRY(read_end64(zip, end - LOCATOR_BYTES, dir));
    } else {
        if (get_number(p + 4, 2) != 0 || get_number(p + 6, 2) != 0 || get_number(p + 8, 2) != get_number(p + 10, 2))
            return bad(zip, "in several parts");
        *dir = (struct directory){get_number(p + 10, 2), get_number(p + 12, 4), get_number(p + 16, 4), end};
    }
    if (dir->at > dir->end || dir->size != dir->end - dir->at) return bad(zip, "directory out of place");
    if (dir->count > ENTRIES_MOST || dir->count > dir->size / ENTRY_BYTES)
        return fault(
            ST_INPUT, "%s: bad zip file: %llu entries, expected at most %llu", zip->path,
            (unsigned long long)dir->count,
            (unsigned long long)(dir->size / ENTRY_BYTES < ENTRIES_MOST ? dir->size / ENTRY_BYTES : ENTRIES_MOST));
    return ST_OK;
}

/* Replace those of the three numbers that are all ones by the zip64 field, in its order. */
static int read_extra(const unsigned char *p, size_t n, uint64_t *size, uint64_t *packed, uint64_t *at)
{
    uint64_t *wanted[3] = {*size == UINT32_MAX ? size : NULL, *packed == UINT32_MAX ? packed : NULL,
                           *at == UINT32_MAX ? at : NULL};
    int missing = wanted[0] || wanted[1] || wanted[2];

    while (n >= 4) {
        size_t id = get_number(p, 2), length = get_number(p + 2, 2), used = 0;

        if (length > n - 4) return 0;
        for (int i = 0; id == 1 && i < 3; i++) {
            if (!wanted[i]) continue;
            if (length - used < 8) return 0;
            *wanted[i] = get_number(p + 4 + used, 8);
            wanted[i] = NULL;
            used += 8;
            missing = wanted[0] || wanted[1] || wanted[2];
        }
        p += 4 + length;
        n -= 4 + length;
    }
    return !missing;
}

/* The local header repeats name and method; its sizes may come after the data instead, so they are not looked at. */
static status read_local(const struct zip_bytes *zip, const struct directory *dir, struct zip_entry *e, uint64_t size)
{
    const unsigned char *p;
    uint64_t begin;

    if (e->at > dir->at || dir->at - e->at < LOCAL_BYTES || !is(zip->data + e->at, 3, 4))
        return bad(zip, "an entry's header is out of place");
    p = zip->data + e->at;
    begin = e->at + LOCAL_BYTES + get_number(p + 26, 2) + get_number(p + 28, 2);
    if (begin > dir->at || size > dir->at - begin) return bad(zip, "an entry reaches beyond the file");
    if (get_number(p + 26, 2) != e->name_bytes || memcmp(p + LOCAL_BYTES, e->name, e->name_bytes) != 0 ||
        get_number(p + 8, 2) != 0)
        return bad(zip, "directory and entry disagree");
    e->data = zip->data + begin;
    e->size = (size_t)size;
    return ST_OK;
}

/* One directory entry at *at, which moves after it. */
static status read_entry(const struct zip_bytes *zip, const struct directory *dir, uint64_t *at, struct zip_entry *e)
{
    const unsigned char *p = zip->data + *at;
    uint64_t size, packed, room = dir->end - *at;
    size_t name, extra, comment;

    if (room < ENTRY_BYTES || !is(p, 1, 2)) return bad(zip, "directory entry out of place");
    name = get_number(p + 28, 2);
    extra = get_number(p + 30, 2);
    comment = get_number(p + 32, 2);
    if (room - ENTRY_BYTES < name + extra + comment) return bad(zip, "directory cut short");
    packed = get_number(p + 20, 4);
    size = get_number(p + 24, 4);
    e->at = get_number(p + 42, 4);
    e->name = (const char *)p + ENTRY_BYTES;
    e->name_bytes = name;
    if (!read_extra(p + ENTRY_BYTES + name, extra, &size, &packed, &e->at)) return bad(zip, "bad zip64 field");
    if (get_number(p + 8, 2) & 0x2041) return bad(zip, "encrypted");
    if (get_number(p + 10, 2) != 0 || size != packed)
        return fault(ST_INPUT,
                     "%s: entry %.*s is compressed (%llu bytes of %llu), expected stored entries, as torch.save "
                     "writes them",
                     zip->path, name > 100 ? 100 : (int)name, e->name, (unsigned long long)packed,
                     (unsigned long long)size);
    *at += ENTRY_BYTES + name + extra + comment;
    return read_local(zip, dir, e, size);
}

static int by_place(const void *a, const void *b)
{
    const struct zip_entry *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_name(const void *a, const void *b)
{
    const struct zip_entry *x = a, *y = b;
    size_t n = x->name_bytes < y->name_bytes ? x->name_bytes : y->name_bytes;
    int order = memcmp(x->name, y->name, n);

    if (order != 0) return order;
    return x->name_bytes < y->name_bytes ? -1 : x->name_bytes > y->name_bytes;
}

static status read_entries(const struct zip_bytes *zip, const struct directory *dir, struct zip_map *map)
{
    uint64_t at = dir->at;

    for (size_t i = 0; i < map->count; i++) TRY(read_entry(zip, dir, &at, &map->entries[i]));
    if (at != dir->end) return bad(zip, "bytes after the directory's last entry");
    qsort(map->entries, map->count, sizeof *map->entries, by_place);
    for (size_t i = 1; i < map->count; i++)
        if (map->entries[i - 1].data + map->entries[i - 1].size > zip->data + map->entries[i].at)
            return bad(zip, "entries overlap");
    qsort(map->entries, map->count, sizeof *map->entries, by_name);
    for (size_t i = 1; i < map->count; i++)
        if (by_name(&map->entries[i - 1], &map->entries[i]) == 0) return bad(zip, "two entries of one name");
    return ST_OK;
}

status zip_map_open(const char *path, const unsigned char *data, size_t size, struct zip_map *map)
{
    struct zip_bytes zip = {path, data, size};
    struct directory dir = {0};
    status s;

    memset(map, 0, sizeof *map);
    TRY(read_directory_place(&zip, &dir));
    TRY(mem_alloc((size_t)dir.count, sizeof *map->entries, &map->entries));
    map->count = (size_t)dir.count;
    s = read_entries(&zip, &dir, map);
    if (s != ST_OK) zip_map_close(map);
    return s;
}

void zip_map_close(struct zip_map *map)
{
    mem_free(map->entries);
    map->entries = NULL;
    map->count = 0;
}

const struct zip_entry *zip_map_find(const struct zip_map *map, const char *name, size_t name_bytes)
{
    struct zip_entry key = {.name = name, .name_bytes = name_bytes};

    return map->count ? bsearch(&key, map->entries, map->count, sizeof key, by_name) : NULL;
}
