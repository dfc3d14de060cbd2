/* The coordinator's phases of a step, in order. */
#include "coordinator/pretrain/coordinator.h"

#include <math.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "coordinator/data/task_info.h"
#include "coordinator/pretrain/heads.h"
#include "coordinator/pretrain/scores.h"

/* ---- opening ---- */

static status open_parameters(struct pretrain_coordinator *c)
{
    const struct pretrain_shape *s = c->shape;
    const struct prompt_config *p = &c->config->prompt;
    struct parameters_shape shape = {.layers = (int)s->layers,
                                     .modules = (int)s->modules,
                                     .d = (int)s->intrinsic,
                                     .hidden = (int)s->hidden,
                                     .tasks = (int)s->tasks,
                                     .heads = (int)s->heads,
                                     .idle_rows = c->config->reference.idle_rows,
                                     .own = (int)p->own_modules,
                                     .z_start = p->module_start,
                                     .router_start = p->router_start,
                                     .router_centre = p->router_centre};

    return parameters_new(&shape, (uint64_t)c->config->seed, &c->parameters);
}

static status open_draws(struct pretrain_coordinator *c)
{
    const struct pretrain_shape *s = c->shape;
    double *gates;

    TRY(mem_keep_new(&c->keep, (size_t)s->groups, sizeof *c->draws, &c->draws));
    TRY(mem_keep_new(&c->keep, s->groups * s->gates, sizeof *c->uniform, &c->uniform));
    TRY(mem_keep_new(&c->keep, 2 * s->groups * s->gates, sizeof *gates, &gates));
    for (int g = 0; g < s->groups; g++)
        c->draws[g] = (struct group_draw){
            .weight = 1.0, .s = gates + 2 * g * s->gates, .r = gates + (2 * g + 1) * s->gates, .u = c->u + g * s->u};
    return ST_OK;
}

static status open_reports(struct pretrain_coordinator *c)
{
    struct pretrain_reports *r = &c->reports;
    size_t workers = (size_t)c->workers;

    r->bytes = pretrain_report_bytes(c->shape);
    TRY(mem_keep_new(&c->keep, workers, r->bytes, &r->data));
    TRY(mem_keep_new(&c->keep, workers, sizeof *r->heard, &r->heard));
    TRY(mem_keep_new(&c->keep, workers, sizeof *r->members, &r->members));
    TRY(mem_keep_new(&c->keep, c->shape->slots, sizeof *r->losses, &r->losses));
    return mem_keep_new(&c->keep, workers, sizeof *c->units, &c->units);
}

static status open_outcome(struct pretrain_coordinator *c)
{
    const struct pretrain_shape *s = c->shape;

    TRY(pretrain_gradients_new(&c->keep, s, &c->gradients));
    TRY(mem_keep_new(&c->keep, (size_t)s->groups, sizeof *c->outcome.groups, &c->outcome.groups));
    TRY(mem_keep_new(&c->keep, s->groups * s->u, sizeof *c->outcome.grad_u, &c->outcome.grad_u));
    TRY(mem_keep_new(&c->keep, (size_t)s->groups, sizeof *c->outcome.square, &c->outcome.square));
    TRY(mem_keep_new(&c->keep, (size_t)s->heads * s->head, sizeof *c->recorded_heads, &c->recorded_heads));
    return mem_keep_new(&c->keep, (size_t)s->heads * s->head, sizeof *c->outcome.grad_head, &c->outcome.grad_head);
}

