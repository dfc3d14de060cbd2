/* What a worker does with its assignment: cut it into units that fit its memory, compute them, and sum gradients into
 * as few partial sums as the tree allows (worker/README.md, "Units and packing"). Scoring uses its unit for examples of
 * its own. */
#ifndef MP2_WORKER_TRAIN_COMPUTE_H
#define MP2_WORKER_TRAIN_COMPUTE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/memory.h"
#include "cluster/base/pool.h"
#include "cluster/base/status.h"
#include "cluster/comm/tree.h"
#include "worker/model/encoder.h"
#include "worker/train/assignment.h"
#include "worker/train/unit.h"

/* The unit, sized for the most examples and rows, and the partial sums of each group. */
struct compute {
    struct mem_keep memory;
    const struct encoder *encoder;
    struct pool *pool;
    struct unit *unit;
    struct unit_batch batch;
    struct answer_marks *marks; /* (unit_examples) of the batch */
    enum loss_over over;        /* what losses are over */
    int32_t most_rows, most_examples;
    int groups;
    struct tree_sum *prompts; /* (groups) vectors (layers,P,H) */
    struct tree_sum *heads;   /* (groups) vectors (2,H) */
    struct tree_sum **prompt_list, **head_list;
    double *loss, *found; /* (groups,batch) for own slots, as in unit_outputs; loss is NAN elsewhere */
    int32_t batch_examples, divide;
    int64_t units, tokens; /* of the last compute_assignment */
};

struct compute_options {
    int groups;
    int32_t batch;         /* examples of a group's batch */
    int32_t divide;        /* gradients are those of the sum of losses divided by this: batch, or batch * groups */
    int32_t unit_examples; /* maximum examples per unit; a power of two */
    int32_t longest;       /* rows of the longest example */
    int32_t layers, prompt_tokens; /* of the prompt bank */
    size_t memory;                 /* bytes that a unit may use */
    int threads;
    enum unit_use use;   /* UNIT_EVALUATE: no gradients will be requested */
    enum loss_over loss; /* what losses are over */
};

/* Local. ST_INPUT (reported) if the memory does not hold one example of the longest length. */
status compute_open(const struct encoder *e, struct pool *pool, const struct compute_options *o, struct compute *c);
void compute_close(struct compute *c);

/* Local. All units of the assignment. prompts (groups,layers,P,H); head (groups,2,H); dropout: one key per group, off
 * if on is 0. */
status compute_assignment(struct compute *c, const struct assignment *s, const float *prompts, int32_t layers,
                          int32_t tokens, const float *head, const struct encoder_dropout *dropout);

#endif
