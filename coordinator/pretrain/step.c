/* One step, on all ranks (design.md section 4). Read it from pretrain_step downwards in the order of the calls there:
 * go, compose, compute, answer, reduce; then pretrain_commit. */
#include "cluster/base/clock.h"
#include "coordinator/pretrain/pretrain.h"

#include <math.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { TAG_ASSIGNMENT = 200, TAG_ANSWER };

struct rates pretrain_rates(const struct pretrain *p, int64_t step)
{
    const struct train_config *t = &p->config->train;
    double factor = train_rate_factor(t, step - 1);

    return (struct rates){.router = t->router_rate * factor, .z = t->rate * factor,
                          .a = t->rate * t->projection_factor * factor, .head = t->rate * t->head_factor * factor,
                          .decay = t->decay, .beta1 = t->beta1, .beta2 = t->beta2, .eps = t->eps};
}

/* ---- go: the coordinator says with which u and head, and who gets which examples ---- */

void pretrain_draw_gates(struct pretrain *p, int64_t step, int g, int task)
{
    const struct shape *s = &p->shape;
    struct group_draw *d = &p->draws[g];
    double *noise = p->uniform + (size_t)g * (size_t)s->layers * (size_t)s->modules;

    d->task = task;
    d->tau = train_tau(&p->config->train, step - 1);
    d->uniform = p->config->train.gate_noise ? noise : NULL;
    if (d->uniform) schedule_noise(p->planner.schedule, step - 1, g, s->layers, s->modules, noise);
    parameters_draw(p->parameters, d);
}

static status draw(struct pretrain *p, int64_t step)
{
    const struct shape *s = &p->shape;
    struct planner *planner = &p->planner;

    if (planner->next.step == step) {
        struct planned_step swap = planner->now;
        planner->now = planner->next;
        planner->next = swap;
    } else {
        TRY(planner_plan(planner, p->config, s, p->comm->workers, step, &planner->now));
    }
    for (int g = 0; g < s->groups; g++) pretrain_draw_gates(p, step, g, planner->now.groups[g].task);
    return ST_OK;
}

/* u, head and the sizes of the shares to all; then each worker its share. */
static status go(struct pretrain *p)
{
    const struct shape *s = &p->shape;
    struct exchange *x = &p->reduce.exchange;
    int64_t sizes[4096] = {0};
    size_t u_bytes = (size_t)s->groups * (size_t)s->layers * (size_t)s->intrinsic * sizeof(float);
    status st;

    if (comm_is_coordinator(p->comm)) {
        for (int w = 0; w < p->comm->workers; w++) sizes[w] = (int64_t)p->planner.now.messages[w].count;
        memcpy(p->head, p->parameters->head.value, 2 * (size_t)s->hidden * sizeof(float));
    }
    TRY(comm_broadcast(p->comm, sizes, (size_t)p->comm->workers * sizeof *sizes, 0));
    TRY(comm_broadcast(p->comm, p->u, u_bytes, 0));
    TRY(comm_broadcast(p->comm, p->head, 2 * (size_t)s->hidden * sizeof(float), 0));
    if (comm_is_coordinator(p->comm))
        for (int w = 0; w < p->comm->workers; w++)
            exchange_send(p->comm, x, p->planner.now.messages[w].words, (size_t)sizes[w] * sizeof(int32_t),
                          comm_rank_of_worker(p->comm, w), TAG_ASSIGNMENT);
    if (comm_is_worker(p->comm)) {
        x->state = mem_grow(&p->message, &p->message_room, (size_t)sizes[p->comm->worker], sizeof *p->message);
        exchange_receive(p->comm, x, p->message, (size_t)sizes[p->comm->worker] * sizeof(int32_t), 0, TAG_ASSIGNMENT);
    }
    st = exchange_wait(p->comm, x);
    if (st != ST_OK) comm_abort(p->comm, st);
    if (comm_is_worker(p->comm)) st = assignment_read(&p->assignment, p->message, (size_t)sizes[p->comm->worker]);
    return st;
}

/* ---- compose: own columns of the prompts, updating A on the way where an update waits ---- */

static struct adamw column_adamw(const struct pretrain *p, int64_t step)
{
    struct rates r = pretrain_rates(p, step);

    return (struct adamw){.lr = r.a, .beta1 = r.beta1, .beta2 = r.beta2, .eps = r.eps, .decay = r.decay,
                          .correction1 = 1.0 - pow(r.beta1, (double)p->applied),
                          .correction2 = 1.0 - pow(r.beta2, (double)p->applied)};
}

