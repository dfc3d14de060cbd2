/* The memory of one unit in the encoder: what backward needs of every layer, and each thread's scratch for a block of
 * rows. Internal to the encoder; its public header is encoder.h. */
#ifndef MP2_WORKER_MODEL_ACTIVATIONS_H
#define MP2_WORKER_MODEL_ACTIVATIONS_H

#include "worker/model/encoder.h"

enum { ENCODER_BLOCK = 128 }; /* maximum rows that one thread takes through a layer at a time */
enum { INT8_ROWS = 64 };      /* and through an int8 product, whose sums should stay in the L2 cache */

struct row_block {
    int32_t first, rows;
};

/* Of one layer; T rows (room for whole grains), t: elements of the encoder's precision. In inference one set of qkv
 * and pre serves all layers and the rest is NULL. */
struct layer_saved {
    void *qkv;                  /* (T,3H) t */
    float *stats;               /* (heads,T,2) of attention's softmax */
    void *xhat1, *xhat2;        /* (T,H) t */
    float *rstd1, *rstd2;       /* (T) */
    void *pre;                  /* (T,F) t: before GELU */
    void *in_qkv, *ctx, *in_up; /* (T,H) t: inputs of products; in_qkv and in_up with a sink only */
};

/* What only a sink needs, for one layer at a time. */
struct sink_saved {
    void *gelu, *d_down, *d_up, *d_out; /* (T,F), (T,H), (T,F), (T,H) t */
    float *d_norm1, *d_norm2;           /* (T,H) */
    void *embed_xhat;                   /* (T,H) t */
    float *embed_rstd;                  /* (T) */
};

/* One thread's scratch for a block of rows. */
struct thread_scratch {
    void *narrow, *narrow2; /* (ENCODER_BLOCK,H) t */
    void *wide;             /* (ENCODER_BLOCK,F) t */
    float *sum;             /* (ENCODER_BLOCK,H) */
    void *attention;
    uint8_t *integers; /* int8: a product's input (INT8_ROWS, max(F,3H)), the scales of its rows, its sums (as input) */
    float *scale;
    void *sums;
};

struct activations {
    struct activations_plan plan;
    void *memory;
    float *state;               /* (T,H): the residual stream */
    float *gradient;            /* (T,H) */
    void *d_ctx, *d_qkv;        /* (T,H), (T,3H) t */
    float *by_example;          /* (E,P,H): prompt gradients of a layer before they are summed */
    struct layer_saved *layers; /* (L) */
    struct sink_saved sink;
    struct thread_scratch *threads;
    struct row_block *blocks;
    int32_t block_count;
    int32_t *order;          /* (E) examples, longest first */
    int32_t *wanted;         /* (E + 1) index of each example's first row among the wanted rows */
    int32_t *rows;           /* (T) the wanted rows of the last layer, ascending */
    struct row_place *place; /* (T) of these */
    int32_t row_count;       /* -1: all rows are wanted */
};

/* Local. Cut the batch's rows into blocks for that many threads, order its examples, clear the gaps. */
void activations_prepare(const struct encoder *e, struct activations *a, const struct unit_batch *b);

/* Local. Before a layer that continues with some rows only: store the rows (ascending) and count those of each example;
 * after its attention: move their state to the front, cut them into blocks. In backward: move their gradient from the
 * front to their places, 0 in all others, and cut all rows into blocks. */
void activations_want(struct activations *a, const struct unit_batch *b, const int32_t *rows, int32_t count);
void activations_narrow(const struct encoder *e, struct activations *a);
void activations_widen(const struct encoder *e, struct activations *a, const struct unit_batch *b);

/* Local. Element `index` of an array of type; row `row` of a (rows,width) array of type. */
static inline void *element_at(void *base, enum number type, int64_t index)
{
    return (char *)base + (size_t)index * number_size(type);
}

static inline void *row_at(void *base, enum number type, int64_t row, int64_t width)
{
    return element_at(base, type, row * width);
}

#endif
