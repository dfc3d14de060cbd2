/* What a worker does in a round of scoring (coordinator/score/scorer.c, whose collectives these stand between):
 *
 *     prepare    room for a message and its answers, whose sizes have been told
 *     answer     the message has arrived: every example forward, its answer
 *
 * Local. */
#ifndef MP2_WORKER_SCORING_H
#define MP2_WORKER_SCORING_H

#include "cluster/base/status.h"
#include "worker/train/score_batch.h"

/* What the coordinator tells all ranks of a round before the message, one for each worker. words 0 for the first: no
 * more rounds. */
struct scoring_size {
    int64_t words, answers;
};

/* Memory that grows; {0} to begin with. */
struct scoring_worker {
    int32_t *message; /* (words) */
    size_t words, message_room;
    struct score_batch_result *results; /* (answers) */
    size_t answers, result_room;
};

status scoring_prepare(struct scoring_worker *w, const struct scoring_size *size);

/* prompts and head are composed; c as opened for training or scoring. */
status scoring_answer(struct scoring_worker *w, struct compute *c, const struct encoder_prompts *prompts,
                      const float *head);

void scoring_fini(struct scoring_worker *w);

#endif
