/* Score a task's rows: distributed to the workers, answered there, counted here (worker/README.md, "Scores", Q9, Q10:
 * every row once, each by its own options, mean over rows). */
#ifndef MP2_COORDINATOR_SCORE_SCORER_H
#define MP2_COORDINATOR_SCORE_SCORER_H

#include "cluster/comm/comm.h"
#include "cluster/store/run_folder.h"
#include "coordinator/data/dataset.h"
#include "coordinator/loop/membership.h"
#include "worker/scoring.h"

struct eval_result {
    int64_t rows;
    double score;    /* accuracy or F1, mean over rows; NAN: no rows */
    double loss;     /* mean over the rows whose answer the encoder saw */
    int64_t correct; /* labels and choices */
};

/* What to do with every row's answer besides counting; coordinator. predicted: option, or -1 and the answer's token
 * ids. */
typedef status evaluate_row(void *arg, int task, int64_t row, int predicted, const int32_t *ids, int count,
                            double score, double credit);

/* How rows are presented and answers scored. */
struct scorer_rules {
    int padding;          /* reference: padding is attended to, up to the longest of 32 rows */
    int product;          /* reference: options by the product of logits */
    int independent;      /* reference: start and end of a span independently */
    int64_t batch_tokens; /* maximum sent to a worker at a time */
    uint64_t seed;        /* of keyed subsets */
};

/* Who scores: the coordinator has the data, the workers an encoder and prompts. Members after the line are private to
 * the scorer. */
struct scorer {
    struct comm *comm;
    struct membership *membership; /* told who has answered; NULL: not monitored */
    struct run_folder *folder;     /* coordinator: polled between rounds for a stop request; NULL: only signals */
    struct scorer_rules rules;
    struct dataset *data;    /* coordinator */
    struct compute *compute; /* workers, as below */
    struct encoder_prompts prompts;
    const float *head; /* (2,H) */
    /* ---- */
    struct scoring_size *sizes; /* (workers) of a round */
    size_t size_room;
    int64_t round_tokens;               /* sent to a worker in the next round; 0: before the first */
    struct exchange exchange, incoming; /* of all messages; of a worker's incoming one, before it answers */
    struct scoring_worker worker;
};
void scorer_fini(struct scorer *x);

/* Which rows; coordinator. rows NULL: a keyed subset of at most count (0: all) of the split. */
struct scored_rows {
    int task;
    enum split split;
    const int64_t *rows;
    int64_t count;
};

/* Collective; all ranks return the same status. Score the rows; the result is the coordinator's. what, each and arg are
 * used on the coordinator only. Prompts and head must be composed, with no update pending. ST_END (not reported): a
 * stop was requested meanwhile; a round takes a few seconds, whatever batch_tokens is. */
status score_rows(struct scorer *x, const struct scored_rows *what, evaluate_row *each, void *arg,
                  struct eval_result *out);

#endif
