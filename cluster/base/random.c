/* Philox through Random123's header; the derived forms are ours. */
#include "cluster/base/random.h"

#include <math.h>

#include <Random123/philox.h>

void random_block(struct random_key key, const uint32_t counter[4], uint32_t out[4])
{
    philox4x32_ctr_t c = {{counter[0], counter[1], counter[2], counter[3]}};
    philox4x32_key_t k = {{key.k[0], key.k[1]}};
    philox4x32_ctr_t r = philox4x32(c, k);

    for (int i = 0; i < 4; i++) out[i] = r.v[i];
}

struct random_key random_derive(struct random_key key, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    uint32_t counter[4] = {a, b, c, d}, out[4];

    random_block(key, counter, out);
    return (struct random_key){{out[0], out[1]}};
}

struct random_key random_seed(uint64_t seed, enum random_purpose purpose)
{
    struct random_key root = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};

    /* The last word keeps purposes apart from anything derived with four small numbers. */
    return random_derive(root, (uint32_t)purpose, 0, 0, 0xffffffffu);
}

uint32_t random_word(struct random_key key, uint64_t index)
{
    uint64_t block = index / 4;
    uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0x776f7264u}, out[4];

    random_block(key, counter, out);
    return out[index % 4];
}

double random_uniform(struct random_key key, uint64_t index)
{
    uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, 0x756e6966u}, out[4];
    uint64_t bits;

    random_block(key, counter, out);
    bits = ((uint64_t)out[0] << 32 | out[1]) >> 12; /* 52 bits */
    return ((double)bits + 0.5) * 0x1p-52;
}

double random_normal(struct random_key key, uint64_t index)
{
    const double two_pi = 6.28318530717958647692;
    double u = random_uniform(key, 2 * index), v = random_uniform(key, 2 * index + 1);

    return sqrt(-2.0 * log(u)) * cos(two_pi * v);
}

uint64_t random_below(struct random_key key, uint64_t index, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n; /* a multiple of n: what lies above is drawn again */

    for (uint32_t again = 0;; again++) {
        uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), again, 0x62656c6fu}, out[4];
        uint64_t bits;

        random_block(key, counter, out);
        bits = (uint64_t)out[0] << 32 | out[1];
        if (bits < limit) return bits % n;
    }
}

uint64_t random_permute(struct random_key key, uint64_t n, uint64_t i)
{
    enum { ROUNDS = 6 };
    unsigned half = 1;
    uint64_t mask;

    while (half < 32 && (UINT64_C(1) << (2 * half)) < n) half++;
    mask = (UINT64_C(1) << half) - 1;
    do { /* cycle walking: the network permutes 0 … 4^half - 1; walk until back below n */
        uint64_t left = i >> half, right = i & mask;

        for (uint32_t round = 0; round < ROUNDS; round++) {
            uint32_t counter[4] = {(uint32_t)right, (uint32_t)(right >> 32), round, 0x7065726du}, out[4];
            uint64_t next;

            random_block(key, counter, out);
            next = left ^ (out[0] & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}
