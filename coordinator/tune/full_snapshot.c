/* A snapshot of full tuning is a checkpoint of its own (cluster/store/checkpoint.h): every worker writes its range of
 * weights, moments and best weights, the coordinator the head, the curve and the counts. */
#include "coordinator/tune/full_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/checkpoint.h"

enum { TENSORS = 9 };

/* Looks at dev that a cell can have; the curve is stored with room for all. */
static int64_t most_points(const struct full *f)
{
    return f->o.epochs / f->o.check_every + 3;
}

static struct checkpoint_tensor tensor_of(const char *name, enum tensor_type type, struct part part)
{
    return (struct checkpoint_tensor){
        .file = "full.safetensors", .spec = {.name = name, .type = type, .rank = 1}, .part = part};
}

/* A worker's own range of an array like the weights. */
static struct checkpoint_tensor range_tensor(const struct full *f, const char *name, float *own)
{
    const struct full_worker *w = f->worker;
    int64_t count = f->facts.flat.count;
    struct checkpoint_tensor t = tensor_of(name, TENSOR_F32,
                                           w ? part_range(count, w->first, w->last - w->first, own) : part_none(count));

    t.spec.shape[0] = count;
    return t;
}

/* What the coordinator has. */
static struct checkpoint_tensor own_tensor(const struct full *f, const char *name, enum tensor_type type, int64_t rows,
                                           int64_t columns, void *data)
{
    struct checkpoint_tensor t = tensor_of(
        name, type, f->coordinator ? part_whole(rows * columns, data) : part_none(rows * columns));

    t.spec.rank = 2;
    t.spec.shape[0] = rows;
    t.spec.shape[1] = columns;
    return t;
}

/* curve (points,numbers): the coordinator's. */
static void list_tensors(struct full *f, double *curve, struct checkpoint_tensor out[TENSORS])
{
    const struct full_worker none = {.values = NULL}, *w = f->worker ? f->worker : &none;
    const struct full_coordinator nobody = {.head_m = NULL}, *c = f->coordinator ? f->coordinator : &nobody;
    float *best = c->dev_curve ? c->dev_curve->best_head : NULL;
    int64_t hidden = f->facts.flat.config.hidden;

    out[0] = own_tensor(f, "curve", TENSOR_F64, most_points(f), DEV_CURVE_NUMBERS, curve);
    out[1] = range_tensor(f, "weights", w->values ? w->values + w->first : NULL);
    out[2] = range_tensor(f, "weights.m", w->m);
    out[3] = range_tensor(f, "weights.v", w->v);
    out[4] = range_tensor(f, "best.weights", w->best);
    out[5] = own_tensor(f, "head", TENSOR_F32, 2, hidden, f->head);
    out[6] = own_tensor(f, "head.m", TENSOR_F32, 2, hidden, c->head_m);
    out[7] = own_tensor(f, "head.v", TENSOR_F32, 2, hidden, c->head_v);
    out[8] = own_tensor(f, "best.head", TENSOR_F32, 2, hidden, best);
}

static status open_curve(const struct full *f, double **curve)
{
    *curve = NULL;
    return f->coordinator ? mem_alloc((size_t)(most_points(f) * DEV_CURVE_NUMBERS), sizeof **curve, curve) : ST_OK;
}

/* ---- writing ---- */

static void put_curve(const struct dev_curve *c, double *curve)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct dev_curve_point *p = &c->points[i];

        dev_curve_put_point(p, p->step > 0, curve + i * DEV_CURVE_NUMBERS);
    }
}

