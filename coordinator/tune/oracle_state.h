/* Inside of the oracle: what its two files share. */
#ifndef MP2_COORDINATOR_TUNE_ORACLE_STATE_H
#define MP2_COORDINATOR_TUNE_ORACLE_STATE_H

#include "cluster/comm/reduce.h"
#include "coordinator/tune/oracle.h"
#include "worker/train/assignment.h"

enum oracle_op { ORACLE_DISMISS, ORACLE_GRADIENT, ORACLE_LOSS, ORACLE_PLACE, ORACLE_LOSSES, ORACLE_FIX, ORACLE_SCORE, ORACLE_OWN };

/* What the coordinator tells all ranks before a request's numbers. */
struct oracle_request { int32_t op, layer; int64_t count; };

/* A part of the training examples that is computed together in a search, and on a worker its way so far. */
struct oracle_part {
    int32_t first, count;       /* slots */
    struct unit_batch batch;         /* filled when first needed */
    struct answer_marks *marks; /* likewise */
    float *state;               /* input of layer `at`, before its prompt */
    int32_t at;                 /* 0: nothing is kept */
};

struct oracle {
    struct oracle_options o;
    struct comm *comm;
    const struct replica *replica;
    int32_t examples, hidden;
    size_t columns, bank;       /* floats of a layer's prompt, of all */
    int32_t *words;             /* the training examples, as a share of all slots */
    size_t word_count;
    int64_t *rows;              /* coordinator: (examples) the training rows as given */
    struct assignment assignment;         /* of all slots */
    struct deal deal;           /* for gradients */
    struct blocks blocks;
    struct reduce reduce;
    struct scorer scorer;
    float *prompts, *head;      /* of a request for gradients or scores, or for losses of whole sets (head) */
    float *placed, *placed_head;   /* of the search through the layers */
    float *sets;                /* candidates or sets of the request */
    size_t set_room;
    double *losses;             /* (sets,examples) of a request */
    size_t loss_room;
    struct oracle_part *parts;
    int32_t part_count;
    /* workers */
    struct compute compute;
    const struct encoder *searcher;   /* of losses of candidates: the replica's, and a unit for it */
    struct unit *unit, *int8_unit;    /* int8_unit: owned; NULL: compute's serves */
    struct assignment own;           /* the examples that this worker computes gradients of */
    float *trial;               /* a whole set of prompts with one layer replaced */
    double *part_loss;
};

/* Local. Cut the examples into parts; limits as agreed by all ranks. */
status oracle_parts_open(struct oracle *t, int32_t most_rows, int32_t most_examples, int32_t align);
void oracle_parts_close(struct oracle *t);

/* Collective: the bodies of ORACLE_LOSS, ORACLE_LOSSES, ORACLE_PLACE, ORACLE_FIX on all ranks. Arrays are the coordinator's, head NULL
 * for ORACLE_LOSSES. */
status oracle_run_sets(struct oracle *t, const struct oracle_request *order, const float *sets, const float *head, double *losses);
status oracle_run_place(struct oracle *t, const float *prompts, const float *head);
status oracle_run_fix(struct oracle *t, int32_t layer, const float *prompt);

#endif
