/* mp2 evaluate RUN [--set key=value …]: scores of a run's checkpoint on every row of a split, on all ranks of mpirun.
 * RUN is a run's folder (its newest checkpoint) or one of its checkpoints; the configuration is the one the run left behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/run/arguments.h"
#include "cluster/run/cmd.h"
#include "cluster/store/checkpoint.h"
#include "coordinator/evaluate.h"

struct target {
    char checkpoint[CHECKPOINT_PATH_BYTES], config[CHECKPOINT_PATH_BYTES];
    enum split split;
};

/* RUN and, behind it, the split (dev when none is said). */
static status find_target(const struct arguments *a, struct target *t)
{
    if (!a->config) return fault(ST_USAGE, "mp2 evaluate: expected RUN, a run's folder or a checkpoint in one");
    t->split = SPLIT_DEV;
    if (a->second && split_parse(a->second, &t->split) != 0)
        return fault(ST_USAGE, "mp2 evaluate: found \"%.40s\", expected train, dev, test or pool", a->second);
    TRY(checkpoint_resolve(a->config, t->checkpoint));
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

/* Coordinator. A split without rows is said before anything is loaded or computed: why, and which tasks. */
static status check_rows(const struct pretrain *p, const struct target *t)
{
    static const char *const reasons[SPLIT_COUNT] = {
        [SPLIT_TRAIN] = "none is published", [SPLIT_DEV] = "none is published, and the tasks' entries let none be drawn",
        [SPLIT_TEST] = "none is published, and the import draws one for downstream tasks alone",
        [SPLIT_POOL] = "only tasks that are upstream and downstream ones have it"};
    const struct dataset *d = p->planner.data;
    int64_t rows = 0, dropped = 0;
    char without[512] = "";

    for (int i = 0; i < dataset_tasks(d); i++) {
        size_t n = strlen(without);

        rows += dataset_rows(d, i, t->split);
        dropped += dataset_dropped(d, i, t->split);
        if (dataset_rows(d, i, t->split) == 0)
            snprintf(without + n, sizeof without - n, "%s%s", n ? "," : "", dataset_task(d, i)->id);
    }
    if (rows == 0 && dropped > 0)
        return fault(ST_INPUT, "%s: nothing to score: the %lld rows of %s do not fit into %d tokens", t->checkpoint,
                     (long long)dropped, split_text(t->split), (int)p->config->prompt.max_length);
    if (rows == 0)
        return fault(ST_INPUT, "%s: nothing to score: no task has rows in %s (%s)", t->checkpoint, split_text(t->split),
                     reasons[t->split]);
    if (without[0]) log_warn("split-empty", "split=%s tasks=%s", split_text(t->split), without);
    return ST_OK;
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

static status run(struct comm *c, const struct arguments *a)
{
    struct target target;
    struct pretrain_config config;
    struct arguments of_run = *a;
    struct options options;
    struct pretrain pretrain;
    char *text = NULL;
    status s = comm_is_coordinator(c) ? find_target(a, &target) : ST_OK;

    TRY(comm_agree(c, s));
    TRY(comm_broadcast(c, &target, sizeof target, 0));
    of_run.config = target.config;
    TRY(arguments_load(c, &of_run, pretrain_options, pretrain_option_count, &config, &options, &text));
    log_init(comm_is_coordinator(c) ? 'C' : 'W', c->rank, (enum log_level)config.log);
    s = pretrain_open(c, &config, &options, text, &pretrain);
    if (s == ST_OK) {
        s = comm_agree(c, comm_is_coordinator(c) ? check_rows(&pretrain, &target) : ST_OK);
        if (s == ST_OK) s = load(c, &target, &pretrain);
        if (s == ST_OK) s = score_all(&pretrain, target.split);
        pretrain_close(&pretrain);
    }
    free(text);
    options_fini(&options);
    return s;
}

status cmd_evaluate(int argc, char **argv)
{
    return arguments_run(argc, argv, 2, run);
}