static status write_state(struct full *f, double *curve)
{
    struct state_value values[2] = {{.name = "points", .type = STATE_WHOLE}, {.name = "seconds", .type = STATE_REAL}};
    struct state state = {.kind = "full", .step = (uint64_t)f->step, .value_count = 2, .values = values};
    struct checkpoint_tensor tensors[TENSORS];

    list_tensors(f, curve, tensors);
    if (f->coordinator) {
        put_curve(f->coordinator->dev_curve, curve);
        state.config_digest = f->coordinator->digest;
        values[0].whole = (int64_t)f->coordinator->dev_curve->count;
        values[1].real = f->coordinator->seconds;
    }
    return checkpoint_write(f->comm, f->snapshot, &state, tensors, TENSORS);
}

status full_save(struct full *f)
{
    uint64_t oldest;
    double *curve;
    status s = comm_agree(f->comm, open_curve(f, &curve));

    if (s == ST_OK) s = write_state(f, curve);
    if (s == ST_OK) s = comm_agree(f->comm, f->coordinator ? checkpoint_prune(f->snapshot, 1, &oldest) : ST_OK);
    mem_free(curve);
    return s;
}

/* ---- reading ---- */

/* Coordinator. Is there one, and of this cell? Another's is removed. */
static status find_snapshot(const struct full *f, int32_t *found)
{
    struct state state = {0};
    char folder[CHECKPOINT_PATH_BYTES], latest[CHECKPOINT_PATH_BYTES];

    *found = 0;
    TRY(file_join(latest, sizeof latest, f->snapshot, "latest"));
    if (!file_exists(latest)) return ST_OK;
    TRY(checkpoint_resolve(f->snapshot, folder));
    TRY(state_load(folder, &state));
    *found = strcmp(state.config_digest, f->coordinator->digest) == 0;
    state_fini(&state);
    if (*found) return ST_OK;
    log_warn("snapshot-foreign", "path=%s why=\"another configuration\"", f->snapshot);
    return file_remove_tree(f->snapshot);
}

/* Coordinator. */
static status take_curve(struct full *f, const struct state *state, const double *curve)
{
    const struct state_value *count = state_find(state, "points"), *seconds = state_find(state, "seconds");
    struct dev_curve_point *points;
    status s;

    if (!count || count->type != STATE_WHOLE || count->whole < 1 || count->whole > most_points(f) || !seconds ||
        seconds->type != STATE_REAL || f->step > f->o.epochs)
        return fault(ST_INPUT, "%s: no snapshot of this cell; remove it to begin the cell anew", f->snapshot);
    f->coordinator->seconds = seconds->real;
    TRY(mem_alloc((size_t)count->whole, sizeof *points, &points));
    for (int64_t i = 0; i < count->whole; i++)
        snprintf(points[i].stage, sizeof points[i].stage, "%s",
                 dev_curve_take_point(curve + i * DEV_CURVE_NUMBERS, &points[i]) > 0 ? "full" : "start");
    s = dev_curve_resume(f->coordinator->dev_curve, points, (size_t)count->whole);
    mem_free(points);
    return s;
}

static status read_state(struct full *f, double *curve)
{
    struct checkpoint_tensor tensors[TENSORS];
    struct state state = {0};
    uint64_t step = 0;
    status s;

    list_tensors(f, curve, tensors);
    TRY(checkpoint_load_newest(f->comm, f->snapshot, tensors, TENSORS, &state, &step));
    f->step = (int64_t)step;
    f->stale = 1;
    s = f->coordinator && step > 0 ? take_curve(f, &state, curve) : ST_OK;
    state_fini(&state);
    return comm_agree(f->comm, s);
}

status full_resume(struct full *f)
{
    int32_t found = 0;
    double *curve;
    status s;

    TRY(comm_agree(f->comm, f->coordinator ? find_snapshot(f, &found) : ST_OK));
    TRY(comm_broadcast(f->comm, f->snapshot, sizeof f->snapshot, 0));
    TRY(comm_broadcast(f->comm, &found, sizeof found, 0));
    if (!found) return ST_OK;
    s = comm_agree(f->comm, open_curve(f, &curve));
    if (s == ST_OK) s = read_state(f, curve);
    mem_free(curve);
    return s;
}
