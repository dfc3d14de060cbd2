/* One step of `mp2 pretrain`, and its replay: the order of the phases, and every collective but the encoder's of
 * prompts (encode.c). A rank has the worker's
 * part, the coordinator's, or both. */
#include "cluster/base/clock.h"
#include "coordinator/loop/int8_verdict.h"
#include "coordinator/pretrain/pretrain.h"

/* Send each worker its examples, by the slots that were planned. */
static status send_assignments(struct pretrain *p)
{
    struct exchange *x = &p->reduce.exchange;
    const int64_t *words = p->go.words;

    for (int w = 0; p->coordinator && w < p->comm->workers; w++)
        exchange_send(p->comm, x, p->coordinator->planner->now.messages[w].words, words[w] * sizeof(int32_t),
                      comm_rank_of_worker(p->comm, w), TAG_ASSIGNMENT);
    if (p->worker)
        exchange_receive(p->comm, x, p->worker->message, words[p->comm->worker] * sizeof(int32_t), 0, TAG_ASSIGNMENT);
    return comm_or_abort(p->comm, exchange_wait(p->comm, x));
}

/* Send every worker's losses, hits and statistics to the coordinator, before any rank waits for a sum. Workers that
 * failed report, too. */
static status send_reports(struct pretrain *p, struct membership *membership, double seconds)
{
    struct pretrain_coordinator *c = p->coordinator;
    struct exchange *x = &p->reduce.exchange;
    size_t bytes = pretrain_report_bytes(&p->facts.shape);

    if (c) pretrain_coordinator_expect(c);
    for (int w = 0; c && w < p->comm->workers; w++)
        exchange_receive(p->comm, x, pretrain_coordinator_report(c, w), bytes, comm_rank_of_worker(p->comm, w),
                         TAG_SLOT_REPORT);
    if (p->worker) {
        const struct member_report member = member_report_here(membership, seconds);

        pretrain_worker_report(p->worker, &member);
        exchange_send(p->comm, x, p->worker->report, bytes, 0, TAG_SLOT_REPORT);
    }
    while (c && !exchange_rest(x)) {
        pretrain_coordinator_heard(c);
        membership_answered(membership, c->reports.heard);
    }
    TRY(comm_or_abort(p->comm, exchange_wait(p->comm, x)));
    if (c) pretrain_coordinator_heard(c);
    return ST_OK;
}

/* G to the owners of columns; grad_u and everything small to the coordinator. */
static status reduce_gradients(struct pretrain *p)
{
    const struct pretrain_shape *s = &p->facts.shape;
    struct pretrain_worker *w = p->worker;
    struct pretrain_gradients none = {0}, *to = p->coordinator ? &p->coordinator->gradients : &none;
    struct deal *deal = w ? &w->assignment.deal : &p->coordinator->planner->now.deal;
    struct tree_sum *const *prompts = w ? w->compute.prompt_list : NULL, *const *heads = w ? w->compute.head_list
                                                                                           : NULL;
    float *grad = w ? w->grad : NULL;

    TRY(comm_or_abort(p->comm, reduce_scatter_grad(&p->reduce, deal, prompts, grad)));
    TRY(comm_or_abort(p->comm, reduce_gather_grad(&p->reduce, (int)s->groups, grad, to->prompts)));
    TRY(pretrain_encoder_back(p));
    TRY(comm_agree(p->comm, w ? pretrain_worker_grad_u(w) : ST_OK));
    TRY(comm_or_abort(p->comm, reduce_sum_to_coordinator(&p->reduce, deal, heads, s->head, to->head)));
    return comm_or_abort(
        p->comm, reduce_grad_u(&p->reduce, w ? w->columns.grad_u : NULL, (size_t)(s->groups * s->intrinsic), to->u));
}

/* Before the first step is committed: is int8 accurate enough with this encoder? The worker with the first slot
 * checks. */
static status check_int8(struct pretrain *p, struct membership *membership, int64_t step)
{
    const struct deal *deal = p->worker ? &p->worker->assignment.deal : &p->coordinator->planner->now.deal;
    int owner = deal->blocks[0].worker;
    struct int8_check found = {0};
    status s = ST_OK;

    if (p->worker && p->comm->worker == owner)
        s = pretrain_worker_check_int8(p->worker, p->config->model, p->go.head, &found);
    TRY(comm_agree(p->comm, s));
    TRY(comm_broadcast(p->comm, &found, sizeof found, comm_rank_of_worker(p->comm, owner)));
    if (p->coordinator) s = int8_verdict(&found, number_name(p->replica.facts.precision), membership->progress, step);
    return comm_agree(p->comm, s);
}

