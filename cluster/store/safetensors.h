/* safetensors files: 8 bytes of header length, a JSON header, the tensors' bytes back to back.
 *
 * Reading: the file is mapped and wholly checked before anything of it is used: header within bounds (4 MiB: jansson's
 * tree of a hostile header stays far below 1 GiB), every key once, type, shape and offsets in agreement, no overlap, no
 * hole, nothing after the end. A tensor one finds is therefore safe to read.
 *
 * Writing: the layout (header bytes and each tensor's place in the file) is a function of the specs alone, so that one
 * process with a FILE and many ranks with MPI-IO write the same bytes. Tensors lie in the order given; the header is
 * padded with spaces to 8 bytes, as the Rust library does. Give wide types first and every tensor is aligned. */
#ifndef MP2_CLUSTER_STORE_SAFETENSORS_H
#define MP2_CLUSTER_STORE_SAFETENSORS_H

#include "cluster/base/file.h"
#include "cluster/store/tensor.h"

struct safetensors_text {
    const char *key, *value;
};

struct safetensors {
    char path[4096]; /* as given, for messages */
    struct file_map map;
    size_t count;
    struct tensor *tensors; /* in name order (bytes compared) */
    size_t text_count;
    struct safetensors_text *texts; /* "__metadata__", in the file's order */
    void *json;                     /* owns names and texts */
};

/* Local. ST_INPUT (reported) when anything is wrong; then there is nothing to close. */
status safetensors_open(const char *path, struct safetensors *file);
/* The same over bytes in memory, which stay the caller's and must outlive file. */
status safetensors_open_bytes(const char *name, const void *data, size_t size, struct safetensors *file);
void safetensors_close(struct safetensors *file); /* harmless on a closed or zeroed one */

/* Local. NULL when there is none. */
const struct tensor *safetensors_find(const struct safetensors *file, const char *name);
const char *safetensors_metadata(const struct safetensors *file, const char *key);

/* Local. Find and check at once: ST_INPUT (reported) when the tensor is missing, has another type, or another shape
 * (-1 matches any length). type TENSOR_TYPE_COUNT: any float. */
status safetensors_expect(const struct safetensors *file, const char *name, enum tensor_type type, int rank,
                          const int64_t *shape, const struct tensor **out);

struct tensor_spec {
    const char *name;
    enum tensor_type type;
    int rank;
    int64_t shape[TENSOR_RANK];
};

struct safetensors_layout {
    char *header; /* length word, JSON and padding: the first header_bytes of the file */
    size_t header_bytes;
    size_t count;
    int64_t *offset; /* of each spec's tensor, from the start of the file */
    int64_t *bytes;
    int64_t file_bytes;
};

/* Local. ST_INPUT on a bad spec (name twice, shape that overflows), ST_MEMORY. The specs are not kept. */
status safetensors_layout_make(const struct tensor_spec *specs, size_t count, const struct safetensors_text *texts,
                               size_t text_count, struct safetensors_layout *layout);
void safetensors_layout_free(struct safetensors_layout *layout);

/* Local. The whole file from memory: data[i] holds the bytes of specs[i]. Written beside, fsynced, renamed. */
status safetensors_write(const char *path, const struct tensor_spec *specs, size_t count,
                         const struct safetensors_text *texts, size_t text_count, const void *const *data);

#endif
