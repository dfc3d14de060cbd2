/* Everything the encoder computes between matrix products, and the operations on columns of A, as one table of
 * functions.
 *
 * Each file simd_*.c is compiled for AVX2, AVX-512 and AVX-512 with BF16; kernels_choose selects one set per run. Rules
 * that hold for every kernel (worker/README.md, "Kernels"):
 *   - Local, one thread, no allocation, no state. Threads divide rows, examples, heads or blocks among themselves.
 *   - The bits of a row (of an example and head in attention) are a function of that row (example) and its keys only:
 *     not of the number of rows, of neighbours, of addresses or of alignment. Sums run over 16 explicit lanes, counted
 *     from the row's first element, and are combined in one fixed tree. With f32 operands all three sets give the same
 *     bits.
 *   - Rows are packed, [rows][width] row-major without gaps unless a leading dimension (in elements) is given. No
 *     alignment is needed; 64 bytes are fastest. Nothing is read or written outside the stated elements.
 *   - `type` is the type of matrix inputs and outputs (void pointers); the residual stream and its gradient are f32.
 *     bf16 is rounded to nearest, ties to even, and denormals to 0. It works with every set, but is fast only
 *     with avx512bf16.
 *   - In-place use is allowed where stated; otherwise arrays must not overlap. */
#ifndef MP2_WORKER_KERNEL_KERNELS_H
#define MP2_WORKER_KERNEL_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/random.h"
#include "cluster/base/status.h"
#include "worker/kernel/adamw.h"

enum number { NUMBER_F32, NUMBER_BF16, NUMBER_U8, NUMBER_S32 }; /* integers: only for int8 products */
static inline size_t number_size(enum number type)
{
    return type == NUMBER_U8 ? 1 : type == NUMBER_BF16 ? 2 : 4;
}
static inline const char *number_name(enum number type)
{
    static const char *const names[] = {"f32", "bf16", "u8", "s32"};

    return names[type];
}

enum isa { ISA_AUTO, ISA_AVX2, ISA_AVX512, ISA_AVX512BF16 };

/* ---- keyed dropout ----------------------------------------------------------------------------------------------
 * Column c of the row at `position` of the example in batch slot `slot` is kept when a 16-bit number is >= threshold.
 * The number is half c % 2 (0: low) of word (c % 8) / 2 of random_block(key, {c / 8, position, site, slot}). Kept
 * values are multiplied by scale, others become 0. Forward and backward generate the same numbers; nothing is
 * stored. */
struct dropout {
    struct random_key key; /* of seed, RANDOM_DROPOUT, step and group */
    uint32_t threshold;    /* of 65,536; 0: no dropout, the identity bit for bit */
    float scale;           /* 65,536 / (65,536 - threshold) */
};

/* rate in [0,1), rounded to 1/65,536; values outside are clamped, NaN counts as 0. */
struct dropout dropout_make(struct random_key key, double rate);

/* Identifies a dropout of the model: the kind within a layer, or the probabilities of a head. */
enum dropout_kind { DROPOUT_EMBEDDING, DROPOUT_ATTENTION, DROPOUT_FEED_FORWARD, DROPOUT_HEAD = 16 };
static inline uint32_t dropout_site(int layer, int kind)
{
    return (uint32_t)layer << 16 | (uint32_t)kind;
}
static inline uint32_t dropout_head_site(int layer, int head)
{
    return dropout_site(layer, DROPOUT_HEAD + head);
}

/* Where a packed row comes from: its example's slot in the batch and its position in the example. */
struct row_place {
    uint32_t slot, position;
};

/* ---- arguments ---------------------------------------------------------------------------------------------------*/

