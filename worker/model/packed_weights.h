/* The frozen encoder's weights, packed for the products, in one relocatable block of memory: offsets only, so that the
 * ranks of a node can share one copy (worker/README.md, "Memory"). A layer holds each matrix twice: W for forward, W^T
 * for the activation gradients. Layout: header, tables, then the layers in order; every part 64-byte aligned.
 *
 * In int8 each column of W has its own scale, and so has each column of W^T: both are rounded from the floats. */
#ifndef MP2_WORKER_MODEL_PACKED_WEIGHTS_H
#define MP2_WORKER_MODEL_PACKED_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/pool.h"
#include "cluster/base/random.h"
#include "cluster/base/status.h"
#include "worker/kernel/kernels.h"
#include "worker/model/matmul.h"
#include "worker/model/source.h"

/* The products of a layer; also the order in which packed_weights_products lists them. */
enum packed_weights_product {
    PRODUCT_QKV,       /* (H) -> (3H) [q | k | v], bias */
    PRODUCT_OUT,       /* (H) -> (H), bias */
    PRODUCT_UP,        /* (H) -> (F), bias */
    PRODUCT_DOWN,      /* (F) -> (H), bias */
    PRODUCT_QKV_BACK,  /* (3H) -> (H), out f32 */
    PRODUCT_OUT_BACK,  /* (H) -> (H) */
    PRODUCT_UP_BACK,   /* (F) -> (H), out f32 */
    PRODUCT_DOWN_BACK, /* (H) -> (F) */
    PRODUCT_COUNT
};

struct packed_weights_layer {
    void *packed[PRODUCT_COUNT];
    float *bias[PRODUCT_COUNT];  /* of the four forward products; in int8 0 for the others, else NULL */
    float *scale[PRODUCT_COUNT]; /* int8: of W's columns, and what is subtracted from their sums (kernels.h: struct */
    int32_t *offset[PRODUCT_COUNT];   /* int8_scales); else NULL */
    float *norm1_weight, *norm1_bias; /* (H) after attention */
    float *norm2_weight, *norm2_bias; /* (H) after the feed-forward network */
};

struct packed_weights {
    struct model_config config;
    enum number precision;
    void *word;                         /* (V,H) of precision */
    float *position, *type;             /* (positions,H), (types,H) */
    float *norm_weight, *norm_bias;     /* (H) of the embeddings */
    struct packed_weights_layer *layer; /* (L); owned by this struct, not part of the block */
    float *room;                        /* likewise: for packed_weights_refill, a matrix per thread */
};

/* The source of weights: a model folder, or random numbers (tests, bench). */
struct packed_weights_source {
    /* Rows first … first+rows-1 (of the first axis) of tensor `name` as floats, names and shapes as in source.h. */
    status (*read)(const void *arg, const char *name, int64_t first, int64_t rows, int64_t width, float *out);
    void (*drop)(const void *arg); /* what was read so far will not be read again; NULL: nothing to drop */
    const void *arg;
};

struct packed_weights_source packed_weights_from_model(const struct model_source *model);
/* Seeded, nearly normal numbers with standard deviation .02, biases 0, LayerNorm 1 and 0. key remains owned by the
 * caller. */
struct packed_weights_source packed_weights_from_random(const struct random_key *key);

/* Local. The eight products of a config; the same in int8. */
void packed_weights_products(const struct model_config *c, enum number p, struct matmul_spec specs[PRODUCT_COUNT]);
void packed_weights_products_int8(const struct model_config *c, struct matmul_spec specs[PRODUCT_COUNT]);

/* Local. Bytes of the block. */
size_t packed_weights_bytes(const struct model_config *c, enum number p, const struct matmul *m);

/* Local. Fill memory (64-byte aligned, packed_weights_bytes) layer by layer; at most one matrix of the source is in
 * memory as f32, or one per thread with a pool (source->read and drop must then be thread-safe). pool NULL: on this
 * thread. */
status packed_weights_fill(const struct model_config *c, enum number p, const struct matmul *m,
                           const struct packed_weights_source *source, struct pool *pool, void *memory);

/* Local. Point into a packed block, which remains owned by the caller and is only read. ST_INPUT if the block was
 * packed for other sizes or another precision or layout. */
status packed_weights_attach(const struct model_config *c, enum number p, const struct matmul *m, void *memory,
                             struct packed_weights *out);
void packed_weights_fini(struct packed_weights *w);

/* Local. Refill an attached block, on all threads of a pool that must always be the same; allocates memory only the
 * first time. */
status packed_weights_refill(struct packed_weights *w, const struct matmul *m,
                             const struct packed_weights_source *source, struct pool *pool);

#endif
