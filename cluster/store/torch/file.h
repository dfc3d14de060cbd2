/* torch.save's files, read without Python: a zip of stored entries, one of them a pickle, the others tensors' bytes.
 *
 * The pickle is run by a machine that knows plain values (dict, list, tuple, text, numbers, bool, None) and nine names:
 * collections.OrderedDict, torch.Size, torch._utils._rebuild_tensor, _rebuild_tensor_v2, _rebuild_parameter, and the
 * storage types. Any other name ends the reading with a message that says which: nothing foreign is ever called. State
 * set on a dict (a state dict's _metadata) is read and forgotten.
 *
 * The file stays mapped and tensors point into it, so that a model is never copied. Compressed entries are refused
 * (torch.save stores), and with them every compression bomb. CRCs are not compared, as torch itself does not. */
#ifndef MP2_CLUSTER_STORE_TORCH_FILE_H
#define MP2_CLUSTER_STORE_TORCH_FILE_H

#include "cluster/base/file.h"
#include "cluster/store/tensor.h"

enum torch_kind {
    TORCH_NONE,
    TORCH_BOOL,
    TORCH_INT,
    TORCH_REAL,
    TORCH_TEXT,
    TORCH_TUPLE,
    TORCH_LIST,
    TORCH_DICT,
    TORCH_TENSOR,
    TORCH_GLOBAL,
    TORCH_STORAGE /* a name or a storage on its own: of no use outside the reader */
};

struct torch_value {
    enum torch_kind kind;
    size_t count; /* TEXT: bytes (a 0 follows, none inside); TUPLE, LIST, DICT: items */
    size_t room;  /* the reader's */
    union {
        int64_t integer; /* INT, BOOL */
        double real;
        const char *text;
        struct torch_value **items; /* TUPLE, LIST; DICT: key, value, key, value …; keys differ, and are TEXT or INT */
        struct tensor *tensor;      /* its name is "" */
        const struct torch_storage *storage;
        int global;
    } as;
};

struct torch_file {
    char path[4096]; /* as given, for messages */
    struct file_map map;
    struct torch_value *root; /* values may be shared, and hold themselves: do not walk without a bound */
    void *memory;
};

/* Local. ST_INPUT (reported) when anything is wrong; then there is nothing to close. Bounds: 16 MiB of pickle, 2^18
 * entries, 2^22 values. */
status torch_open(const char *path, struct torch_file *file);
/* The same over bytes in memory, which stay the caller's and must outlive file. */
status torch_open_bytes(const char *name, const void *data, size_t size, struct torch_file *file);
void torch_close(struct torch_file *file); /* harmless on a closed or zeroed one */

/* Local. The value under a key, NULL when there is none or dict is NULL or no dict. */
const struct torch_value *torch_get(const struct torch_value *dict, const char *key);
const struct torch_value *torch_get_int(const struct torch_value *dict, int64_t key);

#endif
