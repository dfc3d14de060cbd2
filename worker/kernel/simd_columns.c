/* Operations on blocks of 64 columns of A, and AdamW. All are memory-bound: a block's rows are read in order, once. The
 * update composes the next step's prompt from the row it has just written, so that A is not read again for it. */
#include <math.h>

#include "worker/kernel/simd.h"
#include "worker/kernel/vec.h"

enum { BLOCK_VECS = COLUMN_BLOCK / LANES };

/* AdamW's constants as floats, each rounded once from double. */
struct adamw_constants {
    vec scale, keep, beta1, rest1, beta2, rest2, root, eps, step;
};

VEC_INLINE struct adamw_constants adamw_prepare(const struct adamw *w)
{
    return (struct adamw_constants){vec_set(w->scale != 0 ? (float)w->scale : 1.0f),
                                    vec_set((float)(1.0 - w->lr * w->decay)),
                                    vec_set((float)w->beta1),
                                    vec_set((float)(1.0 - w->beta1)),
                                    vec_set((float)w->beta2),
                                    vec_set((float)(1.0 - w->beta2)),
                                    vec_set((float)sqrt(w->correction2)),
                                    vec_set((float)w->eps),
                                    vec_set((float)(w->lr / w->correction1))};
}

/* m and v are updated in place; returns the new p. */
VEC_INLINE vec adamw_apply(const struct adamw_constants *c, vec g, vec p, vec *m, vec *v)
{
    vec denominator;

    g = vec_mul(c->scale, g);
    *m = vec_fma(c->beta1, *m, vec_mul(c->rest1, g));
    *v = vec_fma(c->beta2, *v, vec_mul(c->rest2, vec_mul(g, g)));
    denominator = vec_add(vec_div(vec_sqrt(*v), c->root), c->eps);
    return vec_fnma(c->step, vec_div(*m, denominator), vec_mul(p, c->keep));
}

static void adamw(const struct adamw *w, int64_t n, const float *grad, float *p, float *m, float *v)
{
    struct adamw_constants c = adamw_prepare(w);

    for (int64_t i = 0; i < n; i += LANES) {
        vec mi = vec_at(m, i, n), vi = vec_at(v, i, n);
        vec pi = adamw_apply(&c, vec_at(grad, i, n), vec_at(p, i, n), &mi, &vi);

        vec_put(m, i, n, mi);
        vec_put(v, i, n, vi);
        vec_put(p, i, n, pi);
    }
}

/* sum[64] += u a[64], lane by lane. */
VEC_INLINE void compose_row(float u, const vec a[BLOCK_VECS], float *sum)
{
    for (int k = 0; k < BLOCK_VECS; k++)
        vec_store(sum + k * LANES, vec_fma(vec_set(u), a[k], vec_load(sum + k * LANES)));
}

static void columns_compose(int d, int groups, const float *u, const float *a, float *out)
{
    memset(out, 0, (size_t)groups * COLUMN_BLOCK * sizeof *out);
    for (int i = 0; i < d; i++) {
        vec row[BLOCK_VECS];

        for (int k = 0; k < BLOCK_VECS; k++) row[k] = vec_load(a + (size_t)i * COLUMN_BLOCK + k * LANES);
        for (int g = 0; g < groups; g++) compose_row(u[(size_t)g * d + i], row, out + (size_t)g * COLUMN_BLOCK);
    }
}

static void columns_grad_u(int d, int groups, const float *a, const float *grad, double *grad_u)
{
    for (int i = 0; i < d; i++) {
        vec row[BLOCK_VECS];

        for (int k = 0; k < BLOCK_VECS; k++) row[k] = vec_load(a + (size_t)i * COLUMN_BLOCK + k * LANES);
        for (int g = 0; g < groups; g++) {
            const float *x = grad + (size_t)g * COLUMN_BLOCK;
            vec sum = vec_mul(row[0], vec_load(x));

            for (int k = 1; k < BLOCK_VECS; k++) sum = vec_fma(row[k], vec_load(x + k * LANES), sum);
            grad_u[(size_t)g * d + i] = vec_sum(sum);
        }
    }
}

static void columns_update(const struct adamw *w, int d, int groups, const float *u, const float *grad, float *a,
                           float *m, float *v, int next_groups, const float *next_u, float *next_out)
{
    struct adamw_constants c = adamw_prepare(w);

    if (next_out) memset(next_out, 0, (size_t)next_groups * COLUMN_BLOCK * sizeof *next_out);
    for (int i = 0; i < d; i++) {
        vec row[BLOCK_VECS];

        for (int k = 0; k < BLOCK_VECS; k++) {
            size_t at = (size_t)i * COLUMN_BLOCK + (size_t)k * LANES;
            vec g = vec_zero(), mi = vec_load(m + at), vi = vec_load(v + at);

            for (int j = 0; j < groups; j++)
                g = vec_fma(vec_set(u[(size_t)j * d + i]), vec_load(grad + (size_t)j * COLUMN_BLOCK + k * LANES), g);
            row[k] = adamw_apply(&c, g, vec_load(a + at), &mi, &vi);
            vec_store(m + at, mi);
            vec_store(v + at, vi);
            vec_store(a + at, row[k]);
        }
        if (next_out)
            for (int j = 0; j < next_groups; j++)
                compose_row(next_u[(size_t)j * d + i], row, next_out + (size_t)j * COLUMN_BLOCK);
    }
}

void KERNEL(column_kernels)(struct kernels *k)
{
    k->adamw = adamw;
    k->columns_compose = columns_compose;
    k->columns_grad_u = columns_grad_u;
    k->columns_update = columns_update;
}
