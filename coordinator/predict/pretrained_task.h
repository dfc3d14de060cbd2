/* A task that pre-training has seen, as a tuned file would hold it: its router's gates mix the modules into a prompt
 * (evaluation mode), with the head of the checkpoint. */
#ifndef MP2_COORDINATOR_PREDICT_PRETRAINED_TASK_H
#define MP2_COORDINATOR_PREDICT_PRETRAINED_TASK_H

#include "coordinator/tune/tuned.h"

struct pretrained_task {
    char model[4096], data[4096];
};

/* Local. checkpoint: a run's folder or a checkpoint of `mp2 pretrain`. model, data: folders, "" for those that the
 * run's config.resolved.yaml names (left in seen). id: the task, "" when the run has one alone. out: method
 * "zero-shot", the same bits as `mp2 evaluate` composes; tuned_fini. ST_INPUT (reported). */
status pretrained_task_load(const char *checkpoint, const char *model, const char *data, const char *id,
                            struct pretrained_task *seen, struct tuned *out);

#endif
