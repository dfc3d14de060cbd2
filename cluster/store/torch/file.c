/* Opening a torch file: the zip's directory, the pickle in it, and a last look at the dicts' keys. */
#include "cluster/store/torch/file.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/torch/pickle.h"

enum { PICKLE_LIMIT = 16 << 20 };

/* The one "X/data.pkl"; torch names the folder X after the file. */
static status find_pickle(const char *path, const struct zip_map *zip, const struct zip_entry **out)
{
    static const char name[] = "data.pkl";

    *out = NULL;
    for (size_t i = 0; i < zip->count; i++) {
        const struct zip_entry *e = &zip->entries[i];
        const char *slash = memchr(e->name, '/', e->name_bytes);
        size_t behind = slash ? e->name_bytes - (size_t)(slash + 1 - e->name) : 0;

        if (behind != sizeof name - 1 || memcmp(slash + 1, name, behind) != 0) continue;
        if (*out) return fault(ST_INPUT, "%s: two data.pkl, expected one", path);
        *out = e;
    }
    if (!*out) return fault(ST_INPUT, "%s: a zip file without data.pkl, expected one made by torch.save", path);
    if ((*out)->size > PICKLE_LIMIT)
        return fault(ST_INPUT, "%s: data.pkl of %zu bytes, expected at most %d", path, (*out)->size, PICKLE_LIMIT);
    return ST_OK;
}

static status check_byte_order(const char *path, const struct zip_map *zip, const struct pickle *p)
{
    char name[4096];
    const struct zip_entry *e;

    if (p->prefix_bytes + 9 > sizeof name) return fault(ST_INPUT, "%s: entry names too long", path);
    memcpy(name, p->prefix, p->prefix_bytes);
    memcpy(name + p->prefix_bytes, "byteorder", 9);
    e = zip_map_find(zip, name, p->prefix_bytes + 9);
    if (e && (e->size != 6 || memcmp(e->data, "little", 6) != 0))
        return fault(ST_INPUT, "%s: byte order %.*s, expected little", path, e->size > 20 ? 20 : (int)e->size,
                     (const char *)e->data);
    return ST_OK;
}

/* ---- every key once -------------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const struct torch_value *x = *(struct torch_value *const *)a, *y = *(struct torch_value *const *)b;

    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    if (x->kind == TORCH_TEXT) return strcmp(x->as.text, y->as.text);
    return x->as.integer < y->as.integer ? -1 : x->as.integer > y->as.integer;
}

static status check_keys(const char *path, const struct torch_value *dict)
{
    struct torch_value **keys;
    status s = ST_OK;
    size_t n = dict->count / 2;

    if (n < 2) return ST_OK;
    TRY(mem_alloc(n, sizeof *keys, &keys));
    for (size_t i = 0; i < n; i++) keys[i] = dict->as.items[2 * i];
    qsort(keys, n, sizeof *keys, by_key);
    for (size_t i = 1; i < n && s == ST_OK; i++) {
        if (by_key(&keys[i - 1], &keys[i]) != 0) continue;
        if (keys[i]->kind == TORCH_TEXT) s = fault(ST_INPUT, "%s: key \"%.200s\" twice", path, keys[i]->as.text);
        else s = fault(ST_INPUT, "%s: key %lld twice", path, (long long)keys[i]->as.integer);
    }
    mem_free(keys);
    return s;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static status load_pickle(struct torch_file *file, const struct zip_map *zip, struct pickle *p)
{
    const struct zip_entry *e;

    TRY(find_pickle(file->path, zip, &e));
    p->data = e->data;
    p->size = e->size;
    p->prefix = e->name;
    p->prefix_bytes = e->name_bytes - 8;
    TRY(check_byte_order(file->path, zip, p));
    TRY(pickle_run(p, &file->root));
    for (size_t i = 0; i < p->dict_count; i++) TRY(check_keys(file->path, p->dicts[i]));
    return ST_OK;
}

/* Before torch 1.6, torch.save wrote pickles one after the other, the first a magic number; before 0.1, tar files. */
static status refuse_old_forms(const char *path, const unsigned char *data, size_t size)
{
    static const unsigned char magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

    /* After the protocol, and from protocol 4 on after a frame. */
    if ((size > 0 && data[0] == 0x80 && memmem(data, size < 64 ? size : 64, magic, sizeof magic)) ||
        (size > 262 && memcmp(data + 257, "ustar", 5) == 0))
        return fault(
            ST_INPUT,
            "%s: is in the form torch.save used before version 1.6, expected its zip form; convert it with: "
            "python3 -c 'import sys, torch; f = sys.argv[1]; torch.save(torch.load(f, map_location=\"cpu\"), f)' "
            "FILE",
            path);
    if (size < 4 || memcmp(data, "PK", 2) != 0)
        return fault(ST_INPUT, "%s: is no zip file, expected one made by torch.save", path);
    return ST_OK;
}

static status parse_file(struct torch_file *file, const unsigned char *data, size_t size)
{
    struct pickle p = {.path = file->path};
    struct zip_map zip;
    status s;

    TRY(refuse_old_forms(file->path, data, size));
    TRY(zip_map_open(file->path, data, size, &zip));
    p.zip = &zip;
    s = load_pickle(file, &zip, &p);
    pickle_fini(&p);
    zip_map_close(&zip);
    file->memory = p.memory;
    return s;
}

status torch_open(const char *path, struct torch_file *file)
{
    struct file_map map;
    status s;

    memset(file, 0, sizeof *file); /* closing it is harmless whatever happens */
    TRY(file_map_open(path, &map));
    s = torch_open_bytes(path, map.data, map.size, file);
    if (s == ST_OK) file->map = map;
    else file_map_close(&map);
    return s;
}

status torch_open_bytes(const char *name, const void *data, size_t size, struct torch_file *file)
{
    status s;

    memset(file, 0, sizeof *file);
    TRY(file_keep_path(file->path, sizeof file->path, name));
    s = parse_file(file, data, size);
    if (s != ST_OK) torch_close(file);
    return s;
}

void torch_close(struct torch_file *file)
{
    pickle_free_memory(file->memory);
    file_map_close(&file->map);
    file->memory = NULL;
    file->root = NULL;
}

const struct torch_value *torch_get(const struct torch_value *dict, const char *key)
{
    for (size_t i = 0; dict && dict->kind == TORCH_DICT && i + 1 < dict->count; i += 2)
        if (dict->as.items[i]->kind == TORCH_TEXT && strcmp(dict->as.items[i]->as.text, key) == 0)
            return dict->as.items[i + 1];
    return NULL;
}

const struct torch_value *torch_get_int(const struct torch_value *dict, int64_t key)
{
    for (size_t i = 0; dict && dict->kind == TORCH_DICT && i + 1 < dict->count; i += 2)
        if (dict->as.items[i]->kind == TORCH_INT && dict->as.items[i]->as.integer == key) return dict->as.items[i + 1];
    return NULL;
}
