/* The spine of full tuning: the order of a step, and all that travels in it. Workers do their part through
 * worker/full.h, the coordinator through full_coordinator.h; with one rank both are here. */
#include <stdio.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "coordinator/text/vocabulary.h"
#include "coordinator/tune/full_state.h"
#include "worker/model/folder.h"

/* ---- opening ---- */

static status open_facts(struct full *f)
{
    struct ranges_part whole = {0, 0};

    TRY(full_facts_open(&f->facts, &f->o.replica->facts.config, oracle_assignment(f->o.oracle), f->comm->workers));
    f->facts.loss = f->o.loss;
    f->blocks = blocks_make(f->facts.flat.count, f->comm->workers);
    ranges_init(&f->ranges, f->comm, &f->blocks);
    reduce_init(&f->reduce, f->comm, &f->blocks, 1);
    TRY(mem_keep_new(&f->keep, full_head(&f->facts), sizeof *f->head, &f->head));
    TRY(mem_keep_new(&f->keep, (size_t)f->facts.examples, sizeof *f->losses, &f->losses));
    whole.last = f->facts.flat.count;
    return ranges_plan(&f->ranges, &f->facts.deal, &whole, 1, f->o.replica->pool);
}

static status open_all(struct full *f)
{
    TRY(open_facts(f));
    if (comm_is_coordinator(f->comm)) TRY(full_coordinator_open(&f->o, &f->facts, &f->coordinator));
    if (comm_is_worker(f->comm))
        TRY(full_worker_open(&f->facts, f->o.replica, f->o.model, &f->blocks, f->comm->worker, &f->worker));
    return ST_OK;
}

status full_open(const struct full_options *o, struct full **out)
{
    struct full *f;
    status s;

    *out = NULL;
    TRY(comm_agree(o->comm, mem_alloc(1, sizeof *f, &f)));
    f->o = *o;
    f->comm = o->comm;
    f->stale = 1;
    s = comm_agree(f->comm, open_all(f));
    if (s == ST_OK) *out = f;
    else full_close(&f);
    return s;
}

void full_close(struct full **out)
{
    struct full *f = *out;

    if (!f) return;
    full_worker_close(&f->worker);
    full_coordinator_close(&f->coordinator);
    ranges_fini(&f->ranges);
    reduce_fini(&f->reduce);
    full_facts_fini(&f->facts);
    mem_keep_free(&f->keep);
    mem_free(f);
    *out = NULL;
}

void full_begin(struct full *f, const struct full_start *start)
{
    struct full_coordinator *c = f->coordinator;

    memcpy(f->head, start->head, full_head(&f->facts) * sizeof *f->head);
    snprintf(f->snapshot, sizeof f->snapshot, "%s", start->snapshot);
    snprintf(c->digest, sizeof c->digest, "%s", start->digest);
    c->dev_curve = start->dev_curve;
    c->kernels = start->kernels;
    full_coordinator_begin(c);
}

/* ---- a step, on all ranks ---- */

/* All weights to all workers, packed for the products. */
static status refresh(struct full *f)
{
    if (!f->stale) return ST_OK;
    if (f->worker) TRY(ranges_gather(&f->ranges, f->worker->values));
    f->stale = 0;
    return comm_agree(f->comm, f->worker ? full_worker_pack(f->worker) : ST_OK);
}

/* An example's loss is known to one rank, and 0 on the others: the bits are summed as integers. */
static status sum_losses(struct full *f)
{
    _Static_assert(sizeof *f->losses == sizeof(int64_t), "a double is 64 bits");

    return comm_sum(f->comm, (int64_t *)(void *)f->losses, f->facts.examples);
}

/* Losses and gradient of the state as it is. */
static status compute(struct full *f)
{
    struct tree_sum *heads[1] = {f->worker ? &f->worker->heads : NULL};
    size_t head = full_head(&f->facts);
    status s = ST_OK;

    TRY(refresh(f));
    TRY(comm_broadcast(f->comm, f->head, head * sizeof *f->head, 0));
    memset(f->losses, 0, (size_t)f->facts.examples * sizeof *f->losses);
    if (f->worker) s = full_worker_compute(f->worker, f->head, &f->ranges, f->losses);
    if (s != ST_OK && f->comm->size > 1) comm_abort(f->comm, s); /* others wait for this one's part */
    TRY(s);
    TRY(ranges_sum(&f->ranges, &f->grad));
    TRY(reduce_sum_to_coordinator(&f->reduce, &f->facts.deal, heads, head,
                                  f->coordinator ? f->coordinator->d_head : NULL));
    return sum_losses(f);
}

