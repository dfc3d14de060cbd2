/* The messages between the coordinator and the workers of a loss oracle (coordinator/tune/oracle.h), and their lengths.
 *
 * Once: the training examples, with the deal that says which worker computes which gradients
 * (worker/train/assignment.h: a message of all slots). Every rank cuts the examples into the same parts. Then, for each
 * request: a struct oracle_request, oracle_values floats and oracle_head_values floats from the coordinator to all;
 * after a request for losses or gradients oracle_answer_losses doubles from every worker to the coordinator. Prompt and
 * head gradients are summed on the way (cluster/comm/reduce.h), scores have their own messages. */
#ifndef MP2_WORKER_ORACLE_MESSAGES_H
#define MP2_WORKER_ORACLE_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "worker/train/assignment.h"

enum oracle_op {
    ORACLE_DISMISS,  /* end: no more requests */
    ORACLE_GRADIENT, /* values: prompts (layers,P,H); head */
    ORACLE_LOSS,     /* values: full sets of prompts (count,layers,P,H); head */
    ORACLE_PLACE,    /* values: prompts; head: placed, for the layer-wise search from now on */
    ORACLE_LOSSES,   /* values: candidates (count,P,H) for one layer's prompt, the others as placed */
    ORACLE_FIX,      /* values: a layer's prompt (P,H), placed from now on */
    ORACLE_SCORE     /* values: prompts; head; then scoring's messages */
};

struct oracle_request {
    int32_t op, layer;
    int64_t count;
};

/* Consecutive examples that are computed together if only losses are requested. */
struct oracle_part {
    int32_t first, count;
}; /* slots */

/* What all ranks know. */
struct oracle_facts {
    int32_t layers, tokens, hidden; /* of the prompts */
    int32_t workers, examples;
    int32_t *words; /* the training examples as received */
    size_t word_count;
    struct assignment assignment; /* the same, parsed: examples by slot; which worker computes which gradients */
    struct oracle_part *parts;
    int32_t part_count;
};

/* Local. Parse words; sets examples. */
status oracle_facts_read(struct oracle_facts *f);
void oracle_facts_fini(struct oracle_facts *f);

/* Local. Cut the examples into parts. All ranks must pass the same limits: the fewest rows and examples that any
 * worker's unit holds, the largest row alignment. */
struct oracle_limits {
    int32_t rows, examples, align;
};
status oracle_facts_cut(struct oracle_facts *f, const struct oracle_limits *limits);

/* Floats of one layer's prompt, of the prompts of all layers, of a head. */
static inline size_t oracle_columns(const struct oracle_facts *f)
{
    return (size_t)f->tokens * (size_t)f->hidden;
}
static inline size_t oracle_bank(const struct oracle_facts *f)
{
    return (size_t)f->layers * oracle_columns(f);
}
static inline size_t oracle_head(const struct oracle_facts *f)
{
    return 2 * (size_t)f->hidden;
}

/* Local. Length of the values of a request, in floats. */
size_t oracle_values(const struct oracle_facts *f, const struct oracle_request *r);
size_t oracle_head_values(const struct oracle_facts *f, const struct oracle_request *r);

/* The work of a request for losses is its (part, member) pairs, parts outermost, cut into one contiguous range of pairs
 * per worker. A worker then touches few parts, the same ones in every request, and can reuse what it caches of them. */
int64_t oracle_first_pair(const struct oracle_facts *f, int64_t members, int worker);

/* Local. Number of losses in a worker's answer: for losses, those of its pairs, pair by pair; for a gradient, by slot,
 * for all slots, those of other workers unset. */
size_t oracle_answer_losses(const struct oracle_facts *f, const struct oracle_request *r, int worker);

#endif
