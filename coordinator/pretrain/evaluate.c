/* Scores of tasks: the sequence of an evaluation, and its collectives. */
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "coordinator/pretrain/pretrain.h"
#include "coordinator/pretrain/scores.h"

/* Compose and gather the task's prompt in evaluation mode, as in a step. */
static status compose_task(struct pretrain *p, int task)
{
    const struct pretrain_shape *s = &p->facts.shape;
    struct pretrain_worker *w = p->worker;

    if (p->coordinator) pretrain_coordinator_mix_task(p->coordinator, task);
    TRY(comm_broadcast(p->comm, p->go.u, s->u * sizeof *p->go.u, 0));
    TRY(comm_broadcast(p->comm, p->go.head, s->head * sizeof *p->go.head, 0));
    if (w) pretrain_worker_compose(w, 1, p->go.u);
    return pretrain_gather_prompts(p, 1);
}

/* Score at most `rows` rows (0: all) of a split of a task: a subset determined by the seed. */
static status score_task(struct pretrain *p, struct scorer *x, int task, enum split split, int64_t rows,
                         struct eval_result *out)
{
    const struct scored_rows what = {.task = task, .split = split, .count = rows};

    TRY(compose_task(p, task));
    return score_rows(x, &what, NULL, NULL, out);
}

static struct scorer scorer_of(struct pretrain *p, const struct eval_watch *watch)
{
    const struct pretrain_config *c = p->config;
    struct pretrain_worker *w = p->worker;

    return (struct scorer){
        .comm = p->comm,
        .membership = watch->membership,
        .folder = watch->folder,
        .rules = {.padding = c->reference.padding,
                  .product = c->reference.product,
                  .independent = c->reference.form != FORM_RIGHT,
                  .batch_tokens = c->eval.batch_tokens,
                  .seed = (uint64_t)c->seed},
        .data = p->coordinator ? p->coordinator->data : NULL,
        .compute = w ? &w->compute : NULL,
        .prompts = {(int32_t)p->facts.shape.layers, (int32_t)p->facts.shape.tokens, w ? w->prompts : NULL},
        .head = p->go.head};
}

/* ---- for struct job ---- */

status pretrain_evaluate(void *self, int64_t step, int full, const struct eval_watch *watch, struct job_eval *out)
{
    struct pretrain *p = self;
    struct pretrain_coordinator *c = p->coordinator;
    struct scorer x = scorer_of(p, watch);
    double started = clock_now();
    status s = ST_OK;

    (void)step;
    if (c) task_scores_begin(c->scores, SPLIT_DEV);
    for (int t = 0; s == ST_OK && t < p->facts.shape.tasks; t++) {
        struct eval_result r;

        s = score_task(p, &x, t, SPLIT_DEV, full ? 0 : p->config->eval.rows, &r);
        if (s == ST_OK && c) task_scores_add(c->scores, t, SPLIT_DEV, &r);
    }
    scorer_fini(&x);
    if (s != ST_OK || !c) return s;
    task_scores_end(c->scores, !full && p->config->eval.rows > 0, clock_now() - started, out);
    task_scores_router(c->scores, c->parameters->router.value, out);
    return ST_OK;
}

/* ---- for mp2 evaluate ---- */

/* Coordinator. Publish the progress of the scoring. */
static void tell_state(struct pretrain *p, struct progress *progress, Mp2__Run__State state, int done)
{
    Mp2__Run run = MP2__RUN__INIT;

    if (!progress) return;
    pretrain_describe(p, &run);
    run.command = (char *)(uintptr_t) "evaluate";
    run.state = state;
    run.done = (uint64_t)done;
    run.total = (uint64_t)p->facts.shape.tasks;
    run.unit = (char *)(uintptr_t) "tasks";
    run.workers = (uint32_t)p->comm->workers;
    if (done > 0) run.n_tasks = 0;
    progress_post(progress, &run.base);
}