/* The end of a sublayer: r = h + dropout(y); out = LN(r) * gamma + beta [+ prompt]. */
struct norm {
    int64_t rows;
    int width; /* H */
    float eps; /* of the LayerNorm: rstd = 1 / sqrt(variance + eps) */
    enum number type;
    const struct row_place *place; /* [rows]; may be NULL if there is neither dropout nor prompt */
    struct dropout drop;
    uint32_t site;
    const float *gamma, *beta; /* [width] */
    const float *prompt;       /* [prompt_rows][width], added to the rows at positions 1..prompt_rows: the next
                                * layer's prompt; NULL: none */
    int prompt_rows;
};

/* One head of one example. */
struct attention {
    int64_t keys;                  /* S, rows of k and v */
    int64_t queries;               /* rows of q, ctx and stats; usually S */
    const struct row_place *place; /* [queries] for dropout; NULL: query i is at position i */
    int width;                     /* head size, 1..256; multiples of 16 are fastest */
    int64_t ld;                    /* row stride of q, k, v (and dq, dk, dv) in elements: 3H in a [N,3H] buffer */
    int64_t ld_ctx;                /* row stride of ctx and d_ctx: H */
    enum number type;
    float scale; /* 1 / sqrt(head size); > 0 */
    struct dropout drop;
    uint32_t site; /* dropout_head_site(layer, head) */
    uint32_t slot;
};

/* An int8 product. A row x, rotated (rotation R below), is stored as q = x R / x_scale + 128, 1..255, a column of R^T W
 * as -127..127 times w_scale; the sum, sum[i][c] = q[i] . w[c], is exact, and
 *     y[i][c] = (sum[i][c] - offset[c]) * (x_scale[i] w_scale[c]) + bias[c],    offset[c] = 128 sum(w[c])
 * After GELU, whose minimum is -.16998, q = (x + INT8_FLOOR) / x_scale, 0..255, without rotation: the contribution of
 * INT8_FLOOR is in the bias, offset is 0.
 *
 * R mixes numbers of a row, so that one large number does not make the quantization of all others coarse: blocks of
 * 256, as long as they fit, are mixed at stride 16 by the 16 x 16 Hadamard matrix, over 4; then blocks of 64 at stride
 * 16 by the 4 x 4 matrix, over 2; the rest is unchanged. R is symmetric, R R = 1: it is undone by R folded into the
 * packed weights. */
#define INT8_FLOOR 0.17f
struct int8_scales {
    const float *x_scale;        /* [rows] */
    const float *w_scale, *bias; /* [width] */
    const int32_t *offset;       /* [width] */
};

enum { COLUMN_BLOCK = 64 }; /* columns of A in a block; an incomplete last block is stored in full, padded with 0 */

struct kernels {
    const char *name; /* "avx2", "avx512", "avx512bf16" */
    enum isa isa;

    /* ---- rows ---- */

    /* h[i] = dropout(LN(word[ids[i]] + position[place[i].position] + token_type) * gamma + beta) [+ prompt].
     *   word        [vocabulary][width] of word_type; ids within it (the caller has checked)
     *   position    [positions][width]; token_type [width]: the row of type 1
     *   h           [rows][width] f32
     *   h_matrix    the same rounded to n->type; NULL: not wanted
     *   xhat, rstd  [rows][width] of n->type, [rows]: saved for embed's LayerNorm backward; NULL: not wanted */
    void (*embed_forward)(const struct norm *n, const int32_t *ids, enum number word_type, const void *word,
                          const float *position, const float *token_type, float *h, void *h_matrix, void *xhat,
                          float *rstd);

    /* r = h + dropout(y); out = LN(r) * gamma + beta [+ prompt]. y is of n->type (the sublayer's matrix output, bias
     * included), h and out f32 (out may be h). out_matrix: out rounded to n->type; NULL: not wanted. xhat [rows][width]
     * of n->type and rstd [rows]: what backward needs; NULL: not wanted (evaluation). */
    void (*norm_forward)(const struct norm *n, const float *h, const void *y, float *out, void *out_matrix, void *xhat,
                         float *rstd);

