/* The options of `mp2 pretrain`: one table for its YAML file, --set, the help text and the resolved dump. */
#ifndef MP2_COORDINATOR_PRETRAIN_CONFIG_H
#define MP2_COORDINATOR_PRETRAIN_CONFIG_H

#include "cluster/base/options.h"
#include "cluster/watch/publish.h"
#include "coordinator/loop/train_config.h"
#include "worker/model/machine.h"

enum depth { DEPTH_DEEP, DEPTH_SHALLOW };
enum prompt_encoding { PROMPT_ENCODER_NONE, PROMPT_ENCODER_LSTM };
enum heads { HEADS_ONE, HEADS_KINDS, HEADS_TASKS };

/* Shape of the prompts. */
struct prompt_config {
    enum depth depth;
    enum prompt_encoding encoder;
    enum heads heads;
    int64_t tokens, modules, own_modules, intrinsic, first_placeholder, max_length;
    double module_start, router_start, router_centre;
};

/* Routers and modules: their learning rates beside train.rate, and how gates are drawn. */
struct mixture_config {
    double router_rate, projection_factor, head_factor, tau, tau_least, tau_decay;
    int gate_noise, balance;
};

struct reference_config {
    int form, padding, idle_rows, product, sum_groups, loss;
};

struct pretrain_config {
    const char *run, *model, *data;
    int log;
    struct option_list tasks;
    int64_t seed;
    struct prompt_config prompt;
    struct train_config train;
    struct mixture_config mixture;
    int loss; /* enum loss_over, unless reference.loss (train_loss) */
    struct reference_config reference;
    struct eval_config eval;
    struct keep_config keep;
    struct machine_config machine;
    struct watch_config watch;
};

extern const struct option pretrain_options[];
extern const size_t pretrain_option_count;

/* Local. tau of a step (0 …): max(least, tau exp(-decay t)) (worker/README.md, Q30). */
double mixture_tau(const struct mixture_config *m, int64_t step);

#endif
