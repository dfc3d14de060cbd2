/* Attention, backward. Probabilities P are recomputed from the saved largest score and 1 / sum, with the same bits as
 * in forward. With M the dropout (0 or its scale), dP = M (dO V^T) and D = sum over keys of P dP (which is also dO . O,
 * so that the context need not be saved):
 *   dS = P (dP - D)    dQ = scale dS K    dK = scale dS^T Q    dV = (M P)^T dO
 * 48 queries at a time; dK and dV accumulate in f32. In pairs of bf16, dS is an operand both ways: row by row for dQ,
 * and with the rows 2r and 2r+1 interleaved for dK. */
#include "worker/kernel/attention_plan.h"
#include "worker/kernel/simd.h"

/* One row: s becomes P, d_p becomes M dP; returns D. */
VEC_INLINE float probabilities(const struct attention *a, int64_t query, const float stats[2], float *s, float *d_p,
                               lanes *keep)
{
    int64_t n = a->keys;
    vec sum[4] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()};
    vec scale = vec_set(a->scale), shift = vec_set(-stats[0]), inverse = vec_set(stats[1]);

    if (a->drop.threshold) dropout_row(&a->drop, a->site, attention_place(a, query), n, keep);
    for (int64_t i = 0; i < n; i += 4 * LANES)
        for (int k = 0; k < 4; k++) {
            int64_t j = i + k * LANES;
            vec p, g;

            if (j >= n) break;
            p = vec_mul(vec_exp(vec_fma(vec_load(s + j), scale, shift)), inverse);
            if (n - j < LANES) p = vec_keep(vec_in_row(j, n), p);
            g = dropout_apply(&a->drop, a->drop.threshold ? keep[j / LANES] : 0, vec_load(d_p + j));
            vec_store(s + j, p);
            vec_store(d_p + j, g);
            sum[k] = vec_fma(p, g, sum[k]);
        }
    return vec_sum4(sum);
}

VEC_INLINE vec score_gradient(const float *s, const float *d_p, float dot, int64_t j)
{
    return vec_mul(vec_load(s + j), vec_sub(vec_load(d_p + j), vec_set(dot)));
}

VEC_INLINE vec dropped(const struct attention *a, const float *s, const lanes *keep, int64_t j)
{
    return dropout_apply(&a->drop, a->drop.threshold ? keep[j / LANES] : 0, vec_load(s + j));
}

/* One row, floats: d_p becomes dS, s becomes M P. */
VEC_INLINE void operands_row(enum number type, const struct attention *a, float dot, float *s, float *d_p,
                             const lanes *keep)
{
    for (int64_t j = 0; j < a->keys; j += LANES) {
        vec ds = score_gradient(s, d_p, dot, j);

        vec_store(s + j, attention_operand(type, dropped(a, s, keep, j)));
        vec_store(d_p + j, attention_operand(type, ds));
    }
}

#if TILE_PAIRS
/* Two rows (ld apart; the second may be missing), pairs: d_p becomes dS in bf16; p_pairs and ds_pairs get M P and dS
 * interleaved. */
VEC_INLINE void operands_pair(const struct attention *a, int both, const float dot[2], const float *s, float *d_p,
                              int64_t ld, const lanes *keep, int64_t keep_ld, float *p_pairs, float *ds_pairs)
{
    for (int64_t j = 0; j < a->keys; j += LANES) {
        __m256i ds0 = vec_narrow(score_gradient(s, d_p, dot[0], j)), p0 = vec_narrow(dropped(a, s, keep, j));
        __m256i ds1 = _mm256_setzero_si256(), p1 = ds1;

        if (both) {
            ds1 = vec_narrow(score_gradient(s + ld, d_p + ld, dot[1], j));
            p1 = vec_narrow(dropped(a, s + ld, keep + keep_ld, j));
            _mm256_storeu_si256((__m256i *)((uint16_t *)(d_p + ld) + j), ds1);
        }
        _mm256_storeu_si256((__m256i *)((uint16_t *)d_p + j), ds0);
        vec_store(p_pairs + j, tile_interleave(p0, p1));
        vec_store(ds_pairs + j, tile_interleave(ds0, ds1));
    }
}
#endif

/* Convert m rows of scores and of dO V^T to the operands of the last three products. */
VEC_INLINE void operands(int pairs, enum number type, const struct attention *a, const struct attention_plan *p,
                         int64_t first, int64_t m, const float *stats, float *scratch)
{
    lanes *keep = (lanes *)(scratch + p->keep);
    int64_t keep_ld = dropout_words(a->keys);

    for (int64_t i = 0; i < m; i += 2) {
        float dot[2] = {0, 0}, *s = scratch + p->s + i * p->ld_s, *d_p = scratch + p->d_p + i * p->ld_s;
        int both = i + 1 < m;

        for (int r = 0; r <= both; r++)
            dot[r] = probabilities(a, first + i + r, stats + 2 * (first + i + r), s + r * p->ld_s, d_p + r * p->ld_s,
                                   keep + r * keep_ld);
#if TILE_PAIRS
        if (pairs) {
            operands_pair(a, both, dot, s, d_p, p->ld_s, keep, keep_ld, scratch + p->p_pairs + i / 2 * p->ld_s,
                          scratch + p->ds_pairs + i / 2 * p->ld_s);
            continue;
        }
#endif
        (void)pairs;
        for (int r = 0; r <= both; r++)
            operands_row(type, a, dot[r], s + r * p->ld_s, d_p + r * p->ld_s, keep + r * keep_ld);
    }
}

