/* Dev scores of all tasks, and the table of the last ones. */
#include <math.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/memory.h"
#include "coordinator/score/scorer.h"

/* Messages of an evaluation; one set, made anew each time. */
struct eval_message {
    Mp2__Eval eval;
    Mp2__Score *scores;
    Mp2__Score **pointers;
    struct record_eval_task *tasks;
    Mp2__Router router;
    float *chances;             /* (T,L,K) */
    char **names;
};

static status message_new(int tasks, size_t gates, struct eval_message **out)
{
    struct eval_message *m;

    TRY(mem_alloc(1, sizeof *m, &m));
    mp2__eval__init(&m->eval);
    mp2__router__init(&m->router);
    *out = m;
    TRY(mem_alloc((size_t)tasks * gates, sizeof *m->chances, &m->chances));
    TRY(mem_alloc((size_t)tasks, sizeof *m->names, &m->names));
    TRY(mem_alloc((size_t)tasks, sizeof *m->scores, &m->scores));
    TRY(mem_alloc((size_t)tasks, sizeof *m->pointers, &m->pointers));
    return mem_alloc((size_t)tasks, sizeof *m->tasks, &m->tasks);
}

void pretrain_eval_message_free(struct eval_message **m)
{
    if (!*m) return;
    mem_free((*m)->scores);
    mem_free((*m)->pointers);
    mem_free((*m)->tasks);
    mem_free((*m)->chances);
    mem_free((*m)->names);
    mem_free(*m);
    *m = NULL;
}

static void add_score(struct pretrain *p, struct eval_message *m, int task, const struct eval_result *r)
{
    const struct task *t = dataset_task(p->planner.data, task);
    Mp2__Score *score = &m->scores[m->eval.n_scores];

    mp2__score__init(score);
    score->task = (char *)(uintptr_t)t->id;
    score->metric = (char *)(uintptr_t)task_metric_text(t->metric);
    score->score = r->score;
    score->loss = r->loss;
    score->rows = (uint64_t)r->rows;
    score->majority = dataset_majority(p->planner.data, task, SPLIT_DEV);
    m->tasks[m->eval.n_scores] = (struct record_eval_task){(uint32_t)task, (uint64_t)r->rows, r->score, r->loss};
    m->pointers[m->eval.n_scores++] = score;
}

/* Unweighted mean over the tasks that have dev rows (method.md section 4). */
static void finish(struct pretrain *p, struct eval_message *m, int full, double seconds, struct job_eval *out)
{
    double sum = 0;
    size_t n = m->eval.n_scores;

    for (size_t i = 0; i < n; i++) sum += m->tasks[i].score;
    m->eval.scores = m->pointers;
    m->eval.split = (char *)(uintptr_t)"dev";
    m->eval.mean = n ? sum / (double)n : NAN;
    m->eval.seconds = seconds;
    m->eval.subset = !full && p->config->eval.rows > 0;
    out->message = &m->eval;
    out->higher_is_better = 1;
    out->record = (struct record_eval){.task_count = n, .tasks = m->tasks, .mean = m->eval.mean, .subset = m->eval.subset};
}

/* The chance of every module, for the stream: sigmoid of the routers as they stand (method.md section 2). */
static void fill_router(const struct pretrain *p, struct eval_message *m)
{
    const struct shape *s = &p->shape;
    size_t n = (size_t)s->tasks * (size_t)s->layers * (size_t)s->modules;

    for (int t = 0; t < s->tasks; t++) m->names[t] = (char *)(uintptr_t)dataset_task(p->planner.data, t)->id;
    for (size_t i = 0; i < n; i++) m->chances[i] = (float)(1 / (1 + exp(-(double)p->parameters->router.value[i])));
    m->router.layers = (uint32_t)s->layers;
    m->router.modules = (uint32_t)s->modules;
    m->router.n_tasks = (size_t)s->tasks;
    m->router.tasks = m->names;
    m->router.n_probability = n;
    m->router.probability = m->chances;
}

