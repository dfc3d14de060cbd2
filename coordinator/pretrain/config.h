/* What `mp2 pretrain` can be told: the option table behind its YAML file, --set, help and the resolved dump. */
#ifndef MP2_COORDINATOR_PRETRAIN_CONFIG_H
#define MP2_COORDINATOR_PRETRAIN_CONFIG_H

#include "cluster/base/options.h"
#include "cluster/watch/publish.h"
#include "worker/train/answer_loss.h"

enum depth { DEPTH_DEEP, DEPTH_SHALLOW };
enum rate_schedule { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE };

/* How any command computes: shared rows of the tables of pretrain, evaluate, tune. */
struct machine_config {
    int precision, isa, engine, exact, accept_break;
    int64_t threads, unit_examples, unit_memory;
};

/* Their rows. field: the struct machine_config of type; examples: how many are computed together, as text. */
#define MACHINE_OPTIONS(type, field, examples)                                                                         \
    {"machine.precision", OPTION_CHOICE, offsetof(type, field.precision), "auto", 0, 0, AFFECTS_RESULT, "",            \
     "of weights and matrix inputs; auto: bf16 where the CPUs have AVX-512 BF16", "auto|f32|bf16"},                    \
    {"machine.isa", OPTION_CHOICE, offsetof(type, field.isa), "auto", 0, 0, AFFECTS_RESULT, "",                        \
     "instruction set; auto: the best that all workers have", "auto|avx2|avx512|avx512bf16"},                          \
    {"machine.engine", OPTION_CHOICE, offsetof(type, field.engine), "onednn", 0, 0, AFFECTS_RESULT, "",                \
     "matrix products; openblas is f32 only", "onednn|openblas"},                                                      \
    {"machine.exact", OPTION_BOOL, offsetof(type, field.exact), "true", 0, 0, AFFECTS_RESULT, "",                      \
     "refuse machines whose products depend on how rows are dealt", NULL},                                             \
    {"machine.threads", OPTION_INT, offsetof(type, field.threads), "0", 0, 4096, AFFECTS_PLACEMENT, "",                \
     "threads a worker; 0: the node's cores over its workers", NULL},                                                  \
    {"machine.unit_examples", OPTION_INT, offsetof(type, field.unit_examples), examples, 1, 1024, AFFECTS_PLACEMENT,   \
     "examples", "most examples computed together; a power of two", NULL},                                             \
    {"machine.unit_memory", OPTION_INT, offsetof(type, field.unit_memory), "1Gi", 1e6, 1e15, AFFECTS_PLACEMENT,        \
     "bytes", "memory for the activations of the examples computed together", NULL}

/* What losses are over, likewise. loss: enum loss_over; reference: whether it is the reference's. */
#define TRAIN_LOSS_OPTION(type, field)                                                                                 \
    {"train.loss", OPTION_CHOICE, offsetof(type, field), "answers", 0, 0, AFFECTS_RESULT, "",                          \
     "softmax over what can be the answer (the options, or the context's tokens), or over all tokens, as runs from "   \
     "before there was a choice have it", "answers|all"}
#define REFERENCE_LOSS_OPTION(type, field)                                                                             \
    {"reference.loss", OPTION_BOOL, offsetof(type, field), "false", 0, 0, AFFECTS_RESULT, "",                          \
     "softmax over all tokens, whatever train.loss says", NULL}

/* What prompts look like. */
struct prompt_config {
    int depth;
    int64_t tokens, modules, intrinsic, first_placeholder, max_length;
    double module_start, router_start, router_centre;
};

struct train_config {
    int64_t steps, batch, groups, warmup, skips;
    double router_rate, rate, projection_factor, head_factor, decay, beta1, beta2, eps, tau, tau_least, tau_decay;
    int schedule, dropout, gate_noise;
    int loss;                   /* enum loss_over, unless the reference's is asked for (train_loss) */
};

struct reference_config { int form, padding, idle_rows, product, sum_groups, loss; };

struct eval_config { int64_t every, rows, batch_tokens; int final; };

struct keep_config { int64_t every, count, sync_ms; };

struct pretrain_config {
    const char *run, *model, *data;
    int log;
    struct option_list tasks;
    int64_t seed;
    struct prompt_config prompt;
    struct train_config train;
    struct reference_config reference;
    struct eval_config eval;
    struct keep_config keep;
    struct machine_config machine;
    struct watch_config watch;
};

extern const struct option pretrain_options[];
extern const size_t pretrain_option_count;

/* Local. Learning-rate factor of a step (0 …): warm-up, then the schedule down to 0 at train.steps. */
double train_rate_factor(const struct train_config *t, int64_t step);
/* Local. What losses are over: all tokens where either says so. */
static inline enum loss_over train_loss(int loss, int reference)
{
    return reference ? LOSS_ALL : (enum loss_over)loss;
}
/* Local. tau_t = max(least, tau exp(-decay t)) (method.md Q30). */
double train_tau(const struct train_config *t, int64_t step);

#endif
