/* The frozen BERT-shaped post-LN encoder with prompts: forward, and backward of activations only, down to the prompts
 * (worker/README.md, "Encoder", "Prompt", "Exact gradients"). No weight gradients are computed; a struct encoder_sink
 * receives what they need.
 *
 * Work is divided by rows (products, LayerNorm, GELU, dropout: everything from one attention to the next on one thread,
 * at most ENCODER_BLOCK rows at a time) and by (example, head) for attention; threads synchronise twice per layer. An
 * example's bits depend only on its tokens, the prompts and its dropout key. */
#ifndef MP2_WORKER_MODEL_ENCODER_H
#define MP2_WORKER_MODEL_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/pool.h"
#include "cluster/base/random.h"
#include "cluster/base/status.h"
#include "worker/kernel/kernels.h"
#include "worker/model/unit_batch.h"
#include "worker/model/matmul.h"
#include "worker/model/packed_weights.h"

struct encoder_options {
    enum number precision;
    enum isa isa; /* of the kernels; ISA_AUTO: the best */
    enum matmul_engine engine;
    int threads; /* of the pool that will run it */
    int check;   /* measure exactness at start; 0: assume EXACT_ROWS */
    int int8; /* products in int8: nearly twice as fast, error about 1 % of a hidden state. Each row has its own scale,
                 so its bits depend on the row only */
};

struct encoder {
    struct model_config config;
    enum number precision;
    int int8;
    enum matmul_exact exact; /* EXACT_NONE: the caller decides whether to continue */
    struct matmul *matmul;
    struct kernels kernels;
    struct packed_weights weights; /* empty until encoder_attach */
};

/* Memory of one unit: what backward needs, and scratch. Planned once, reused for every unit. */
struct activations;

/* Prompts of a step, added at positions 1 … P before layers: (layers,P,H) f32. layers is L (deep), 1 (shallow: before
 * layer 0 only) or 0 (none). */
struct encoder_prompts {
    int32_t layers, tokens;
    const float *values;
};

/* Dropout of a step and group: key is random_derive(random_seed(seed, RANDOM_DROPOUT), step, group, 0, 0). The rates
 * are the model config's; off in evaluation. Slots, layers, heads and positions are counters under this key
 * (kernels.h). */
struct encoder_dropout {
    int on;
    struct random_key key;
};

/* What backward passes on at the end of a layer, for weight gradients: dW = X^T dY of each product, the bias gradient
 * from d_out, LayerNorm's from xhat and d_norm (kernels.h: norm_parameters with d_a = d_norm, d_b = NULL). Rows are
 * those of the batch; every d_* is 0 in gaps. Called on the thread that called encoder_backward, from the last layer to
 * the first; the pointers are valid during the call. */
struct encoder_layer_view {
    int32_t layer, rows;
    const void *in[PRODUCT_DOWN + 1];    /* (T,k) of precision: input of QKV, OUT, UP, DOWN */
    const void *d_out[PRODUCT_DOWN + 1]; /* (T,n) of precision: gradient of their output */
    const void *xhat1, *xhat2;           /* (T,H) of precision: normalised values after attention, feed-forward */
    const float *d_norm1, *d_norm2;      /* (T,H) gradients after those two LayerNorms */
};

/* The embedding block, after layer 0. */
struct encoder_embedding_view {
    struct norm norm;   /* as in embed_forward: for norm_parameters with dropped = 1 */
    const void *xhat;   /* (T,H) */
    const float *d_out; /* (T,H) after the dropout */
    const float *d_sum; /* (T,H) gradient of word + position + type */
};

struct encoder_sink {
    status (*layer)(void *arg, const struct encoder_layer_view *view);
    status (*embedding)(void *arg, const struct encoder_embedding_view *view);
    void (*turn)(void *arg); /* called now and then on that thread while others work, to progress messages; or NULL */
    void *arg;
    int32_t lowest; /* layers below are skipped; above 0: so is the embedding block */
};