status pretrain_evaluate(void *self, int64_t step, int full, struct membership *membership, struct job_eval *out)
{
    struct pretrain *p = self;
    double started = clock_now();
    status s = ST_OK;

    (void)step;
    if (comm_is_coordinator(p->comm)) {
        pretrain_eval_message_free(&p->eval_message);
        s = message_new(p->shape.tasks, (size_t)p->shape.layers * (size_t)p->shape.modules, &p->eval_message);
    }
    TRY(comm_agree(p->comm, s));
    for (int t = 0; t < p->shape.tasks; t++) {
        struct eval_result r;

        TRY(evaluate_task(p, t, SPLIT_DEV, full ? 0 : p->config->eval.rows, membership, NULL, NULL, &r));
        if (!comm_is_coordinator(p->comm)) continue;
        p->last_eval[t] = r;
        if (r.rows > 0) add_score(p, p->eval_message, t, &r);
    }
    if (!comm_is_coordinator(p->comm)) return ST_OK;
    finish(p, p->eval_message, full, clock_now() - started, out);
    fill_router(p, p->eval_message);
    out->router = &p->eval_message->router;
    return ST_OK;
}

/* ---- the table ---- */

struct means { const char *what; double score, majority; int n; };

enum { GROUPS = 16 };   /* that a table prints */

static void count(struct means *m, double score, double majority)
{
    m->score += score;
    m->majority += majority;
    m->n++;
}

/* The means of a task's group; NULL: it has none, or there are too many. */
static struct means *group_means(struct means *groups, const char *group)
{
    for (int i = 0; i < GROUPS && group[0]; i++) {
        if (!groups[i].what) groups[i].what = group;
        if (strcmp(groups[i].what, group) == 0) return &groups[i];
    }
    return NULL;
}

static void print_means(FILE *to, const struct means *m, int with_majority)
{
    if (m->n == 0) return;
    fprintf(to, "%-28s %3d tasks  mean %.3f", m->what, m->n, m->score / m->n);
    if (with_majority) fprintf(to, "  majority class %.3f  above it %+.3f", m->majority / m->n, (m->score - m->majority) / m->n);
    putc('\n', to);
}

void evaluate_print(const struct pretrain *p, enum split split, FILE *to)
{
    struct means choose = {.what = "labels and choices"}, find = {.what = "extraction (F1)"}, groups[GROUPS] = {0}, *group;

    fprintf(to, "%-22s %-10s %7s  %10s %10s  %8s %8s %8s\n", "task", "kind", "rows", "loss first", "loss now", "majority",
            "score", "metric");
    for (int t = 0; t < p->shape.tasks; t++) {
        const struct task *task = dataset_task(p->planner.data, t);
        const struct eval_result *r = &p->last_eval[t];
        double majority = dataset_majority(p->planner.data, t, split);

        if (r->rows == 0) continue;
        fprintf(to, "%-22s %-10s %7lld  ", task->id, task_kind_text(task->kind), (long long)r->rows);
        if (p->state_tasks[t].first_loss == 0) fprintf(to, "%10s ", "-");
        else fprintf(to, "%10.3f ", p->state_tasks[t].first_loss);
        fprintf(to, "%10.3f  ", r->loss);
        if (task->kind == TASK_EXTRACTIVE) fprintf(to, "%8s ", "-");
        else fprintf(to, "%8.3f ", majority);
        fprintf(to, "%8.3f %8s\n", r->score, task_metric_text(task->metric));
        count(task->kind == TASK_EXTRACTIVE ? &find : &choose, r->score, majority);
        group = task->kind == TASK_EXTRACTIVE ? NULL : group_means(groups, task->group);
        if (group) count(group, r->score, majority);
    }
    print_means(to, &choose, 1);
    for (int i = 0; i < GROUPS && groups[i].what; i++) print_means(to, &groups[i], 1);
    print_means(to, &find, 0);
}
