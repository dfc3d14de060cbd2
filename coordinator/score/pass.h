/* The coordinator's part of scoring rows: round by round, rows out and answers in. Local; the collectives are in
 * scorer.c. */
#ifndef MP2_COORDINATOR_SCORE_PASS_H
#define MP2_COORDINATOR_SCORE_PASS_H

#include "coordinator/data/dataset.h"
#include "coordinator/score/scorer.h"
#include "worker/scoring.h"

struct score_pass_options {
    const struct scorer_rules *rules;
    struct dataset *data;
    int workers;
    evaluate_row *each; /* NULL: rows are not reported */
    void *arg;
};

/* A window of a row, as it was sent. */
struct score_window {
    int64_t row;
    int32_t number;
};

struct score_pass {
    struct score_pass_options o;
    struct scored_rows what;
    struct mem_keep keep;
    int64_t rows, next; /* their number, and the index of the next one */
    int64_t total;      /* rows of the split */
    int64_t words_left; /* approximate, of the rows not sent yet */
    struct example_buffer buffer;
    /* a round */
    struct assignment_message *messages; /* (workers) */
    struct score_window **windows;       /* (workers): the windows that were sent */
    size_t *counts, *rooms;              /* (workers) of windows */
    struct score_batch_result *results;  /* of all workers, in worker order */
    size_t result_room;
    /* the row whose windows are coming in */
    int64_t row; /* -1: none */
    struct answer best;
    int best_window;
    double loss;
    int loss_count;
    /* so far */
    struct eval_result result;
    double score_sum, loss_sum;
    int64_t losses;
};

status score_pass_open(const struct score_pass_options *o, const struct scored_rows *what, struct score_pass *e);
void score_pass_close(struct score_pass *e);

/* Fill the next round: for each worker a message of about that many tokens, its size and that of its answers; allocates
 * room for all answers. The first worker's message is empty when no rows are left. */
status score_pass_fill(struct score_pass *e, int64_t tokens, struct scoring_size *sizes);
/* Call when the answers of the round are in e->results. */
status score_pass_take(struct score_pass *e);
/* Call when all answers are in. */
status score_pass_finish(struct score_pass *e, struct eval_result *out);

#endif
