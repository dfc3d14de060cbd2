/* mp2 evaluate RUN [--set key=value …]: scores of a run's checkpoint on every row of a split, on all ranks of mpirun.
 * RUN is a run's folder (its newest checkpoint) or one of its checkpoints; the configuration is the one the run left behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "cluster/store/checkpoint.h"
#include "coordinator/score/scorer.h"

struct target {
    char checkpoint[CHECKPOINT_PATH_BYTES], config[CHECKPOINT_PATH_BYTES];
    enum split split;
};

/* RUN and, after it, the split (dev when none is named). */
static status find_target(const struct args *a, struct target *t)
{
    t->split = SPLIT_DEV;
    if (a->words[1] && split_parse(a->words[1], &t->split) != 0)
        return fault(ST_USAGE, "mp2 evaluate: found \"%.40s\", expected train, dev, test or pool", a->words[1]);
    TRY(checkpoint_resolve(a->words[0], t->checkpoint));
    return checkpoint_config(t->checkpoint, t->config);
}

/* Coordinator. How far the scoring is, for those who watch. */
static void tell(struct progress *progress, struct pretrain *p, Mp2__Run__State state, int done)
{
    Mp2__Run run = MP2__RUN__INIT;

    if (!progress) return;
    pretrain_describe(p, &run);
    run.command = (char *)(uintptr_t)"evaluate";
    run.state = state;
    run.done = (uint64_t)done;
    run.total = (uint64_t)p->shape.tasks;
    run.unit = (char *)(uintptr_t)"tasks";
    run.workers = (uint32_t)p->comm->workers;
    if (done > 0) run.n_tasks = 0;
    progress_post(progress, &run.base);
}

/* Coordinator. A task's score as a message of its own. */
static void tell_score(struct progress *progress, struct pretrain *p, enum split split, int task,
                       const struct eval_result *r)
{
    const struct task *t = dataset_task(p->planner.data, task);
    Mp2__Score score = MP2__SCORE__INIT, *scores[1] = {&score};
    Mp2__Eval eval = MP2__EVAL__INIT;

    if (!progress || r->rows == 0) return;
    score.task = (char *)(uintptr_t)t->id;
    score.metric = (char *)(uintptr_t)task_metric_text(t->metric);
    score.score = eval.mean = eval.best_mean = r->score;
    score.loss = r->loss;
    score.rows = (uint64_t)r->rows;
    score.majority = dataset_majority(p->planner.data, task, split);
    eval.split = (char *)(uintptr_t)split_text(split);
    eval.phase = score.task;
    eval.n_scores = 1;
    eval.scores = scores;
    progress_post(progress, &eval.base);
}

static status score_all(struct pretrain *p, enum split split)
{
    struct progress_options po = {.name = "evaluate", .watch = p->config->watch};
    struct progress *progress = NULL;
    status s = comm_is_coordinator(p->comm) ? progress_new(&po, &progress) : ST_OK;

    s = comm_agree(p->comm, s);
    for (int t = 0; s == ST_OK && t < p->shape.tasks; t++) {
        struct eval_result r;

        tell(progress, p, MP2__RUN__STATE__EVALUATING, t);
        s = evaluate_task(p, t, split, 0, NULL, NULL, NULL, &r);
        if (s != ST_OK || !comm_is_coordinator(p->comm)) continue;
        p->last_eval[t] = r;
        tell_score(progress, p, split, t, &r);
    }
    tell(progress, p, s == ST_OK ? MP2__RUN__STATE__FINISHED : MP2__RUN__STATE__FAILED, p->shape.tasks);
    progress_destroy(&progress);
    if (s == ST_OK && comm_is_coordinator(p->comm)) evaluate_print(p, split, stdout);
    return s;
}

static status load(struct comm *c, const struct target *t, struct pretrain *p)
{
    const struct checkpoint_tensor *tensors;
    struct state state = {0};
    size_t count;
    status s;

    TRY(comm_agree(c, pretrain_tensors(p, &tensors, &count)));
    TRY(checkpoint_load(c, t->checkpoint, tensors, count, &state));
    s = pretrain_restore(p, &state);
    if (s == ST_OK && comm_is_coordinator(c)) printf("%s: step %llu\n", t->checkpoint, (unsigned long long)state.step);
    state_fini(&state);
    return comm_agree(c, s);
}

static status run(struct comm *c, const struct args *a)
{
    struct target target;
    struct pretrain_config config;
    struct options options;
    struct pretrain pretrain;
    char *text = NULL;
    status s = comm_is_coordinator(c) ? find_target(a, &target) : ST_OK;

    TRY(comm_agree(c, s));
    TRY(comm_broadcast(c, &target, sizeof target, 0));
    TRY(args_load(c, a, target.config, pretrain_options, pretrain_option_count, &config, &options, &text));
    log_init(comm_is_coordinator(c) ? 'C' : 'W', c->rank, (enum log_level)config.log);
    s = pretrain_open(c, &config, &options, text, &pretrain);
    if (s == ST_OK) {
        s = load(c, &target, &pretrain);
        if (s == ST_OK) s = score_all(&pretrain, target.split);
        pretrain_close(&pretrain);
    }
    free(text);
    options_fini(&options);
    return s;
}

status cmd_evaluate(int argc, char **argv)
{
    return args_run_ranks(argc, argv, &(struct args_words){1, 2, "mp2 evaluate RUN [train|dev|test|pool] …"}, run);
}