static status open_tasks(struct pretrain_coordinator *c)
{
    const struct pretrain_shape *s = c->shape;
    size_t tasks = (size_t)s->tasks;

    TRY(mem_keep_new(&c->keep, tasks, sizeof *c->tasks, &c->tasks));
    TRY(mem_keep_new(&c->keep, tasks, sizeof *c->infos, &c->infos));
    TRY(mem_keep_new(&c->keep, tasks, sizeof *c->info_pointers, &c->info_pointers));
    for (int t = 0; t < s->tasks; t++) {
        const struct task *task = dataset_task(c->data, t);

        c->tasks[t] = (struct state_task){task->id, task->label_set, 0};
        task_info_fill(c->data, t, &c->infos[t]);
        c->info_pointers[t] = &c->infos[t];
    }
    TRY(mem_keep_new(&c->keep, (size_t)s->tokens, sizeof *c->placeholders, &c->placeholders));
    for (int i = 0; i < s->tokens; i++) c->placeholders[i] = (uint32_t)(c->config->prompt.first_placeholder + i);
    return task_scores_new(c->data, c->shape, &c->scores);
}

static status open_all(struct pretrain_coordinator *c)
{
    TRY(planner_new(c->config, c->shape, c->workers, c->data, &c->planner));
    TRY(open_parameters(c));
    TRY(open_draws(c));
    TRY(open_reports(c));
    TRY(open_outcome(c));
    TRY(mem_keep_new(&c->keep, 2 * c->shape->head, sizeof *c->head_means, &c->head_means));
    TRY(balance_new(c->shape->tasks, &c->balance));
    TRY(pretrain_message_new(&c->keep, c->shape->groups, &c->message));
    return open_tasks(c);
}

status pretrain_coordinator_new(const struct pretrain_coordinator_options *o, struct dataset **data,
                                struct pretrain_coordinator **out)
{
    status s;

    TRY(mem_alloc(1, sizeof **out, out));
    **out = (struct pretrain_coordinator){.config = o->config,
                                          .shape = o->shape,
                                          .encoder = o->encoder,
                                          .workers = o->workers,
                                          .data = *data,
                                          .u = o->go->u,
                                          .head = o->go->head,
                                          .measure = o->go->measure,
                                          .weights = o->go->weights};
    *data = NULL;
    s = open_all(*out);
    if (s != ST_OK) pretrain_coordinator_destroy(out);
    return s;
}

void pretrain_coordinator_destroy(struct pretrain_coordinator **out)
{
    struct pretrain_coordinator *c = *out;

    if (!c) return;
    task_scores_destroy(&c->scores);
    record_buffer_fini(&c->record);
    parameters_destroy(&c->parameters);
    balance_destroy(&c->balance);
    planner_destroy(&c->planner);
    dataset_close(&c->data);
    mem_keep_free(&c->keep);
    mem_free(c);
    *out = NULL;
}

/* ---- draw ---- */

struct rates pretrain_rates(const struct pretrain_config *config, int64_t step)
{
    const struct train_config *t = &config->train;
    const struct mixture_config *m = &config->mixture;
    double factor = train_rate_factor(t, step - 1);

    return (struct rates){.router = m->router_rate * factor,
                          .z = t->rate * factor,
                          .a = t->rate * m->projection_factor * factor,
                          .head = t->rate * m->head_factor * factor,
                          .adamw = t->adamw};
}

/* A head into go's, for group g. */
static void take_head(struct pretrain_coordinator *c, int g, int head)
{
    size_t n = c->shape->head;

    memcpy(c->head + (size_t)g * n, c->parameters->head.value + (size_t)head * n, n * sizeof *c->head);
}

void pretrain_coordinator_mix(struct pretrain_coordinator *c, int64_t step, int g, int task)
{
    const struct pretrain_shape *s = c->shape;
    struct group_draw *d = &c->draws[g];
    double *noise = c->uniform + g * s->gates;

    d->task = task;
    d->head = heads_of_task(c->config->prompt.heads, c->data, task);
    take_head(c, g, d->head);
    d->tau = mixture_tau(&c->config->mixture, step - 1);
    d->uniform = c->config->mixture.gate_noise ? noise : NULL;
    if (d->uniform) schedule_noise(c->planner->schedule, step - 1, g, (int)s->layers, (int)s->modules, noise);
    parameters_draw(c->parameters, d);
}

