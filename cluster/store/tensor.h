/* A tensor that lies in a file: name, element type, shape, strides, and where its bytes are. Foreign formats
 * (safetensors, torch) give their contents in this form; nothing is copied until it is read into floats.
 *
 * Bytes in files are little-endian, as are the machines this runs on, and need not be aligned. */
#ifndef MP2_CLUSTER_STORE_TENSOR_H
#define MP2_CLUSTER_STORE_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

/* name in safetensors, bytes an element. */
/* clang-format off */
#define TENSOR_TYPE_LIST(X)                                                                                            \
    X(F64, 8) X(F32, 4) X(F16, 2) X(BF16, 2)                                                                           \
    X(I64, 8) X(I32, 4) X(I16, 2) X(I8, 1) X(U64, 8) X(U32, 4) X(U16, 2) X(U8, 1) X(BOOL, 1)                           \
    X(F8_E4M3, 1) X(F8_E5M2, 1) X(C64, 8)
/* clang-format on */

#define TENSOR_TYPE_ENUM(name, bytes) TENSOR_##name,
enum tensor_type { TENSOR_TYPE_LIST(TENSOR_TYPE_ENUM) TENSOR_TYPE_COUNT };
#undef TENSOR_TYPE_ENUM

enum { TENSOR_RANK = 8 };

struct tensor {
    const char *name; /* never NULL; belongs to the file */
    enum tensor_type type;
    int rank; /* 0 … TENSOR_RANK; 0 is one element */
    int64_t shape[TENSOR_RANK];
    int64_t stride[TENSOR_RANK]; /* in elements, >= 0; row-major in safetensors, anything in torch files */
    int64_t count;               /* elements, the product of shape */
    const unsigned char *data;   /* element (0, …, 0); every element the strides reach lies inside the file */
    size_t bytes;                /* from data to the end of the last element reached */
};

size_t tensor_type_bytes(enum tensor_type type);
const char *tensor_type_name(enum tensor_type type);
/* Local. 1 and *type set when name is the safetensors name of a known type. */
int tensor_type_find(const char *name, enum tensor_type *type);
int tensor_type_is_float(enum tensor_type type); /* F64, F32, F16, BF16 */

/* Local. Set stride to row-major and count to the product of shape; 0 when a number is negative or a product
 * overflows. */
int tensor_set_row_major(struct tensor *t);
int tensor_is_row_major(const struct tensor *t);

/* Local. "[24,300,51200]" into out (cut at room), returns out. */
char *tensor_shape_text(int rank, const int64_t *shape, char *out, size_t room);

/* Local. ST_INPUT (reported, with both shapes) unless t has exactly this rank and shape; a -1 in shape matches
 * anything. path is for the message. */
status tensor_expect(const char *path, const struct tensor *t, int rank, const int64_t *shape);

/* Local. Elements first … first+count-1, counted in row-major order whatever the strides, as floats. F64 is rounded to
 * nearest even. ST_INPUT (reported) when the type is no float or the range leaves the tensor. Safe from several
 * threads. */
status tensor_read_f32(const char *path, const struct tensor *t, int64_t first, int64_t count, float *out);
/* The same for I64 (no other type). */
status tensor_read_i64(const char *path, const struct tensor *t, int64_t first, int64_t count, int64_t *out);

/* Round to nearest even; NaN stays a (quiet) NaN. The way back is exact. */
uint16_t tensor_bf16(float x);
uint16_t tensor_f16(float x);
float tensor_from_bf16(uint16_t x);
float tensor_from_f16(uint16_t x);

#endif