/* Coordinator. Publish a task's score as a separate message. */
static void tell_score(struct progress *progress, const struct task_scores *scores, enum split split)
{
    Mp2__Score *score = scores->pointers[scores->eval.n_scores - 1];
    Mp2__Eval eval = MP2__EVAL__INIT;

    eval.mean = eval.best_mean = score->score;
    eval.split = (char *)(uintptr_t)split_text(split);
    eval.phase = score->task;
    eval.n_scores = 1;
    eval.scores = &score;
    progress_post(progress, &eval.base);
}

static status score_split(struct pretrain *p, struct scorer *x, enum split split, struct progress *progress)
{
    struct pretrain_coordinator *c = p->coordinator;

    if (c) task_scores_begin(c->scores, split);
    for (int t = 0; t < p->facts.shape.tasks; t++) {
        struct eval_result r;

        tell_state(p, progress, MP2__RUN__STATE__EVALUATING, t);
        TRY(score_task(p, x, t, split, 0, &r));
        if (!c) continue;
        c->scores->complete = 1; /* so far */
        task_scores_add(c->scores, t, split, &r);
        if (progress && r.rows > 0) tell_score(progress, c->scores, split);
    }
    return ST_OK;
}

status pretrain_check_rows(const struct pretrain *p, enum split split, const char *checkpoint)
{
    static const char *const reasons[SPLIT_COUNT] = {
        [SPLIT_TRAIN] = "none is published",
        [SPLIT_DEV] = "none is published, and the tasks' entries let none be drawn",
        [SPLIT_TEST] = "none is published, and the import draws one for downstream tasks alone",
        [SPLIT_POOL] = "only tasks that are upstream and downstream ones have it"};
    const struct dataset *d = p->coordinator->data;
    int64_t rows = 0, dropped = 0;
    char without[512] = "";

    for (int i = 0; i < dataset_tasks(d); i++) {
        size_t n = strlen(without);

        rows += dataset_rows(d, i, split);
        dropped += dataset_dropped(d, i, split);
        if (dataset_rows(d, i, split) == 0)
            snprintf(without + n, sizeof without - n, "%s%s", n ? "," : "", dataset_task(d, i)->id);
    }
    if (rows == 0 && dropped > 0)
        return fault(ST_INPUT, "%s: nothing to score: the %lld rows of %s do not fit into %d tokens", checkpoint,
                     (long long)dropped, split_text(split), (int)p->config->prompt.max_length);
    if (rows == 0)
        return fault(ST_INPUT, "%s: nothing to score: no task has rows in %s (%s)", checkpoint, split_text(split),
                     reasons[split]);
    if (without[0]) log_warn("split-empty", "split=%s tasks=%s", split_text(split), without);
    return ST_OK;
}

status pretrain_evaluate_split(struct pretrain *p, enum split split)
{
    struct progress_options po = {.name = "evaluate", .watch = p->config->watch};
    struct progress *progress = NULL;
    struct scorer x = scorer_of(p, &(struct eval_watch){NULL, NULL});
    status s = p->coordinator ? progress_new(&po, &progress) : ST_OK;

    s = comm_agree(p->comm, s);
    if (s == ST_OK) s = score_split(p, &x, split, progress);
    if (progress)
        tell_state(p, progress,
                   s == ST_OK    ? MP2__RUN__STATE__FINISHED
                   : s == ST_END ? MP2__RUN__STATE__STOPPED
                                 : MP2__RUN__STATE__FAILED,
                   s == ST_OK ? (int)p->facts.shape.tasks : (int)p->coordinator->scores->eval.n_scores);
    scorer_fini(&x);
    progress_destroy(&progress);
    return s;
}

void pretrain_print_scores(const struct pretrain *p, enum split split, FILE *to)
{
    const struct pretrain_coordinator *c = p->coordinator;

    if (c->scores->complete) task_scores_print(c->scores, c->tasks, split, to);
}