    /* From d_out = d_a + d_b (f32; d_b NULL: only d_a) the gradient of r, d_h (f32, may be d_a or d_b), and of y, d_y =
     * dropout'(d_h) of n->type. beta and prompt are not read. For embed_forward use embed_backward. */
    void (*norm_backward)(const struct norm *n, const float *d_a, const float *d_b, const void *xhat, const float *rstd,
                          float *d_h, void *d_y);

    /* The embedding's: dropout comes after its LayerNorm. d_sum (f32): the gradient of word + position + type. */
    void (*embed_backward)(const struct norm *n, const float *d_a, const float *d_b, const void *xhat,
                           const float *rstd, float *d_sum);

    /* Gradients of gamma and beta over these rows, added row by row to d_gamma, d_beta [width]. d_out is the gradient
     * after the LayerNorm: d_a + d_b of norm_backward. dropped: 1 for the embedding's LayerNorm (dropout after it).
     */
    void (*norm_parameters)(const struct norm *n, int dropped, const float *d_a, const float *d_b, const void *xhat,
                            float *d_gamma, float *d_beta);

    /* y = x Phi(x), element by element; y may be x if the types are equal. */
    void (*gelu_forward)(int64_t n, enum number x_type, const void *x, enum number y_type, void *y);
    /* d_x = d_y (Phi(x) + x phi(x)); d_x (x's type) may be x, or d_y if the types are equal. */
    void (*gelu_backward)(int64_t n, enum number x_type, const void *x, enum number dy_type, const void *d_y,
                          void *d_x);

    /* ---- int8 products ---- */

    /* q and scale of rows of type, rotated; scratch (width). A non-finite row gets the scale NaN, and its results
     * become NaN. */
    void (*int8_quantize)(int64_t rows, int width, enum number type, const void *x, uint8_t *q, float *scale,
                          float *scratch);
    /* y of type from sums [rows][width] s32. */
    void (*int8_dequantize)(int64_t rows, int width, const struct int8_scales *s, const void *sums, enum number type,
                            void *y);
    /* Directly from the sums to q and scale of GELU(y); y itself, of type, is stored in pre (NULL: not wanted). sums
     * are destroyed. */
    void (*int8_gelu)(int64_t rows, int width, const struct int8_scales *s, void *sums, enum number type, void *pre,
                      uint8_t *q, float *scale);
    /* Likewise from the sums of a gradient dy to q and scale of dy GELU'(pre), rotated. */
    void (*int8_gelu_backward)(int64_t rows, int width, const struct int8_scales *s, void *sums, enum number type,
                               const void *pre, uint8_t *q, float *scale);

    /* ---- attention ---- */

    /* Bytes of scratch for forward and backward of this shape (to be 64-byte aligned); grows with keys. */
    size_t (*attention_scratch)(const struct attention *a);
    /* ctx = dropout(softmax(scale q k^T)) v. stats [queries][2] f32: a row's largest scaled score and 1 / sum; NULL:
     * not wanted (evaluation). */
    void (*attention_forward)(const struct attention *a, const void *q, const void *k, const void *v, void *ctx,
                              float *stats, void *scratch);
    /* From d_ctx and what forward saved: d_q [queries], d_k, d_v [keys], all of a->type, leading dimension a->ld; they
     * are written, not added to, and may not be q, k, v. ctx is not needed. */
    void (*attention_backward)(const struct attention *a, const void *q, const void *k, const void *v,
                               const float *stats, const void *d_ctx, void *d_q, void *d_k, void *d_v, void *scratch);

    /* ---- plain arrays ---- */