status pretrain_coordinator_draw(struct pretrain_coordinator *c, int64_t step, int64_t *words)
{
    const struct planned_step *plan = &c->planner->now;

    TRY(planner_begin(c->planner, step));
    for (int g = 0; g < c->shape->groups; g++) pretrain_coordinator_mix(c, step, g, plan->groups[g].task);
    for (int w = 0; w < c->workers; w++) words[w] = (int64_t)plan->messages[w].count;
    return ST_OK;
}

void pretrain_coordinator_mix_task(struct pretrain_coordinator *c, int task)
{
    struct group_draw draw = c->draws[0];

    draw.task = task;
    draw.uniform = NULL;
    draw.tau = 1.0;
    parameters_draw(c->parameters, &draw);
    take_head(c, 0, heads_of_task(c->config->prompt.heads, c->data, task));
}

/* ---- reports ---- */

struct pretrain_report *pretrain_coordinator_report(struct pretrain_coordinator *c, int w)
{
    return (struct pretrain_report *)(void *)(c->reports.data + w * c->reports.bytes);
}

/* Seconds are never negative: -1 marks a report that has not arrived. */
void pretrain_coordinator_expect(struct pretrain_coordinator *c)
{
    for (int w = 0; w < c->workers; w++) pretrain_coordinator_report(c, w)->member.seconds = -1;
}

void pretrain_coordinator_heard(struct pretrain_coordinator *c)
{
    for (int w = 0; w < c->workers; w++) {
        c->reports.members[w] = pretrain_coordinator_report(c, w)->member;
        c->reports.heard[w] = c->reports.members[w].seconds >= 0;
    }
}

/* ---- conclude: is the step finite, and what was its loss? ---- */

/* Losses and hits of the groups, each slot from the worker that computed it. */
static void gather_slots(struct pretrain_coordinator *c)
{
    const struct pretrain_shape *s = c->shape;
    const struct deal *deal = &c->planner->now.deal;
    double *losses = c->reports.losses;

    for (int g = 0; g < s->groups; g++) c->outcome.groups[g].correct = 0;
    for (size_t b = 0; b < deal->count; b++) {
        const struct deal_block *block = &deal->blocks[b];
        const struct pretrain_slot *slots = pretrain_coordinator_report(c, block->worker)->slots;
        int64_t first = block->group * s->batch + block->node.first;

        for (int64_t i = first; i < first + block->node.size; i++) {
            losses[i] = slots[i].loss;
            c->outcome.groups[block->group].correct += slots[i].found > 0;
        }
    }
    for (int g = 0; g < s->groups; g++)
        c->outcome.groups[g].loss = tree_total(losses + g * s->batch, (int32_t)s->batch) / s->batch;
}

void pretrain_coordinator_weigh(struct pretrain_coordinator *c)
{
    const struct pretrain_shape *s = c->shape;

    for (int g = 0; g < s->groups; g++) {
        struct group_draw *d = &c->draws[g];

        d->weight = 1.0;
        if (c->config->mixture.balance) {
            c->outcome.square[g] = balance_square(c->gradients.prompts + g * s->bank, s->bank);
            d->weight = balance_weight(c->balance, d->task, c->outcome.square[g]);
        }
        c->weights[g] = d->weight;
    }
}

/* g by group, and the head's gradient summed over groups. */
static void gather_gradients(struct pretrain_coordinator *c)
{
    const struct pretrain_shape *s = c->shape;
    const struct pretrain_gradients *from = &c->gradients;
    int64_t d = s->intrinsic;

    for (int64_t l = 0; l < s->layers; l++)
        for (int64_t g = 0; g < s->groups; g++)
            memcpy(c->outcome.grad_u + (g * s->layers + l) * d, from->u + (l * s->groups + g) * d, d * sizeof *from->u);
    memset(c->outcome.grad_head, 0, (size_t)s->heads * s->head * sizeof *c->outcome.grad_head);
    for (int64_t g = 0; g < s->groups; g++) {
        double *to = c->outcome.grad_head + (size_t)c->draws[g].head * s->head;

        for (size_t i = 0; i < s->head; i++) to[i] += c->weights[g] * (double)from->head[(size_t)g * s->head + i];
    }
}

