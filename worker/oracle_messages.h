/* What travels between the coordinator and the workers of a loss oracle (coordinator/tune/oracle.h), and how long it
 * is.
 *
 * Once: the training examples with the deal of gradients (worker/train/assignment.h: a message of all slots). Every
 * rank cuts the examples alike into parts. Then, for each request: a struct oracle_request, oracle_values floats and
 * oracle_head_values floats from the coordinator to all; after a request for losses or gradients oracle_answer_losses
 * doubles from every worker to the coordinator. Prompt and head gradients are summed on the way
 * (cluster/comm/reduce.h), scores have messages of their own. */
#ifndef MP2_WORKER_ORACLE_MESSAGES_H
#define MP2_WORKER_ORACLE_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "worker/train/assignment.h"

enum oracle_op {
    ORACLE_DISMISS,  /* the end of the dialogue */
    ORACLE_GRADIENT, /* values: prompts (layers,P,H); head */
    ORACLE_LOSS,     /* values: whole sets of prompts (count,layers,P,H); head */
    ORACLE_PLACE,    /* values: prompts; head: of the search through the layers from here on */
    ORACLE_LOSSES,   /* values: candidates (count,P,H) for one layer's prompt, the others as placed */
    ORACLE_FIX,      /* values: a layer's prompt (P,H), as placed from here on */
    ORACLE_SCORE     /* values: prompts; head; then scoring's messages */
};

struct oracle_request {
    int32_t op, layer;
    int64_t count;
};

/* Consecutive examples that are computed together when losses alone are asked for. */
struct oracle_part {
    int32_t first, count;
}; /* slots */

/* What all ranks know. */
struct oracle_facts {
    int32_t layers, tokens, hidden; /* of the prompts */
    int32_t workers, examples;
    int32_t *words; /* the training examples as they travelled */
    size_t word_count;
    struct assignment assignment; /* the same, read: examples of all slots, by slot; who computes which gradients */
    struct oracle_part *parts;
    int32_t part_count;
};

/* Local. Read words; examples is known then. */
status oracle_facts_read(struct oracle_facts *f);
void oracle_facts_fini(struct oracle_facts *f);

/* Local. Cut the examples into parts. All ranks give the same limits: no more rows and examples than any worker's unit
 * holds, the coarsest row alignment. */
struct oracle_limits {
    int32_t rows, examples, align;
};
status oracle_facts_cut(struct oracle_facts *f, const struct oracle_limits *limits);

/* Floats of a layer's prompt, of all layers', of a head. */
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

/* Local. What travels with a request, in floats. */
size_t oracle_values(const struct oracle_facts *f, const struct oracle_request *r);
size_t oracle_head_values(const struct oracle_facts *f, const struct oracle_request *r);

/* The work of a request for losses is its (part, member) pairs, parts outermost, cut into one run of pairs a worker. A
 * worker then touches few parts, the same ones from request to request, and what it keeps of them is used again. */
int64_t oracle_first_pair(const struct oracle_facts *f, int64_t members, int worker);

/* Local. Losses that a worker answers with: of its pairs, one pair's examples after the other's; of a gradient: by
 * slot, of all slots, those of others unset. */
size_t oracle_answer_losses(const struct oracle_facts *f, const struct oracle_request *r, int worker);

#endif
