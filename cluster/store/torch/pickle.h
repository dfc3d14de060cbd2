/* The restricted unpickler inside torch_file: its machine, and the calls it may make. Used by torch_*.c only. */
#ifndef MP2_CLUSTER_STORE_TORCH_PICKLE_H
#define MP2_CLUSTER_STORE_TORCH_PICKLE_H

#include "cluster/store/torch/file.h"
#include "cluster/store/torch/zip_map.h"

enum { PICKLE_WORK_MOST = 1 << 22 }; /* pushes and items */

enum torch_global {
    GLOBAL_ORDERED_DICT,
    GLOBAL_SIZE,
    GLOBAL_REBUILD_TENSOR,
    GLOBAL_REBUILD_TENSOR_V2,
    GLOBAL_REBUILD_PARAMETER,
    GLOBAL_STORAGE /* GLOBAL_STORAGE + tensor type */
};

struct torch_storage {
    enum tensor_type type;
    int64_t count; /* elements */
    const unsigned char *data;
};

struct pickle {
    const char *path;
    const unsigned char *data; /* the pickle */
    size_t size, at;
    const struct zip_map *zip; /* where storages are */
    const char *prefix;        /* "archive/" */
    size_t prefix_bytes;
    struct torch_value **stack;
    size_t depth, stack_room;
    size_t *marks;
    size_t mark_count, mark_room;
    struct torch_value **memo;
    size_t memo_room, memo_count;
    struct torch_value **dicts; /* every dict made, for the check of their keys */
    size_t dict_count, dict_room;
    size_t work;          /* pushes and items so far, bounded */
    void *memory;         /* chain of blocks: all values; becomes the file's */
    unsigned char *block; /* where the next small value goes */
    size_t block_left;
};

/* ---- pickle.c: the machine, which makes the calls below ---- */

/* Local. Run the pickle; *root is its result. */
status pickle_run(struct pickle *p, struct torch_value **root);
/* Local. What is only needed while it runs; memory stays. */
void pickle_fini(struct pickle *p);

/* ---- pickle_values.c: values and their memory. Local; all report what is wrong, with the pickle's byte ---- */

status pickle_bad(const struct pickle *p, const char *what);
status pickle_take(struct pickle *p, size_t bytes, void *out); /* zeroed, 16-byte aligned */
status pickle_value(struct pickle *p, enum torch_kind kind, struct torch_value **out);
status pickle_count_work(struct pickle *p, size_t n);
void pickle_free_memory(void *memory);

/* ---- build.c: what a pickle may name and call ---- */

/* Local. module.name, neither 0-terminated, to a value; the one place where foreign names are let in. */
status pickle_find_global(struct pickle *p, const char *module, size_t module_bytes, const char *name,
                          size_t name_bytes, struct torch_value **out);
/* Local. ('storage', type, key, place, count) to a storage inside the zip. */
status pickle_find_storage(struct pickle *p, const struct torch_value *id, struct torch_value **out);
/* Local. global(*arguments). */
status pickle_call(struct pickle *p, const struct torch_value *global, const struct torch_value *arguments,
                   struct torch_value **out);

#endif
