/* Layout of attention's scratch: blocks of 48 queries against all keys. */
#ifndef MP2_WORKER_KERNEL_ATTENTION_PLAN_H
#define MP2_WORKER_KERNEL_ATTENTION_PLAN_H

#include "worker/kernel/dropout_bits.h"
#include "worker/kernel/tile.h"

enum { QUERY_BLOCK = 48 }; /* eight tiles of rows; even, so that pairs of rows do not cross blocks */

struct attention_plan {
    int64_t across; /* units of a packed row of q or d_ctx, whole vectors */
    int64_t ld_s;   /* leading dimension of scores: an odd number of cache lines, so that columns do not collide */
    int64_t ld_o;   /* of sums, one per element of the head size */
    /* Offsets in scratch, in floats. */
    size_t keep, k_columns, v_columns, v_rows, k_rows, q, d_ctx, q_rows, d_ctx_rows;
    size_t s, d_p, p_pairs, ds_pairs, out, d_k, d_v;
    size_t forward, backward; /* floats needed */
};

VEC_INLINE size_t plan_take(size_t *end, int64_t floats)
{
    size_t at = *end;

    *end += (size_t)round_up(floats, LANES);
    return at;
}

VEC_INLINE struct attention_plan attention_plan_make(int pairs, const struct attention *a)
{
    struct attention_plan p = {0};
    int64_t s = a->keys, d = a->width, units = tile_units(pairs, d), key_units = tile_units(pairs, s);
    int64_t columns = round_up(s, PANEL) * units, rows = round_up(d, PANEL) * key_units;
    int64_t block_rows = round_up(d, PANEL) * tile_units(pairs, QUERY_BLOCK);
    size_t end = 0;

    p.across = round_up(units, LANES);
    p.ld_s = round_up(s, LANES);
    if (p.ld_s / LANES % 2 == 0) p.ld_s += LANES;
    p.ld_o = round_up(d, LANES);
    p.keep = plan_take(&end, dropout_words(s)); /* two rows of lanes, two bytes each */
    p.k_columns = plan_take(&end, columns);
    p.q = plan_take(&end, QUERY_BLOCK * p.across);
    p.s = plan_take(&end, QUERY_BLOCK * p.ld_s);
    p.out = plan_take(&end, QUERY_BLOCK * p.ld_o);
    p.forward = p.backward = end;
    p.v_rows = plan_take(&p.forward, rows);
    p.v_columns = plan_take(&p.backward, columns);
    p.k_rows = plan_take(&p.backward, rows);
    p.d_ctx = plan_take(&p.backward, QUERY_BLOCK * p.across);
    p.q_rows = plan_take(&p.backward, block_rows);
    p.d_ctx_rows = plan_take(&p.backward, block_rows);
    p.d_p = plan_take(&p.backward, QUERY_BLOCK * p.ld_s);
    p.p_pairs = plan_take(&p.backward, pairs ? QUERY_BLOCK / 2 * p.ld_s : 0);
    p.ds_pairs = plan_take(&p.backward, pairs ? QUERY_BLOCK / 2 * p.ld_s : 0);
    p.d_k = plan_take(&p.backward, s * p.ld_o);
    p.d_v = plan_take(&p.backward, s * p.ld_o);
    return p;
}

VEC_INLINE int attention_pairs(const struct attention *a)
{
    return TILE_PAIRS && a->type == NUMBER_BF16;
}

/* The dropout coordinates of a query. */
VEC_INLINE struct row_place attention_place(const struct attention *a, int64_t query)
{
    return a->place ? a->place[query] : (struct row_place){a->slot, (uint32_t)query};
}

/* A probability, or its gradient, rounded as a matrix operand. */
VEC_INLINE vec attention_operand(enum number type, vec x)
{
    return type == NUMBER_BF16 ? vec_widen(vec_narrow(x)) : x;
}

#endif
