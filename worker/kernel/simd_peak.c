/* The upper bound that attention is compared with: multiply-adds that stay in registers. */
#include "worker/kernel/tile.h"

#ifdef __AVX512F__
enum { CHAINS = 24 };
#else
enum { CHAINS = 6 };
#endif

VEC_INLINE void chains(int pairs, int64_t rounds, float *sink)
{
    vec sum[CHAINS], a = vec_load(sink), b = vec_load(sink + LANES), total = vec_zero();

#pragma GCC unroll 24
    for (int i = 0; i < CHAINS; i++) sum[i] = vec_set((float)i); /* all different: equal ones would be computed once */
    for (int64_t r = 0; r < rounds; r++)
#pragma GCC unroll 24
        for (int i = 0; i < CHAINS; i++) sum[i] = tile_step(pairs, a, b, sum[i]);
#pragma GCC unroll 24
    for (int i = 0; i < CHAINS; i++) total = vec_add(total, sum[i]);
    vec_store(sink, total);
}

static double peak(enum number type, int64_t rounds, float *sink)
{
    int pairs = TILE_PAIRS && type == NUMBER_BF16;

    if (pairs) chains(TILE_PAIRS, rounds, sink);
    else chains(0, rounds, sink);
    return 2.0 * LANES * CHAINS * (pairs ? 2 : 1) * (double)rounds;
}

void KERNEL(peak_kernels)(struct kernels *k)
{
    k->peak = peak;
}
