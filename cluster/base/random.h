/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC'11), as in Random123. Nothing here has state: a
 * number is a function of (key, counter), so that any rank can draw any number of any step again (cluster/README.md,
 * "Randomness").
 *
 * Keys are derived like paths: seed -> purpose -> (step, group, slot …). A counter's words are free for the user of a
 * key: layer, head, position and the like. */
#ifndef MP2_CLUSTER_BASE_RANDOM_H
#define MP2_CLUSTER_BASE_RANDOM_H

#include <stdint.h>

struct random_key {
    uint32_t k[2];
};

/* What a key is for. The numbers are part of the trajectory: append, never renumber. */
enum random_purpose {
    RANDOM_TASK = 1,   /* which task a step trains */
    RANDOM_ROWS = 2,   /* the permutation of a task's rows in an epoch */
    RANDOM_ROUTER = 3, /* relaxed Bernoulli noise */
    RANDOM_DROPOUT = 4,
    RANDOM_INIT = 5,    /* parameters' first values */
    RANDOM_DEMO = 6,    /* the generated data */
    RANDOM_EVAL = 7,    /* the keyed subset of dev rows */
    RANDOM_MASK = 8,    /* masked language model */
    RANDOM_SHUFFLE = 9, /* the order of text */
    RANDOM_FEW_SHOT = 10,
    RANDOM_SEARCH = 11 /* Bayesian optimisation, CMA-ES */
};

/* Local. The key of a purpose under a seed, and a key of its own for four numbers under another: functions of their
 * arguments. */
struct random_key random_seed(uint64_t seed, enum random_purpose purpose);
struct random_key random_derive(struct random_key key, uint32_t a, uint32_t b, uint32_t c, uint32_t d);

/* Four independent 32-bit words for one counter. */
void random_block(struct random_key key, const uint32_t counter[4], uint32_t out[4]);

/* Word number index (64 bits) of a key; blocks are made of index / 4. */
uint32_t random_word(struct random_key key, uint64_t index);

/* (0,1): the middle of one of 2^53 equal intervals, never 0 or 1. Uses words 2*index and 2*index + 1. */
double random_uniform(struct random_key key, uint64_t index);

/* Standard normal (Box-Muller, polar-free: one value an index). */
double random_normal(struct random_key key, uint64_t index);

/* 0 … n-1, exactly uniform (rejection over the words of derived blocks); n >= 1. */
uint64_t random_below(struct random_key key, uint64_t index, uint64_t n);

/* Where position i of 0 … n-1 goes in the key's permutation: a Feistel network over the next power of four with
 * cycle walking; a bijection for every n >= 1, no table needed. */
uint64_t random_permute(struct random_key key, uint64_t n, uint64_t i);

#endif