static void compose(struct pretrain *p)
{
    if (p->pending) {
        struct adamw w = column_adamw(p, p->pending_step);

        columns_update(&p->columns, &w, p->shape.groups, p->pending_u, p->pending_grad, p->shape.groups, p->u, p->local);
    } else {
        columns_compose(&p->columns, p->shape.groups, p->u, p->local);
    }
    p->pending = 0;
}

status pretrain_flush(void *self)
{
    struct pretrain *p = self;

    if (p->pending && comm_is_worker(p->comm)) {
        struct adamw w = column_adamw(p, p->pending_step);

        columns_update(&p->columns, &w, p->shape.groups, p->pending_u, p->pending_grad, 0, NULL, NULL);
    }
    p->pending = 0;
    return ST_OK;
}

/* ---- compute: forward and backward of the own share ---- */

static status compute(struct pretrain *p, int64_t step)
{
    const struct shape *s = &p->shape;
    struct random_key seed = random_seed((uint64_t)p->config->seed, RANDOM_DROPOUT);

    for (int g = 0; g < s->groups; g++)
        p->dropout[g] = (struct encoder_dropout){.on = p->config->train.dropout,
                                                 .key = random_derive(seed, (uint32_t)step, (uint32_t)((uint64_t)step >> 32),
                                                                      (uint32_t)g, 0)};
    return compute_assignment(&p->compute, &p->assignment, p->whole, s->layers, s->tokens, p->head, p->dropout);
}

/* ---- answer: every worker's slot losses, hits and report to the coordinator, before anyone waits for a sum ---- */

static size_t slots_of(const struct pretrain *p)
{
    return (size_t)p->shape.groups * (size_t)p->shape.batch;
}

static size_t answer_size(const struct pretrain *p)
{
    return 2 * slots_of(p) + MEMBER_REPORT_DOUBLES;
}

static void fill_answer(struct pretrain *p, struct membership *membership, double seconds)
{
    struct member_report report = member_report_here(membership, seconds);
    size_t n = slots_of(p);

    memcpy(p->answer, p->compute.loss, n * sizeof *p->answer);
    memcpy(p->answer + n, p->compute.found, n * sizeof *p->answer);
    memcpy(p->answer + 2 * n, &report, sizeof report);
}

/* A report's first number is not below 0: until it is there the place holds -1. */
static void note_answers(struct pretrain *p)
{
    for (int w = 0; w < p->comm->workers; w++) {
        memcpy(&p->reports[w], p->answers + (size_t)w * answer_size(p) + 2 * slots_of(p), sizeof *p->reports);
        p->heard[w] = p->reports[w].seconds >= 0;
    }
}

/* Collective. Workers that failed answer too. */
static status answer(struct pretrain *p, struct membership *membership, double seconds)
{
    size_t bytes = answer_size(p) * sizeof *p->answers;
    struct exchange *x = &p->reduce.exchange;
    status s;

    if (comm_is_coordinator(p->comm))
        for (int w = 0; w < p->comm->workers; w++) {
            p->answers[(size_t)w * answer_size(p) + 2 * slots_of(p)] = -1;
            exchange_receive(p->comm, x, p->answers + (size_t)w * answer_size(p), bytes, comm_rank_of_worker(p->comm, w),
                             TAG_ANSWER);
        }
    if (comm_is_worker(p->comm)) {
        fill_answer(p, membership, seconds);
        exchange_send(p->comm, x, p->answer, bytes, 0, TAG_ANSWER);
    }
    while (comm_is_coordinator(p->comm) && !exchange_rest(x)) {
        note_answers(p);
        membership_answered(membership, p->heard);
    }
    s = exchange_wait(p->comm, x);
    if (s == ST_OK && comm_is_coordinator(p->comm)) note_answers(p);
    return s;
}

/* ---- reduce: gradients to the owners of columns, everything small to the coordinator ---- */

