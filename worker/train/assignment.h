/* A worker's share of a step: the examples of the slots it was dealt, cut into units by its memory, computed, and added up
 * to as few partial sums as the tree allows (design.md section 4, "Compute").
 *
 * The coordinator packs a share into one message; the worker unpacks it and needs no data files. */
#ifndef MP2_WORKER_TRAIN_ASSIGNMENT_H
#define MP2_WORKER_TRAIN_ASSIGNMENT_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/pool.h"
#include "cluster/base/status.h"
#include "cluster/comm/deal.h"
#include "cluster/comm/tree.h"
#include "worker/model/encoder.h"
#include "worker/train/unit.h"

/* One example of a batch. width: rows it takes when padding is attended (reference), 0 otherwise. */
struct assignment_example {
    int32_t group, slot, length, width, start, end;
    struct answer_marks marks;            /* what its answer can be */
    const int32_t *ids;
};

/* The message: 32-bit numbers. Grows, is used again. */
struct assignment_message { int32_t *words; size_t count, room; };
/* Local. Begin a message with the whole deal; then add the worker's own examples in the order of group and slot. */
status assignment_message_begin(struct assignment_message *m, const struct deal *deal);
status assignment_message_add(struct assignment_message *m, const struct assignment_example *example);
void assignment_message_fini(struct assignment_message *m);
/* Local. Words that an example of at most so many tokens takes: an option has two, its own and the separator's. */
size_t share_message_most(int32_t length);

struct assignment {
    struct deal deal;
    struct assignment_example *examples;       /* of this worker; ids and options point into the message */
    size_t count, room;
};
/* Local. words stays the caller's and must live as long as the share is used. ST_SYSTEM on a malformed message. */
status assignment_read(struct assignment *s, const int32_t *words, size_t count);
/* Local. Room for the largest share there can be, so that no step allocates. */
status assignment_reserve(struct assignment *s, size_t examples);
void assignment_fini(struct assignment *s);

/* What computes shares: units of at most so many examples and rows, and the partial sums of each group. */
struct compute {
    const struct encoder *encoder;
    struct pool *pool;
    struct unit *unit;
    struct unit_batch batch;
    struct answer_marks *marks;           /* (E) of the batch */
    enum loss_over over;
    int32_t most_rows, most_examples;
    int groups;
    struct tree_sum *prompts;             /* (groups) vectors (layers,P,H) */
    struct tree_sum *heads;               /* (groups) vectors (2,H) */
    struct tree_sum **prompt_list, **head_list;
    double *loss, *found;                 /* (groups,batch) of own slots, as in unit_outputs; loss is NAN elsewhere */
    int32_t batch_examples, divide;
    int64_t units, tokens;                /* since the last share_compute */
};

struct compute_options {
    int groups;
    int32_t batch;                        /* examples of a group's batch */
    int32_t divide;                       /* gradients are those of the sum of losses over this: batch, or batch * groups */
    int32_t unit_examples;                /* most examples of a unit; a power of two */
    int32_t longest;                      /* rows of the longest example */
    int32_t layers, prompt_tokens;        /* of the prompt bank */
    size_t memory;                        /* bytes that a unit may take */
    int threads;
    int infer;                            /* 1: no gradients will be asked for */
    enum loss_over loss;                  /* what losses are over */
};

/* Local. ST_INPUT (said) when the memory does not even hold one example of the longest kind. */
status compute_open(const struct encoder *e, struct pool *pool, const struct compute_options *o, struct compute *c);
void compute_close(struct compute *c);

/* Local. All units of the share. prompts (groups,layers,P,H); head (2,H); dropout: one key a group, off when on is 0. */
status compute_assignment(struct compute *c, const struct assignment *s, const float *prompts, int32_t layers, int32_t tokens,
                     const float *head, const struct encoder_dropout *dropout);

#endif
