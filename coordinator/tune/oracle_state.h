/* Inside of the team: what its two files share. */
#ifndef MP2_COORDINATOR_TUNE_ORACLE_STATE_H
#define MP2_COORDINATOR_TUNE_ORACLE_STATE_H

#include "cluster/comm/reduce.h"
#include "coordinator/tune/oracle.h"
#include "worker/train/share.h"

enum team_op { TEAM_DISMISS, TEAM_GRADIENT, TEAM_LOSS, TEAM_PLACE, TEAM_LOSSES, TEAM_FIX, TEAM_EXAM, TEAM_OWN };

/* What the coordinator tells all ranks before a request's numbers. */
struct team_order { int32_t op, layer; int64_t count; };

/* A part of the training examples that is computed together in a search, and on a worker its way so far. */
struct team_part {
    int32_t first, count;       /* slots */
    struct batch batch;         /* filled when first needed */
    int32_t *rows, row_count;   /* the rows that answers are read from; NULL: all count */
    float *state;               /* input of layer `at`, before its prompt */
    int32_t at;                 /* 0: nothing is kept */
};

struct team {
    struct team_options o;
    struct comm *comm;
    const struct replica *replica;
    int32_t examples, hidden;
    size_t columns, bank;       /* floats of a layer's prompt, of all */
    int32_t *words;             /* the training examples, as a share of all slots */
    size_t word_count;
    int64_t *rows;              /* coordinator: (examples) the training rows as given */
    struct share share;         /* of all slots */
    unsigned char *reads;       /* answers_only: by token of all examples, whether an answer is read there */
    size_t read_count, read_room;
    struct deal deal;           /* for gradients */
    struct blocks blocks;
    struct reduce reduce;
    struct examiner examiner;
    float *prompts, *head;      /* of a request for gradients or scores, or for losses of whole sets (head) */
    float *placed, *placed_head;   /* of the search through the layers */
    float *sets;                /* candidates or sets of the request */
    size_t set_room;
    double *losses;             /* (sets,examples) of a request */
    size_t loss_room;
    struct team_part *parts;
    int32_t part_count;
    /* workers */
    struct compute compute;
    const struct encoder *searcher;   /* of losses of candidates: the replica's, and a unit for it */
    struct unit *unit, *int8_unit;    /* int8_unit: owned; NULL: compute's serves */
    struct share own;           /* the examples that this worker computes gradients of */
    float *trial;               /* a whole set of prompts with one layer replaced */
    double *part_loss;
};

/* Local. Cut the examples into parts; limits as agreed by all ranks. */
status team_parts_open(struct team *t, int32_t most_rows, int32_t most_examples, int32_t align);
void team_parts_close(struct team *t);

/* ---- team_reads.c ---- */

/* Coordinator, local: the next slot's example. Collective: all of them. Local: those of a part. */
status team_reads_add(struct team *t, const struct example *e);
status team_reads_send(struct team *t);
status team_reads_list(struct team *t, struct team_part *p);

/* Collective: the bodies of TEAM_LOSS, TEAM_LOSSES, TEAM_PLACE, TEAM_FIX on all ranks. Arrays are the coordinator's, head NULL
 * for TEAM_LOSSES. */
status team_run_sets(struct team *t, const struct team_order *order, const float *sets, const float *head, double *losses);
status team_run_place(struct team *t, const float *prompts, const float *head);
status team_run_fix(struct team *t, int32_t layer, const float *prompt);

#endif