/* Local. Compile the products and (if check) measure exactness on the pool. Attach weights afterwards. */
status encoder_new(const struct model_config *config, const struct encoder_options *options, struct pool *pool,
                   struct encoder **out);
void encoder_destroy(struct encoder **e);

/* Local. The block of packed weights: its size; fill it (pool: on all its threads, see packed_weights_fill); attach one
 * (perhaps filled by another rank). */
size_t encoder_weights_bytes(const struct encoder *e);
status encoder_weights_pack(const struct encoder *e, const struct packed_weights_source *source, struct pool *pool,
                            void *memory);
status encoder_attach(struct encoder *e, void *memory);
/* Local. Refill the attached block, for weights that change. Always pass the same pool. */
status encoder_weights_repack(struct encoder *e, const struct packed_weights_source *source, struct pool *pool);

/* Local. The required align of a batch: 1, or MATMUL_GRAIN if products are exact only per example. */
int32_t encoder_row_align(const struct encoder *e);

/* Local. Memory for units of at most that many rows and examples. keep: for backward (all layers' activations); 0:
 * inference. sink: backward will be called with one. */
struct activations_plan {
    int32_t rows, examples, prompt_tokens, threads;
    int keep, sink;
};
size_t activations_bytes(const struct encoder *e, const struct activations_plan *plan);
status activations_new(const struct encoder *e, const struct activations_plan *plan, struct activations **out);
void activations_destroy(struct activations **a);

/* Local. The maximum rows of a unit such that activations_bytes stays within budget (0: not even one row). */
int32_t activations_rows(const struct encoder *e, const struct activations_plan *plan, size_t budget);

/* Local. The last hidden state (T,H) f32 after forward; gaps are undefined. Backward takes the gradient in
 * activations_gradient (T,H) f32, which the caller fills (all rows; 0 in gaps) and backward destroys. */
const float *activations_hidden(const struct activations *a);
float *activations_gradient(struct activations *a);

/* Local. Run the batch through all layers. Ids and positions must be in the tables' range, every length above P. */
status encoder_forward(const struct encoder *e, struct pool *pool, struct activations *a, const struct unit_batch *b,
                       const struct encoder_prompts *prompts, const struct encoder_dropout *dropout);

/* The same for layers [first, last) only: first = 0 starts from the ids, otherwise from activations_state, the (T,H)
 * f32 input of layer first before its prompt. After it activations_state is the input of layer last. Inference only. */
status encoder_forward_range(const struct encoder *e, struct pool *pool, struct activations *a,
                             const struct unit_batch *b, const struct encoder_prompts *prompts, int32_t first,
                             int32_t last);
float *activations_state(struct activations *a);

/* From layer first (as above; above 0: inference only) to the end, if the last hidden states of only some rows are
 * needed: rows (count), ascending, of any examples. After queries, keys and values, the last layer computes only these.
 * Then row j of activations_hidden belongs to rows[j], with the same bits as encoder_forward, and row j of
 * activations_gradient, which backward reads, is its gradient: that of all other rows is 0. */
status encoder_forward_rows(const struct encoder *e, struct pool *pool, struct activations *a,
                            const struct unit_batch *b, const struct encoder_prompts *prompts,
                            const struct encoder_dropout *dropout, int32_t first, const int32_t *rows, int32_t count);

/* Local. From activations_gradient down to the prompts, after encoder_forward (without a sink: or encoder_forward_rows)
 * of the same batch, prompts and dropout.
 *   d_prompts  (layers,P,H) f32: sum of the examples' prompt gradients over the tree of their slots (cluster/README.md,
 * "Tree of sums"); NULL: none wanted sink       NULL, or see struct encoder_sink */
status encoder_backward(const struct encoder *e, struct pool *pool, struct activations *a, const struct unit_batch *b,
                        const struct encoder_prompts *prompts, const struct encoder_dropout *dropout, float *d_prompts,
                        const struct encoder_sink *sink);

#endif