VEC_INLINE void backward_type(int pairs, enum number type, const struct attention *a, const void *q, const void *k,
                              const void *v, const float *stats, const void *d_ctx, void *d_q, void *d_k, void *d_v,
                              float *scratch)
{
    struct attention_plan p = attention_plan_make(pairs, a);
    float *s = scratch + p.s, *d_p = scratch + p.d_p, *out = scratch + p.out;
    int64_t n = a->keys, d = a->width, units = tile_units(pairs, d);
    struct operand queries = {scratch + p.q, p.across, 1}, d_out = {scratch + p.d_ctx, p.across, 1};
    struct operand d_s = {d_p, p.ld_s, 1};
    struct operand p_turned = {pairs ? scratch + p.p_pairs : s, 1, p.ld_s};
    struct operand ds_turned = {pairs ? scratch + p.ds_pairs : d_p, 1, p.ld_s};

    KERNEL(tile_pack_columns)(pairs, type, k, a->ld, n, d, scratch + p.k_columns);
    KERNEL(tile_pack_columns)(pairs, type, v, a->ld, n, d, scratch + p.v_columns);
    KERNEL(tile_pack_rows)(pairs, type, k, a->ld, n, d, scratch + p.k_rows);
    memset(scratch + p.d_k, 0, (size_t)(n * p.ld_o) * sizeof(float));
    memset(scratch + p.d_v, 0, (size_t)(n * p.ld_o) * sizeof(float));
    for (int64_t first = 0; first < a->queries; first += QUERY_BLOCK) {
        int64_t m = a->queries - first < QUERY_BLOCK ? a->queries - first : QUERY_BLOCK;
        const void *q_block = tile_row(type, q, a->ld, first), *d_block = tile_row(type, d_ctx, a->ld_ctx, first);

        KERNEL(tile_pack_a)(pairs, type, q_block, a->ld, m, d, scratch + p.q);
        KERNEL(tile_pack_a)(pairs, type, d_block, a->ld_ctx, m, d, scratch + p.d_ctx);
        KERNEL(tile_pack_rows)(pairs, type, q_block, a->ld, m, d, scratch + p.q_rows);
        KERNEL(tile_pack_rows)(pairs, type, d_block, a->ld_ctx, m, d, scratch + p.d_ctx_rows);
        KERNEL(tile_product)(pairs, 0, m, n, units, queries, scratch + p.k_columns, s, p.ld_s);
        KERNEL(tile_product)(pairs, 0, m, n, units, d_out, scratch + p.v_columns, d_p, p.ld_s);
        operands(pairs, type, a, &p, first, m, stats, scratch);
        KERNEL(tile_product)(pairs, 0, m, d, tile_units(pairs, n), d_s, scratch + p.k_rows, out, p.ld_o);
        KERNEL(tile_unpack)(type, out, p.ld_o, m, d, a->scale,
                            (char *)d_q + (size_t)(first * a->ld) * number_size(type), a->ld);
        KERNEL(tile_product)(pairs, 1, n, d, tile_units(pairs, m), p_turned, scratch + p.d_ctx_rows, scratch + p.d_v,
                             p.ld_o);
        KERNEL(tile_product)(pairs, 1, n, d, tile_units(pairs, m), ds_turned, scratch + p.q_rows, scratch + p.d_k,
                             p.ld_o);
    }
    KERNEL(tile_unpack)(type, scratch + p.d_k, p.ld_o, n, d, a->scale, d_k, a->ld);
    KERNEL(tile_unpack)(type, scratch + p.d_v, p.ld_o, n, d, 1.0f, d_v, a->ld);
}

static void attention_backward(const struct attention *a, const void *q, const void *k, const void *v,
                               const float *stats, const void *d_ctx, void *d_q, void *d_k, void *d_v, void *scratch)
{
    if (a->type == NUMBER_F32) backward_type(0, NUMBER_F32, a, q, k, v, stats, d_ctx, d_q, d_k, d_v, scratch);
    else backward_type(TILE_PAIRS, NUMBER_BF16, a, q, k, v, stats, d_ctx, d_q, d_k, d_v, scratch);
}

void KERNEL(attention_backward_kernels)(struct kernels *k)
{
    k->attention_backward = attention_backward;
}
