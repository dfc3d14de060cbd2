/* What `mp2 tune` takes: the option table behind its YAML file, --set, help and the resolved dump. */
#ifndef MP2_COORDINATOR_TUNE_CONFIG_H
#define MP2_COORDINATOR_TUNE_CONFIG_H

#include "cluster/watch/publish.h"
#include "coordinator/loop/train_config.h"
#include "worker/model/machine.h"
#include "coordinator/tune/method.h"

enum { TUNE_SEEDS_MOST = 256 };

/* One stage of gradient steps; a step takes all training examples, so an epoch is a step. */
struct stage_config {
    int64_t epochs;
    double rate;
};

/* 0 stands for the method's own figure, which depends on depth (worker/README.md, "Black box"). */
struct black_box_config {
    int64_t router_evaluations, router_random, evaluations, population, router_check, check;
    double sigma, bound;
};

struct tune_config {
    const char *run, *model, *data, *prompts;
    struct option_list tasks, methods, seeds;
    int64_t k;
    int log;
    int64_t dev_every, test_rows, batch_tokens;
    double weight_decay;
    int loss;                     /* enum loss_over, unless reference.loss */
    const char *start;            /* "", "seen", "best" or a seen task: the router to begin with */
    struct stage_config router;   /* stage one of gradient; all of router */
    struct stage_config gradient; /* stage two; rate 0: by depth */
    struct stage_config prompt, deep_prompt, single, full;
    const char *single_prompts;
    int fresh_head; /* of baselines that start from nothing */
    struct black_box_config black_box;
    struct {
        int few_shot, moments, padding, product, choice, loss;
    } reference;
    struct machine_config machine;
    struct watch_config watch;
};

extern const struct option tune_options[];
extern const size_t tune_option_count;

/* Local. The seeds and the methods; ST_INPUT (reported) on what is none, or stands there twice. */
status tune_seeds(const struct tune_config *c, int64_t seeds[TUNE_SEEDS_MOST], size_t *count);
status tune_methods(const struct tune_config *c, enum method methods[METHOD_COUNT], size_t *count);

/* Local. Whether it is among the methods, which need not all be known. */
int tune_has_method(const struct tune_config *c, enum method method);

/* Local. Digest of the options that matter to one method. ST_MEMORY (reported). */
status tune_method_digest(const struct options *o, enum method method, char out[33]);

#endif
