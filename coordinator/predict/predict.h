/* Raw text in, answers out: questions are read as a stream, packed and dealt to the workers by tokens, and answered in
 * their order (the job behind `mp2 predict`). An answer depends on its question alone, and is the one that evaluation
 * finds for the same row. */
#ifndef MP2_COORDINATOR_PREDICT_PREDICT_H
#define MP2_COORDINATOR_PREDICT_PREDICT_H

#include <stdio.h>

#include "cluster/comm/comm.h"
#include "coordinator/predict/config.h"
#include "coordinator/tune/tuned.h"
#include "worker/model/replica.h"
#include "worker/train/score_batch.h"

/* What to answer with. */
struct predict_source {
    const char *model; /* the encoder's folder, with vocab.txt */
    const struct tuned *tuned;
    const struct tuned_task *task;
};

struct predict {
    struct comm *comm;
    const struct predict_config *config;
    struct replica replica;
    int32_t layers, tokens, hidden, longest;
    float *prompts, *head; /* (layers,P,H), (2,H) */
    /* workers */
    struct compute compute;
    int32_t *message;
    size_t message_room;
    /* coordinator */
    struct predict_source source;
    struct vocabulary *vocabulary;
};

struct predict_result {
    int64_t lines, bad, windows, tokens;
};

/* Collective. source: the coordinator's, must outlive it; NULL elsewhere. ST_INPUT (reported) when the encoder or its
 * vocabulary is not the one that the task was tuned over, or inputs do not fit it. */
status predict_open(struct comm *c, const struct predict_config *config, const struct predict_source *source,
                    struct predict *p);
void predict_close(struct predict *p);

/* Collective. Answer every line of `lines` on `to` (coordinator). ST_INPUT (reported) at a bad line with bad: refuse;
 * with skip bad lines are counted in result. */
status predict_run(struct predict *p, struct lines *lines, FILE *to, struct predict_result *result);

#endif
