/* Attention, forward. Scores of 48 queries against all keys are in scratch; a row's softmax is computed there, in
 * place: the unnormalised exponentials are the operand of the second product, whose result is divided by their sum.
 * Dropout removes terms from the product, never from the sum. */
#include <math.h>

#include "worker/kernel/attention_plan.h"
#include "worker/kernel/simd.h"

static size_t attention_scratch(const struct attention *a)
{
    struct attention_plan p = attention_plan_make(attention_pairs(a), a);

    return (p.forward > p.backward ? p.forward : p.backward) * sizeof(float);
}

VEC_INLINE float largest_score(int64_t n, const float *s)
{
    vec most[4] = {vec_set(-INFINITY), vec_set(-INFINITY), vec_set(-INFINITY), vec_set(-INFINITY)};

    for (int64_t i = 0; i < n; i += 4 * LANES)
        for (int k = 0; k < 4; k++) {
            int64_t j = i + k * LANES;
            vec x = vec_at(s, j, n);

            if (n - j < LANES) x = vec_select(vec_in_row(j, n), x, vec_set(-INFINITY));
            most[k] = vec_max(x, most[k]);
        }
    return vec_largest(vec_max(vec_max(most[0], most[1]), vec_max(most[2], most[3])));
}

/* One row: scores become operands (dropped ones 0); stats: largest scaled score, 1 / sum. */
VEC_INLINE void softmax_row(int pairs, enum number type, const struct attention *a, int64_t query, float *s,
                            lanes *keep, float stats[2])
{
    int64_t n = a->keys;
    float most = largest_score(n, s) * a->scale;
    vec sum[4] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()}, scale = vec_set(a->scale), shift = vec_set(-most);

    if (a->drop.threshold) dropout_row(&a->drop, a->site, attention_place(a, query), n, keep);
    for (int64_t i = 0; i < n; i += 4 * LANES)
        for (int k = 0; k < 4; k++) {
            int64_t j = i + k * LANES;
            vec e;

            if (j >= n) break;
            e = vec_exp(vec_fma(vec_load(s + j), scale, shift));
            if (n - j < LANES) e = vec_keep(vec_in_row(j, n), e);
            sum[k] = vec_add(sum[k], e);
            if (a->drop.threshold) e = vec_keep(keep[j / LANES], e);
            if (pairs) vec_store_bf16((uint16_t *)s + j, e); /* does not reach what is still to be read */
            else vec_store(s + j, attention_operand(type, e));
        }
    stats[0] = most;
    stats[1] = 1.0f / vec_sum4(sum);
}

VEC_INLINE void forward_type(int pairs, enum number type, const struct attention *a, const void *q, const void *k,
                             const void *v, void *ctx, float *stats, float *scratch)
{
    struct attention_plan p = attention_plan_make(pairs, a);
    float *s = scratch + p.s, *out = scratch + p.out;
    lanes *keep = (lanes *)(scratch + p.keep);
    float factor[QUERY_BLOCK];
    int64_t n = a->keys, d = a->width;
    struct operand queries = {scratch + p.q, p.across, 1}, weights = {s, p.ld_s, 1};

    KERNEL(tile_pack_columns)(pairs, type, k, a->ld, n, d, scratch + p.k_columns);
    KERNEL(tile_pack_rows)(pairs, type, v, a->ld, n, d, scratch + p.v_rows);
    for (int64_t first = 0; first < a->queries; first += QUERY_BLOCK) {
        int64_t m = a->queries - first < QUERY_BLOCK ? a->queries - first : QUERY_BLOCK;

        KERNEL(tile_pack_a)(pairs, type, tile_row(type, q, a->ld, first), a->ld, m, d, scratch + p.q);
        KERNEL(tile_product)(pairs, 0, m, n, tile_units(pairs, d), queries, scratch + p.k_columns, s, p.ld_s);
        for (int64_t i = 0; i < m; i++) {
            float own[2], *of_row = stats ? stats + 2 * (first + i) : own;

            softmax_row(pairs, type, a, first + i, s + i * p.ld_s, keep, of_row);
            factor[i] = of_row[1] * a->drop.scale;
        }
        KERNEL(tile_product)(pairs, 0, m, d, tile_units(pairs, n), weights, scratch + p.v_rows, out, p.ld_o);
        for (int64_t i = 0; i < m; i++)
            KERNEL(tile_unpack)(type, out + i * p.ld_o, p.ld_o, 1, d, factor[i],
                                (char *)ctx + (size_t)((first + i) * a->ld_ctx) * number_size(type), a->ld_ctx);
    }
}

static void attention_forward(const struct attention *a, const void *q, const void *k, const void *v, void *ctx,
                              float *stats, void *scratch)
{
    if (a->type == NUMBER_F32) forward_type(0, NUMBER_F32, a, q, k, v, ctx, stats, scratch);
    else forward_type(TILE_PAIRS, NUMBER_BF16, a, q, k, v, ctx, stats, scratch);
}

void KERNEL(attention_forward_kernels)(struct kernels *k)
{
    k->attention_scratch = attention_scratch;
    k->attention_forward = attention_forward;
}