static status reduce(struct pretrain *p)
{
    const struct shape *s = &p->shape;
    struct deal *deal = comm_is_worker(p->comm) ? &p->assignment.deal : &p->planner.now.deal;
    size_t length = (size_t)s->groups * (size_t)s->intrinsic;
    status st;

    TRY(reduce_scatter_grad(&p->reduce, deal, p->compute.prompt_list, p->grad));
    st = comm_is_worker(p->comm) ? columns_grad_u(&p->columns, s->groups, p->grad) : ST_OK;
    TRY(comm_agree(p->comm, st));
    TRY(reduce_collect(&p->reduce, s->groups, p->grad, p->all_grad));
    TRY(reduce_sum_to_coordinator(&p->reduce, deal, p->compute.head_list, 2 * (size_t)s->hidden, p->grad_head));
    return reduce_grad_u(&p->reduce, p->columns.grad_u, length, p->grad_u_by_layer);
}

/* ---- judge: coordinator. Is the step finite, and what was its loss? ---- */

static void judge_answers(struct pretrain *p)
{
    const struct shape *s = &p->shape;
    size_t n = slots_of(p);

    for (int g = 0; g < s->groups; g++) p->record_groups[g].correct = 0;
    for (size_t b = 0; b < p->planner.now.deal.count; b++) {
        struct deal_block block = p->planner.now.deal.blocks[b];
        size_t first = (size_t)block.group * (size_t)s->batch + (size_t)block.node.first;
        const double *row = p->answers + (size_t)block.worker * answer_size(p);

        for (size_t i = first; i < first + (size_t)block.node.size; i++) {
            p->losses[i] = row[i];
            p->record_groups[block.group].correct += row[n + i] > 0;
        }
    }
    for (int g = 0; g < s->groups; g++)
        p->record_groups[g].loss = tree_total(p->losses + (size_t)g * (size_t)s->batch, s->batch) / s->batch;
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

static void order_grad_u(struct pretrain *p)
{
    const struct shape *s = &p->shape;
    size_t d = (size_t)s->intrinsic;

    for (int l = 0; l < s->layers; l++)
        for (int g = 0; g < s->groups; g++)
            memcpy(p->grad_u + ((size_t)g * (size_t)s->layers + (size_t)l) * d,
                   p->grad_u_by_layer + ((size_t)l * (size_t)s->groups + (size_t)g) * d, d * sizeof *p->grad_u);
}

static enum record_skip judge(struct pretrain *p)
{
    const struct shape *s = &p->shape;
    size_t grad_us = (size_t)s->groups * (size_t)s->layers * (size_t)s->intrinsic;

    judge_answers(p);
    order_grad_u(p);
    for (int g = 0; g < s->groups; g++)
        if (!isfinite(p->record_groups[g].loss)) return RECORD_LOSS_NOT_FINITE;
    for (size_t i = 0; i < grad_us; i++)
        if (!isfinite(p->grad_u[i])) return RECORD_GRADIENT_NOT_FINITE;
    if (!all_finite(p->all_grad, (size_t)s->groups * s->bank) ||
        !all_finite(p->grad_head, (size_t)s->groups * 2 * (size_t)s->hidden))
        return RECORD_GRADIENT_NOT_FINITE;
    return RECORD_APPLIED;
}

/* Speeds follow what was measured: predicted cost a second, smoothed. */
static void learn_speeds(struct pretrain *p)
{
    for (int w = 0; w < p->comm->workers; w++) {
        double seconds = p->reports[w].seconds, cost = p->planner.now.cost[w];

        if (cost <= 0 || seconds <= 0) continue;
        if (p->planner.speed[w] == 1.0) p->planner.speed[w] = cost / seconds;
        else p->planner.speed[w] += 0.05 * (cost / seconds - p->planner.speed[w]);
    }
}

static double gradient_norm(struct pretrain *p)
{
    return sqrt(parameters_square(p->parameters, p->shape.groups, p->draws, p->grad_u, p->record_head) +
                parameters_square_of_a(p->parameters, p->shape.groups, p->draws, p->shape.columns, p->all_grad));
}

void pretrain_fill_message(struct pretrain *p, int64_t step, int applied)
{
    struct rates r = pretrain_rates(p, step);
    Mp2__Step *m = &p->step_message;

    m->loss = m->accuracy = 0;
    m->tokens = m->examples = 0;
    m->compute_seconds = m->wait_seconds = m->reduce_seconds = 0;
    for (int g = 0; g < p->shape.groups; g++) {
        const struct record_group *group = &p->record_groups[g];
        Mp2__Group *gm = &p->group_messages[g];

        gm->task = (char *)(uintptr_t)dataset_task(p->planner.data, (int)group->task)->id;
        gm->loss = group->loss;
        gm->accuracy = (double)group->correct / p->shape.batch;
        gm->examples = (uint64_t)p->shape.batch;
        gm->tokens = group->tokens;
        m->loss += gm->loss / p->shape.groups;
        m->accuracy += gm->accuracy / p->shape.groups;
        m->examples += gm->examples;
        m->tokens += gm->tokens;
        if (p->state_tasks[group->task].first_loss == 0) p->state_tasks[group->task].first_loss = gm->loss;
    }
    m->learning_rate = r.z;
    m->router_rate = r.router;
    m->gradient_norm = applied ? gradient_norm(p) : 0;
}

static void fill_times(struct pretrain *p, double planned, double answered)
{
    Mp2__Step *m = &p->step_message;

    m->flops = 0;
    for (int g = 0; g < p->shape.groups; g++)
        for (int i = 0; i < p->shape.batch; i++)
            m->flops += model_config_flops(&p->replica.facts.config, p->planner.now.groups[g].lengths[i],
                                           p->planner.now.groups[g].read[i]);
    for (int w = 0; w < p->comm->workers; w++) {
        m->compute_seconds = fmax(m->compute_seconds, p->reports[w].seconds);
        p->units[w] = 0;
    }
    for (size_t b = 0; b < p->planner.now.deal.count; b++) p->units[p->planner.now.deal.blocks[b].worker]++;
    m->wait_seconds = answered - planned;
    m->reduce_seconds = clock_now() - answered;
}

/* ---- the step ---- */

/* The coordinator, of a step whose sums are here: is it good, its record, its message. */
static void conclude(struct pretrain *p, int64_t step, double planned, double answered, struct job_step *out)
{
    enum record_skip skipped = judge(p);

    learn_speeds(p);
    out->failed = pretrain_record(p, step, skipped, out);
    pretrain_fill_message(p, step, skipped == RECORD_APPLIED);
    fill_times(p, planned, answered);
    out->message = &p->step_message;
    out->reports = p->reports;
    out->units = p->units;
    out->skipped = skipped != RECORD_APPLIED;
}

status pretrain_step(void *self, int64_t step, struct membership *membership, struct job_step *out)
{
    struct pretrain *p = self;
    double begun, seconds = 0, planned, answered;
    status s = ST_OK;

    if (comm_is_coordinator(p->comm)) s = draw(p, step);
    TRY(comm_agree(p->comm, s));
    s = go(p);
    TRY(comm_agree(p->comm, s));
    if (comm_is_worker(p->comm)) compose(p);
    TRY(reduce_gather_prompts(&p->reduce, p->shape.groups, p->local, p->whole));
    begun = clock_now();
    if (comm_is_worker(p->comm)) {
        s = compute(p, step);
        seconds = clock_now() - begun;
    }
    if (s == ST_OK && comm_is_coordinator(p->comm))
        s = planner_plan(&p->planner, p->config, &p->shape, p->comm->workers, step + 1, &p->planner.next);
    planned = clock_now();
    TRY(answer(p, membership, seconds));
    TRY(comm_agree(p->comm, s));
    answered = clock_now();
    TRY(reduce(p));
    if (comm_is_coordinator(p->comm)) conclude(p, step, planned, answered, out);
    return ST_OK;
}

status pretrain_commit(void *self, int64_t step, int apply)
{
    struct pretrain *p = self;
    float *swap;

    if (!apply) return ST_OK;
    p->applied++;
    if (comm_is_coordinator(p->comm)) {
        struct rates rates = pretrain_rates(p, step);

        parameters_update(p->parameters, &rates, p->shape.groups, p->draws, p->grad_u, p->record_head);
    }
    if (!comm_is_worker(p->comm)) return ST_OK;
    memcpy(p->pending_u, p->u, (size_t)p->shape.groups * (size_t)p->shape.layers * (size_t)p->shape.intrinsic *
                                   sizeof *p->u);
    swap = p->grad;
    p->grad = p->pending_grad;
    p->pending_grad = swap;
    p->pending = 1;
    p->pending_step = step;
    return ST_OK;
}

void pretrain_introduce(void *self, struct member_card *card)
{
    struct pretrain *p = self;
    int64_t last;

    if (!comm_is_worker(p->comm)) return;
    card->threads = pool_threads(p->replica.pool);
    blocks_columns(&p->blocks, p->comm->worker, &card->first_column, &last);
    card->columns = last - card->first_column;
}
