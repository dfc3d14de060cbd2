/* What a worker does in a round of scoring (called between the collectives of coordinator/score/scorer.c):
 *
 *     prepare    room for a message and its answers, whose sizes are known
 *     answer     after the message has arrived: run every example forward and answer it
 *
 * Local. */
#ifndef MP2_WORKER_SCORING_H
#define MP2_WORKER_SCORING_H

#include "cluster/base/status.h"
#include "worker/train/score_batch.h"

/* What the coordinator broadcasts before a round's messages, one per worker. words 0 for the first worker: no more
 * rounds. */
struct scoring_size {
    int64_t words, answers;
};

/* Buffers that grow; initialise with {0}. */
struct scoring_worker {
    int32_t *message; /* (words) */
    size_t words, message_room;
    struct score_batch_result *results; /* (answers) */
    size_t answers, result_room;
};

status scoring_prepare(struct scoring_worker *w, const struct scoring_size *size);

/* prompts and head must be composed; c: opened for training or scoring. */
status scoring_answer(struct scoring_worker *w, struct compute *c, const struct encoder_prompts *prompts,
                      const float *head);

void scoring_fini(struct scoring_worker *w);

#endif
