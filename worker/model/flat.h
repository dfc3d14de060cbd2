/* All parameters of a masked language model as one array of floats: the canonical tensors (names.h) one after another,
 * each starting at a multiple of 64 elements (zeros between). Gradients, moments and master weights share the layout,
 * so that sums, ranges and messages need not know about tensors. */
#ifndef MP2_WORKER_MODEL_FLAT_H
#define MP2_WORKER_MODEL_FLAT_H

#include "worker/model/names.h"
#include "worker/model/packed_weights.h"

enum { FLAT_GRAIN = 64 };

/* Slots within a layer and the head, in the order of names.h. */
enum flat_layer_slot {
    FLAT_QUERY,
    FLAT_QUERY_BIAS,
    FLAT_KEY,
    FLAT_KEY_BIAS,
    FLAT_VALUE,
    FLAT_VALUE_BIAS,
    FLAT_OUT,
    FLAT_OUT_BIAS,
    FLAT_NORM1,
    FLAT_NORM1_BIAS,
    FLAT_UP,
    FLAT_UP_BIAS,
    FLAT_DOWN,
    FLAT_DOWN_BIAS,
    FLAT_NORM2,
    FLAT_NORM2_BIAS
};
enum flat_head_slot {
    FLAT_DENSE,
    FLAT_DENSE_BIAS,
    FLAT_HEAD_NORM,
    FLAT_HEAD_NORM_BIAS,
    FLAT_DECODER_BIAS,
    FLAT_DECODER
}; /* the last if config.untied */
enum { FLAT_EMBEDDING_NORM = 3, FLAT_EMBEDDING_NORM_BIAS = 4 };

struct flat {
    struct model_config config;
    int64_t slots;
    int64_t *offset, *size; /* (slots) first element and elements */
    int64_t count;          /* of the whole array */
};

/* Local. config must have vocab and positions set. */
status flat_init(struct flat *f, const struct model_config *config);
void flat_fini(struct flat *f);

/* Local. Where a tensor of a layer, or of the head, begins. */
static inline int64_t flat_layer(const struct flat *f, int64_t layer, enum flat_layer_slot slot)
{
    return f->offset[NAME_EMBEDDINGS + NAME_LAYER * layer + slot];
}
static inline int64_t flat_head(const struct flat *f, enum flat_head_slot slot)
{
    return f->offset[names_encoder(f->config.layers) + slot];
}

/* Local. The parts in which backward completes a gradient, in that order: the head without the word table (a decoder's
 * own table with it), the layers from the last, the embeddings. */
static inline int flat_parts(const struct flat *f)
{
    return (int)f->config.layers + 2;
}
void flat_part(const struct flat *f, int part, int64_t *first, int64_t *last);

/* Local. AdamW decays matrices and tables, not biases and LayerNorms. */
int flat_decays(const struct flat *f, int64_t slot);

/* Local. AdamW on the elements first … last-1 of the array; the four arrays begin at element first. */
void flat_adamw(const struct flat *f, const struct kernels *k, const struct adamw *w, int64_t first, int64_t last,
                const float *grad, float *values, float *m, float *v);

/* Weights for packing, from such an array. Both remain owned by the caller. */
struct flat_view {
    const struct flat *flat;
    const float *values;
};
struct packed_weights_source packed_weights_from_flat(const struct flat_view *view);

/* Local. Fill values from a source; head: 0 leaves the head's tensors unchanged. */
status flat_read(const struct flat *f, const struct packed_weights_source *source, int head, float *values);

/* Local. `count` elements from `first` of the tensor of a canonical name. ST_INPUT (reported) if there is none. */
status flat_copy(const struct flat_view *view, const char *name, int64_t first, int64_t count, float *out);

#endif
