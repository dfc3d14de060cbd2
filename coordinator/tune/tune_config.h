/* What `mp2 tune` can be told: the option table behind its YAML file, --set, help and the resolved dump. */
#ifndef MP2_TUNE_CONFIG_H
#define MP2_TUNE_CONFIG_H

#include "coordinator/pretrain_config.h"
#include "coordinator/tune/method.h"

enum { TUNE_SEEDS_MOST = 256 };

struct gradient_config {
    int64_t router_epochs, epochs;
    double router_rate, rate;   /* rate 0: by the prompts' depth */
    int moments;                /* enum moments_policy */
    const char *router;         /* "", "seen", or a seen task's id */
};
enum moments_policy { MOMENTS_FRESH, MOMENTS_WARM };

struct fresh_config { int64_t epochs; double rate; };                 /* a baseline with one stage */

/* 0 stands for the method's own figure, which depends on depth (method.md section 9). */
struct black_box_config {
    int64_t router_evaluations, router_random, evaluations, population, router_check, check;
    double sigma, bound;
};

struct tune_config {
    const char *run, *model, *data, *prompts;
    struct option_list tasks, methods, seeds;
    int64_t k;
    int log;
    int64_t dev_every, test_rows;
    double weight_decay;
    struct gradient_config gradient;
    struct { int64_t epochs; double rate; } router;
    struct fresh_config prompt, deep_prompt, full;
    struct { const char *prompts; int64_t epochs; double rate; } single;
    int fresh_head;             /* baselines that start from nothing begin with a fresh head, too */
    struct black_box_config black_box;
    struct { int form, padding, product, few_shot, choice; } reference;
    int64_t batch_tokens;
    struct machine_config machine;
    struct watch_config watch;
};

extern const struct option tune_options[];
extern const size_t tune_option_count;

/* Local. The seeds, the methods; ST_INPUT (said) on what is none. Counts at most TUNE_SEEDS_MOST, METHOD_COUNT. */
status tune_seeds(const struct tune_config *c, int64_t *seeds, size_t *count);
status tune_methods(const struct tune_config *c, enum method *methods, size_t *count);

#endif