/* What the coordinator decided, known to all; s: how it went there. */
static status send_order(struct full *f, status s, struct full_order *order)
{
    TRY(comm_agree(f->comm, s));
    return comm_broadcast(f->comm, order, sizeof *order, 0);
}

static status judge(struct full *f, struct full_order *order)
{
    status s = f->coordinator ? full_coordinator_judge(f->coordinator, f->losses, f->step, order) : ST_OK;

    return send_order(f, s, order);
}

static status save(struct full *f)
{
    double began = clock_now();

    TRY(full_save(f));
    if (f->coordinator) full_coordinator_saved(f->coordinator, began);
    return ST_OK;
}

/* A look at dev is a dialogue with the oracle; what the state is worth is then known to all. */
static status check_dev(struct full *f, struct full_order *order)
{
    struct oracle *oracle = f->o.oracle;

    if (f->coordinator) TRY(oracle_dismiss(oracle, full_coordinator_check(f->coordinator, f->head, f->step, order)));
    else TRY(oracle_serve(oracle));
    TRY(send_order(f, ST_OK, order));
    if (order->keep && f->worker) full_worker_keep(f->worker);
    return order->save ? save(f) : ST_OK;
}

static status conclude(struct full *f, struct full_order *order)
{
    status s = f->coordinator ? full_coordinator_conclude(f->coordinator, f->step, order) : ST_OK;

    return send_order(f, s, order);
}

static void update(struct full *f, const struct full_order *order)
{
    f->step++;
    f->stale = 1;
    if (f->worker) full_worker_update(f->worker, order, f->step, f->grad);
    if (f->coordinator) full_coordinator_update(f->coordinator, order, f->step, f->head);
}

static status restore_best(struct full *f)
{
    if (f->worker) full_worker_restore(f->worker);
    f->stale = 1;
    return refresh(f);
}

status full_run(struct full *f)
{
    struct full_order order = {.update = 1};

    TRY(full_resume(f));
    if (f->coordinator) full_coordinator_resumed(f->coordinator);
    while (order.update) {
        TRY(compute(f));
        TRY(judge(f, &order));
        if (order.check) TRY(check_dev(f, &order));
        TRY(conclude(f, &order));
        if (order.update) update(f, &order);
    }
    return restore_best(f);
}

/* ---- what came of it ---- */

status full_collect(struct full *f)
{
    return reduce_gather_grad(&f->reduce, 1, f->worker ? f->worker->values + f->worker->first : NULL,
                              f->coordinator ? f->coordinator->whole : NULL);
}

static status read_values(void *arg, const char *name, int64_t first, int64_t count, float *out)
{
    return flat_copy(arg, name, first, count, out);
}

status full_write(struct full *f, const char *folder, char digest[33])
{
    struct flat_view view = {&f->facts.flat, f->coordinator->whole};
    struct model_folder what = {.config = f->facts.flat.config, .type = TENSOR_F32, .read = read_values, .arg = &view};
    struct model_source *written;
    struct vocabulary *v = NULL;
    status s = ST_OK;

    if (vocabulary_in(f->o.model)) s = vocabulary_load(f->o.model, &v);
    if (s == ST_OK && v) s = vocabulary_write(v, folder, what.config.positions);
    vocabulary_destroy(&v);
    TRY(s);
    TRY(model_folder_write(folder, &what));
    TRY(model_source_open(folder, &written));
    s = model_source_digest(written, digest);
    model_source_close(&written);
    return s;
}

double full_seconds(const struct full *f)
{
    return f->coordinator->seconds;
}

int64_t full_parameters(const struct full *f)
{
    const struct flat *flat = &f->facts.flat;
    int64_t sum = (int64_t)full_head(&f->facts);

    for (int64_t i = 0; i < names_encoder(flat->config.layers); i++) sum += flat->size[i];
    return sum;
}
