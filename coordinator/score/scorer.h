/* Scores of a task's rows: dealt to the workers, answered there, counted here (method.md section 4 with Q9, Q10: every
 * row once, each by its own options, mean over rows). */
#ifndef MP2_COORDINATOR_SCORE_SCORER_H
#define MP2_COORDINATOR_SCORE_SCORER_H

#include "coordinator/pretrain/pretrain.h"

struct eval_result {
    int64_t rows;
    double score;             /* accuracy or F1, mean over rows; NAN: no rows */
    double loss;              /* mean over the rows whose answer the encoder saw */
    int64_t correct;          /* labels and choices */
};

/* What to do with every row's answer besides counting; coordinator. predicted: option, or -1 and the answer's token ids. */
typedef status evaluate_row(void *arg, int task, int64_t row, int predicted, const int32_t *ids, int count, double score,
                            double credit);

/* How rows are shown and answers scored. */
struct scorer_rules {
    int padding;              /* reference: padding is attended, up to the longest of 32 rows */
    int product;              /* reference: options by the product of logits */
    int independent;          /* reference: start and end of a span each for itself */
    int64_t batch_tokens;     /* dealt to a worker at a time */
    uint64_t seed;            /* of keyed subsets */
};

/* Who examines: the coordinator has the data, the workers an encoder and prompts. */
struct scorer {
    struct comm *comm;
    struct membership *membership;                /* told who has answered; NULL: nobody watches */
    struct scorer_rules rules;
    struct dataset *data;             /* coordinator */
    struct compute *compute;          /* workers, as below */
    struct encoder_prompts prompts;
    const float *head;                /* (2,H) */
    int32_t *message;                 /* received; grows, freed by scorer_fini */
    size_t message_room;
};
void scorer_fini(struct scorer *x);

/* Which rows; coordinator. rows NULL: a keyed subset of at most count (0: all) of the split. */
struct scored_rows { int task; enum split split; const int64_t *rows; int64_t count; };

/* Collective. Score the rows; the result is the coordinator's. what, each and arg count on the coordinator alone. */
status score_rows(struct scorer *x, const struct scored_rows *what, evaluate_row *each, void *arg, struct eval_result *out);

/* Collective. At most `rows` rows (0: all) of a split of a task, a keyed subset of the seed; result on the coordinator.
 * membership and each may be NULL. No update may be pending (pretrain_flush). */
status evaluate_task(struct pretrain *p, int task, enum split split, int64_t rows, struct membership *membership, evaluate_row *each,
                     void *arg, struct eval_result *out);

/* Local. Print the table of the last evaluation: a line a task and the means (README "Quick start"). */
void evaluate_print(const struct pretrain *p, enum split split, FILE *to);

#endif
