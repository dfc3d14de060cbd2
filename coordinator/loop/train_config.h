/* Options of every trainer that runs in the step loop: fields that the option tables of `mp2 pretrain` and `mp2 mlm`
 * both fill. */
#ifndef MP2_COORDINATOR_LOOP_TRAIN_CONFIG_H
#define MP2_COORDINATOR_LOOP_TRAIN_CONFIG_H

#include <stdint.h>

#include "cluster/base/digest.h"
#include "cluster/base/options.h"
#include "worker/kernel/adamw.h"
#include "worker/train/answer_loss.h"

enum rate_schedule { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE };

struct train_config {
    int64_t steps, warmup, skips;
    int64_t batch, groups; /* a step is `groups` batches of `batch` examples */
    double rate;
    struct adamw_options adamw;
    enum rate_schedule schedule;
    int dropout;
};

struct eval_config {
    int64_t every, rows, batch_tokens;
    int final;
};

struct keep_config {
    int64_t every, count, sync_ms;
};

/* What losses are computed over: rows of the option tables of pretrain and tune. loss: enum loss_over; reference:
 * whether to do as the reference does. */
#define TRAIN_LOSS_OPTION(type, field)                                                                               \
    CHOICE_OPTION("train.loss", offsetof(type, field), "answers", "answers|all", RESULT,                             \
                  "softmax over what can be the answer (the options, or the context's tokens), or over all tokens, " \
                  "as runs from before there was a choice have it")
#define REFERENCE_LOSS_OPTION(type, field)                                \
    BOOL_OPTION("reference.loss", offsetof(type, field), "false", RESULT, \
                "softmax over all tokens, whatever train.loss says")

/* Local. What losses are computed over: all tokens if either option says so. */
static inline enum loss_over train_loss(int loss, int reference)
{
    return reference ? LOSS_ALL : (enum loss_over)loss;
}

/* Local. The digest that a resumed run must match: options that affect the result, and the number of steps where the
 * schedule depends on it. counts: whether an option does, NULL: all do. ST_MEMORY
 * (reported). */
status train_config_digest(const struct train_config *t, const struct options *options,
                           int (*counts)(void *arg, const char *name), void *arg, char out[DIGEST_TEXT]);

/* Local. Learning-rate factor of a step (0 …): warm-up, then the schedule down to 0 at train.steps. */
double train_rate_factor(const struct train_config *t, int64_t step);

#endif