/* Steps were faster than the machine's own rate: was other work under way when it was measured? */
static status measure_again(struct pretrain *p, struct job_step *out)
{
    TRY(pretrain_measure_rate(p));
    if (p->coordinator) p->limit_flops = rate_watch_measured(&p->coordinator->rate, p->limit_flops);
    out->described = 1;
    return ST_OK;
}

status pretrain_step(void *self, int64_t step, struct membership *membership, struct job_step *out)
{
    struct pretrain *p = self;
    struct pretrain_coordinator *c = p->coordinator;
    struct pretrain_worker *w = p->worker;
    int groups = (int)p->facts.shape.groups;
    double begun, seconds = 0, planned, reported;
    status s;

    TRY(comm_agree(p->comm, c ? pretrain_coordinator_draw(c, step, p->go.words) : ST_OK));
    TRY(comm_broadcast(p->comm, p->go.data, p->go.bytes, 0));
    if (*p->go.measure) TRY(measure_again(p, out));
    TRY(send_assignments(p));
    TRY(comm_agree(p->comm, w ? pretrain_worker_receive(w, (size_t)p->go.words[p->comm->worker]) : ST_OK));

    if (w) pretrain_worker_compose(w, groups, p->go.u);
    TRY(pretrain_gather_prompts(p, groups));

    begun = clock_now();
    s = w ? pretrain_worker_compute(w, step, p->go.head) : ST_OK;
    if (w) seconds = clock_now() - begun;
    if (c && s == ST_OK) s = planner_plan_next(c->planner, step + 1);
    planned = clock_now();
    TRY(send_reports(p, membership, seconds));
    TRY(comm_agree(p->comm, s));
    if (step == 1 && p->replica.facts.int8) TRY(check_int8(p, membership, step));
    reported = clock_now();

    TRY(reduce_gradients(p));
    if (c) pretrain_coordinator_conclude(c, step, planned, reported, out);
    return ST_OK;
}

status pretrain_commit(void *self, int64_t step, int apply)
{
    struct pretrain *p = self;
    struct rates rates = pretrain_rates(p->config, step);
    struct adamw of_a, of_encoder;

    if (!apply) return ST_OK;
    p->applied++;
    of_a = adamw_at(rates.a, &rates.adamw, p->applied);
    of_encoder = adamw_at(rates.z, &rates.adamw, p->applied);
    if (p->config->mixture.balance)
        TRY(comm_broadcast(p->comm, p->go.weights, (size_t)p->facts.shape.groups * sizeof *p->go.weights, 0));
    if (p->coordinator) pretrain_coordinator_update(p->coordinator, step);
    if (p->worker) pretrain_worker_update(p->worker, p->go.u, p->go.weights, &of_a);
    if (p->worker && p->worker->encoder) prompt_encoder_update(p->worker->encoder, &of_encoder);
    return ST_OK;
}

status pretrain_flush(void *self)
{
    struct pretrain *p = self;

    if (p->worker) pretrain_worker_flush(p->worker);
    return ST_OK;
}

/* G from the journal to the owners of columns. The prompts' encoder computes again what the record does not have: its
 * gradient, larger than G, and that of u A. */
static status replay_gradients(struct pretrain *p)
{
    const struct pretrain_shape *s = &p->facts.shape;
    struct pretrain_worker *w = p->worker;
    struct pretrain_coordinator *c = p->coordinator;

    TRY(comm_broadcast(p->comm, p->go.u, s->groups * s->u * sizeof *p->go.u, 0));
    TRY(comm_or_abort(p->comm, reduce_scatter_to_owners(&p->reduce, (int)s->groups, c ? c->gradients.prompts : NULL,
                                                        w ? w->grad : NULL)));
    if (!s->encoder) return ST_OK;
    if (w) pretrain_worker_compose(w, (int)s->groups, p->go.u);
    TRY(pretrain_gather_prompts(p, (int)s->groups));
    return pretrain_encoder_back(p);
}

/* Commit with the gradients from the journal; A is updated at once. */
status pretrain_replay(void *self, int64_t step, const struct journal_record *record, Mp2__Step **message)
{
    struct pretrain *p = self;
    struct pretrain_coordinator *c = p->coordinator;
    int32_t apply = 0;

    TRY(comm_agree(p->comm, c ? pretrain_coordinator_take(c, step, record, &apply) : ST_OK));
    TRY(comm_broadcast(p->comm, &apply, sizeof apply, 0));
    if (apply) TRY(replay_gradients(p));
    if (c) *message = pretrain_coordinator_tell(c, step, apply);
    if (!apply) return ST_OK;
    TRY(pretrain_commit(p, step, 1));
    return pretrain_flush(p);
}