static int all_finite(const float *x, size_t n)
{
    uint32_t worst = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, &x[i], sizeof bits);
        worst |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !worst;
}

static enum record_skip find_skip(const struct pretrain_coordinator *c)
{
    const struct pretrain_shape *s = c->shape;

    for (int g = 0; g < s->groups; g++)
        if (!isfinite(c->outcome.groups[g].loss)) return RECORD_LOSS_NOT_FINITE;
    for (size_t i = 0; i < s->groups * s->u; i++)
        if (!isfinite(c->outcome.grad_u[i])) return RECORD_GRADIENT_NOT_FINITE;
    if (!isfinite(c->outcome.encoder_square)) return RECORD_GRADIENT_NOT_FINITE;
    if (!all_finite(c->gradients.prompts, s->groups * s->bank) || !all_finite(c->gradients.head, s->groups * s->head))
        return RECORD_GRADIENT_NOT_FINITE;
    return RECORD_APPLIED;
}

static void fill_times(struct pretrain_coordinator *c, double planned, double reported)
{
    const struct planned_step *plan = &c->planner->now;
    Mp2__Step *m = &c->message.step;

    m->flops = 0;
    for (int g = 0; g < c->shape->groups; g++)
        for (int i = 0; i < c->shape->batch; i++)
            m->flops += model_config_flops(c->encoder, plan->groups[g].lengths[i], plan->groups[g].read[i]);
    for (int w = 0; w < c->workers; w++) {
        m->compute_seconds = fmax(m->compute_seconds, c->reports.members[w].seconds);
        c->units[w] = 0;
    }
    for (size_t b = 0; b < plan->deal.count; b++) c->units[plan->deal.blocks[b].worker]++;
    m->wait_seconds = reported - planned;
    m->reduce_seconds = clock_now() - reported;
}

/* Decide whether to measure the machine's rate before the next step. */
static void watch_rate(struct pretrain_coordinator *c)
{
    double now = clock_now();

    *c->measure = c->concluded > 0 && rate_watch_step(&c->rate, c->message.step.flops, now - c->concluded);
    c->concluded = now;
}

void pretrain_coordinator_conclude(struct pretrain_coordinator *c, int64_t step, double planned, double reported,
                                   struct job_step *out)
{
    enum record_skip skipped;

    gather_slots(c);
    pretrain_coordinator_weigh(c);
    gather_gradients(c);
    skipped = find_skip(c);
    for (int w = 0; w < c->workers; w++) planner_update_speed(c->planner, w, c->reports.members[w].seconds);
    out->failed = pretrain_record_make(c, step, skipped, out);
    pretrain_message_fill(c, step, skipped == RECORD_APPLIED);
    fill_times(c, planned, reported);
    watch_rate(c);
    out->message = &c->message.step;
    out->reports = c->reports.members;
    out->units = c->units;
    out->skipped = skipped != RECORD_APPLIED;
}

/* ---- take, update ---- */

status pretrain_coordinator_take(struct pretrain_coordinator *c, int64_t step, const struct journal_record *record,
                                 int32_t *apply)
{
    TRY(pretrain_record_take(c, step, record, apply));
    if (*apply) pretrain_coordinator_weigh(c);
    return ST_OK;
}

Mp2__Step *pretrain_coordinator_tell(struct pretrain_coordinator *c, int64_t step, int32_t apply)
{
    pretrain_message_fill(c, step, apply);
    c->message.step.skipped = !apply;
    return &c->message.step;
}

void pretrain_coordinator_update(struct pretrain_coordinator *c, int64_t step)
{
    struct rates rates = pretrain_rates(c->config, step);

    parameters_update(c->parameters, &rates, (int)c->shape->groups, c->draws, c->outcome.grad_u, c->outcome.grad_head);
    for (int g = 0; g < c->shape->groups && c->config->mixture.balance; g++)
        balance_add(c->balance, c->draws[g].task, c->outcome.square[g]);
}
