/* Softmax cross entropy over a vocabulary. Sums of exponentials are added into a double every 1,024 elements: fifty
 * thousand terms in float lanes would cost digits. */
#include <math.h>

#include "worker/kernel/simd.h"
#include "worker/kernel/vec.h"

enum { PART = 1024 };

/* A NaN is lost here, but shows again in the sum. */
static float largest(const float *x, int n)
{
    vec most[4] = {vec_set(-INFINITY), vec_set(-INFINITY), vec_set(-INFINITY), vec_set(-INFINITY)};

    for (int i = 0; i < n; i += 64)
        for (int k = 0; k < 4; k++) {
            int j = i + k * LANES;

            most[k] = vec_max(vec_select(vec_in_row(j, n), vec_at(x, j, n), vec_set(-INFINITY)), most[k]);
        }
    return vec_largest(vec_max(vec_max(most[0], most[1]), vec_max(most[2], most[3])));
}

static double sum_exp(const float *x, int n, float most)
{
    double sum = 0;

    for (int part = 0; part < n; part += PART) {
        int end = part + PART < n ? part + PART : n;
        vec lane = vec_zero();

        for (int i = part; i < end; i += LANES)
            lane = vec_add(lane, vec_keep(vec_in_row(i, n), vec_exp(vec_sub(vec_at(x, i, n), vec_set(most)))));
        sum += vec_sum(lane);
    }
    return sum;
}

static int32_t first_equal(const float *x, int n, float most)
{
    for (int i = 0; i < n; i += LANES) {
        unsigned hit = vec_equal(vec_at(x, i, n), vec_set(most)) & vec_in_row(i, n);

        if (hit) return i + __builtin_ctz(hit);
    }
    return 0;
}

VEC_INLINE void write_gradient(enum number type, int n, const float *x, float most, float factor_over_sum,
                               int32_t target, float factor, void *d)
{
    float at_target, e[LANES];

    /* The target's element by the same arithmetic, read before d may overwrite x. */
    vec_store(e, vec_exp(vec_set(x[target] - most)));
    at_target = e[0] * factor_over_sum - factor;
    for (int i = 0; i < n; i += LANES)
        vec_put_type(type, d, i, n,
                     vec_mul(vec_exp(vec_sub(vec_at(x, i, n), vec_set(most))), vec_set(factor_over_sum)));
    vec_put_type(type, (char *)d + (size_t)target * number_size(type), 0, 1, vec_set(at_target));
}

static void vocabulary_loss(int64_t rows, int vocabulary, const float *logits, int64_t ld, const int32_t *target,
                            float factor, enum number type, void *d_logits, int64_t ld_d, double *loss, int32_t *best)
{
    for (int64_t row = 0; row < rows; row++) {
        const float *x = logits + row * ld;
        char *d = d_logits ? (char *)d_logits + (size_t)(row * ld_d) * number_size(type) : NULL;
        float most = largest(x, vocabulary);
        double sum;

        if (best) best[row] = first_equal(x, vocabulary, most);
        loss[row] = 0;
        if (target[row] < 0) {
            if (d) memset(d, 0, (size_t)vocabulary * number_size(type));
            continue;
        }
        sum = sum_exp(x, vocabulary, most);
        loss[row] = log(sum) + (double)most - (double)x[target[row]];
        if (!d) continue;
        if (type == NUMBER_BF16)
            write_gradient(NUMBER_BF16, vocabulary, x, most, (float)(factor / sum), target[row], factor, d);
        else write_gradient(NUMBER_F32, vocabulary, x, most, (float)(factor / sum), target[row], factor, d);
    }
}

void KERNEL(vocabulary_kernels)(struct kernels *k)
{
    k->vocabulary_loss = vocabulary_loss;
}
