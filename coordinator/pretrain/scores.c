/* Messages and table of an evaluation. */
#include "coordinator/pretrain/scores.h"

#include <math.h>
#include <string.h>

static status open_all(struct task_scores *s)
{
    size_t tasks = (size_t)s->shape->tasks;

    mp2__eval__init(&s->eval);
    mp2__router__init(&s->router);
    TRY(mem_keep_new(&s->keep, tasks, sizeof *s->results, &s->results));
    TRY(mem_keep_new(&s->keep, tasks, sizeof *s->scores, &s->scores));
    TRY(mem_keep_new(&s->keep, tasks, sizeof *s->pointers, &s->pointers));
    TRY(mem_keep_new(&s->keep, tasks, sizeof *s->tasks, &s->tasks));
    TRY(mem_keep_new(&s->keep, tasks * s->shape->gates, sizeof *s->chances, &s->chances));
    TRY(mem_keep_new(&s->keep, tasks, sizeof *s->names, &s->names));
    for (size_t t = 0; t < tasks; t++) s->names[t] = (char *)(uintptr_t)dataset_task(s->data, (int)t)->id;
    return ST_OK;
}

status task_scores_new(struct dataset *data, const struct pretrain_shape *shape, struct task_scores **out)
{
    status s;

    TRY(mem_alloc(1, sizeof **out, out));
    **out = (struct task_scores){.data = data, .shape = shape};
    s = open_all(*out);
    if (s != ST_OK) task_scores_destroy(out);
    return s;
}

void task_scores_destroy(struct task_scores **s)
{
    if (!*s) return;
    mem_keep_free(&(*s)->keep);
    mem_free(*s);
    *s = NULL;
}

/* ---- messages ---- */

void task_scores_begin(struct task_scores *s, enum split split)
{
    mp2__eval__init(&s->eval);
    s->complete = 0;
    s->eval.split = (char *)(uintptr_t)split_text(split);
    s->eval.scores = s->pointers;
}

void task_scores_add(struct task_scores *s, int task, enum split split, const struct eval_result *r)
{
    const struct task *t = dataset_task(s->data, task);
    Mp2__Score *score = &s->scores[s->eval.n_scores];

    s->results[task] = *r;
    if (r->rows == 0) return;
    mp2__score__init(score);
    score->task = (char *)(uintptr_t)t->id;
    score->metric = (char *)(uintptr_t)task_metric_text(t->metric);
    score->score = r->score;
    score->loss = r->loss;
    score->rows = (uint64_t)r->rows;
    score->majority = dataset_majority(s->data, task, split);
    s->tasks[s->eval.n_scores] = (struct record_eval_task){(uint32_t)task, (uint64_t)r->rows, r->score, r->loss};
    s->pointers[s->eval.n_scores++] = score;
}

/* Unweighted mean over the tasks that have rows. */
void task_scores_end(struct task_scores *s, int subset, double seconds, struct job_eval *out)
{
    double sum = 0;
    size_t n = s->eval.n_scores;

    for (size_t i = 0; i < n; i++) sum += s->tasks[i].score;
    s->eval.mean = n ? sum / (double)n : NAN;
    s->eval.seconds = seconds;
    s->eval.subset = subset;
    s->complete = 1;
    out->message = &s->eval;
    out->higher_is_better = 1;
    out->record = (struct record_eval){.task_count = n, .tasks = s->tasks, .mean = s->eval.mean, .subset = subset};
}

void task_scores_router(struct task_scores *s, const float *router, struct job_eval *out)
{
    size_t n = s->shape->tasks * s->shape->gates;

    for (size_t i = 0; i < n; i++) s->chances[i] = (float)(1 / (1 + exp(-(double)router[i])));
    s->router.layers = (uint32_t)s->shape->layers;
    s->router.modules = (uint32_t)s->shape->modules;
    s->router.n_tasks = (size_t)s->shape->tasks;
    s->router.tasks = s->names;
    s->router.n_probability = n;
    s->router.probability = s->chances;
    out->router = &s->router;
}

/* ---- the table ---- */

struct means {
    const char *what;
    double score, majority;
    int n;
};

/* Means over the tasks of one kind and, if group is not NULL, of that group. */
static struct means means_of(const struct task_scores *s, enum split split, const char *what, int extractive,
                             const char *group)
{
    struct means m = {.what = what};

    for (int t = 0; t < s->shape->tasks; t++) {
        const struct task *task = dataset_task(s->data, t);

        if (s->results[t].rows == 0 || (task->kind == TASK_EXTRACTIVE) != extractive) continue;
        if (group && strcmp(task->group, group) != 0) continue;
        m.score += s->results[t].score;
        m.majority += dataset_majority(s->data, t, split);
        m.n++;
    }
    return m;
}

static void print_means(FILE *to, const struct means *m, int with_majority)
{
    if (m->n == 0) return;
    fprintf(to, "%-28s %3d tasks  mean %.3f", m->what, m->n, m->score / m->n);
    if (with_majority)
        fprintf(to, "  majority class %.3f  above it %+.3f", m->majority / m->n, (m->score - m->majority) / m->n);
    putc('\n', to);
}

/* Whether task t is the first of its group in the table. */
static int begins_group(const struct task_scores *s, int t)
{
    const struct task *task = dataset_task(s->data, t);

    if (s->results[t].rows == 0 || task->kind == TASK_EXTRACTIVE || !task->group[0]) return 0;
    for (int i = 0; i < t; i++) {
        const struct task *before = dataset_task(s->data, i);

        if (s->results[i].rows > 0 && before->kind != TASK_EXTRACTIVE && strcmp(before->group, task->group) == 0)
            return 0;
    }
    return 1;
}

static void print_task(const struct task_scores *s, int t, double first_loss, enum split split, FILE *to)
{
    const struct task *task = dataset_task(s->data, t);
    const struct eval_result *r = &s->results[t];

    if (r->rows == 0) return;
    fprintf(to, "%-22s %-10s %7lld  ", task->id, task_kind_text(task->kind), (long long)r->rows);
    if (first_loss == 0) fprintf(to, "%10s ", "-");
    else fprintf(to, "%10.3f ", first_loss);
    fprintf(to, "%10.3f  ", r->loss);
    if (task->kind == TASK_EXTRACTIVE) fprintf(to, "%8s ", "-");
    else fprintf(to, "%8.3f ", dataset_majority(s->data, t, split));
    fprintf(to, "%8.3f %8s\n", r->score, task_metric_text(task->metric));
}

void task_scores_print(const struct task_scores *s, const struct state_task *tasks, enum split split, FILE *to)
{
    struct means m;

    fprintf(to, "%-22s %-10s %7s  %10s %10s  %8s %8s %8s\n", "task", "kind", "rows", "loss first", "loss now",
            "majority", "score", "metric");
    for (int t = 0; t < s->shape->tasks; t++) print_task(s, t, tasks[t].first_loss, split, to);
    m = means_of(s, split, "labels and choices", 0, NULL);
    print_means(to, &m, 1);
    for (int t = 0; t < s->shape->tasks; t++) {
        const char *group = dataset_task(s->data, t)->group;

        if (!begins_group(s, t)) continue;
        m = means_of(s, split, group, 0, group);
        print_means(to, &m, 1);
    }
    m = means_of(s, split, "extraction (F1)", 1, NULL);
    print_means(to, &m, 0);
}