    void (*to_bf16)(int64_t n, const float *x, uint16_t *y);
    void (*from_bf16)(int64_t n, const uint16_t *x, float *y);
    void (*add)(int64_t n, float *a, const float *b); /* a += b: one node of the tree over slots */
    void (*add_double)(int64_t n, double *a, const double *b);
    void (*axpy)(int64_t n, float alpha, const float *x, float *y); /* y = fma(alpha, x, y) */
    /* h[i] += prompt[place[i].position - 1] where 1 <= position <= prompt_rows; h_matrix (NULL: not wanted) gets every
     * row of h rounded to type. For a first layer whose input was saved. */
    void (*add_prompt)(int64_t rows, int width, const struct row_place *place, const float *prompt, int prompt_rows,
                       enum number type, float *h, void *h_matrix);
    /* out[i] = rows index[i] of x (width elements of type each). */
    void (*gather)(int64_t rows, int width, enum number type, const int32_t *index, const void *x, void *out);
    /* out[index[i]] += x[i], in the order of i. */
    void (*scatter_add)(int64_t rows, int width, const int32_t *index, const float *x, float *out);
    /* out[c] += sum over rows of x[row][c], c < width, row by row: a bias's gradient. ld: row stride in elements. */
    void (*sum_rows)(int64_t rows, int width, int64_t ld, enum number type, const void *x, float *out);
    /* The sum of squares, in double. */
    double (*sum_squares)(int64_t n, const float *x);

    /* ---- span head ---- */

    /* logits[i][2] = h[i] . head[2][width]. */
    void (*head_forward)(int64_t rows, int width, const float *h, const float *head, float *logits);
    /* For the rows of one example: d_h[i] = d_logits[i][0] head[0] + d_logits[i][1] head[1] (written), and
     * d_head[2][width] = sum over its rows of d_logits x h (written; NULL: not wanted). */
    void (*head_backward)(int64_t rows, int width, const float *h, const float *head, const float *d_logits, float *d_h,
                          float *d_head);

    /* ---- columns of A: a block is a, m, v, each [d][64] f32; worker/README.md, "Exact gradients" ---- */

    /* out[g][64] = sum over i = 0..d-1, in order, of u[g][i] a[i][64]; u [groups][d]. */
    void (*columns_compose)(int d, int groups, const float *u, const float *a, float *out);
    /* grad_u[g][i] = a[i] . grad[g]: this block's part of A G; grad [groups][64], grad_u [groups][d]. */
    void (*columns_grad_u)(int d, int groups, const float *a, const float *grad, double *grad_u);
    /* AdamW on the block with gradient sum over g, in order, of u[g][i] grad[g][64]. With next_out, also composes the
     * updated block with next_u [next_groups][d] (one pass over memory); NULL: not. */
    void (*columns_update)(const struct adamw *w, int d, int groups, const float *u, const float *grad, float *a,
                           float *m, float *v, int next_groups, const float *next_u, float *next_out);

    /* ---- optimiser and loss of step one ---- */

    void (*adamw)(const struct adamw *w, int64_t n, const float *grad, float *p, float *m, float *v);
    /* Softmax cross entropy of rows of vocabulary logits: loss[i] = log sum exp - logit[target[i]]; d_logits (of type,
     * leading dimension ld_d, may be logits itself when f32; NULL: loss only) = (p - onehot) * factor. best[i] (NULL:
     * not wanted): index of the row's first largest logit. A target < 0: loss 0, gradient 0. */
    void (*vocabulary_loss)(int64_t rows, int vocabulary, const float *logits, int64_t ld, const int32_t *target,
                            float factor, enum number type, void *d_logits, int64_t ld_d, double *loss, int32_t *best);

    /* For `mp2 bench`: multiply-adds in registers, as in attention for type; returns the FLOPs of these rounds. sink:
     * 32 floats. */
    double (*peak)(enum number type, int64_t rounds, float *sink);
};

/* Local. ISA_AUTO: the best set this CPU and system can run. ST_INPUT (reported) if the requested one cannot run
 * here. */
status kernels_choose(enum isa isa, struct kernels *out);

/* Local. Whether this CPU and system can run a set; its name ("auto" for ISA_AUTO); the isa of a name, -1 if there is
 * none. */
int isa_usable(enum isa isa);
const char *isa_name(enum isa isa);
int isa_parse(const char *name, enum isa *isa);

#endif
