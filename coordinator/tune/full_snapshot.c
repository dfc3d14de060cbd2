/* A snapshot of full tuning is a checkpoint of its own (cluster/store/checkpoint.h): every worker writes its range of weights,
 * moments and best weights, the coordinator the head, the curve and the counts. */
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
    const struct tune_config *c = f->t->config;

    return c->full.epochs / c->dev_every + 3;
}

static struct checkpoint_tensor range_tensor(const struct full *f, const char *name, float *own)
{
    struct checkpoint_tensor t = {.file = "full.safetensors", .spec = {.name = name, .type = TENSOR_F32, .rank = 1,
                                                                       .shape = {f->flat.count}}};

    t.part = comm_is_worker(f->comm) ? part_range(f->flat.count, f->first, f->last - f->first, own) : part_none(f->flat.count);
    return t;
}

static struct checkpoint_tensor own_tensor(const struct full *f, const char *name, enum tensor_type type, int64_t rows,
                                           int64_t columns, void *data)
{
    struct checkpoint_tensor t = {.file = "full.safetensors", .spec = {.name = name, .type = type, .rank = 2,
                                                                       .shape = {rows, columns}}};

    t.part = comm_is_coordinator(f->comm) ? part_whole(rows * columns, data) : part_none(rows * columns);
    return t;
}

static status list_tensors(struct full *f, struct checkpoint_tensor out[TENSORS])
{
    float *best = comm_is_coordinator(f->comm) ? f->dev_curve->best_head : NULL;
    float *own = comm_is_worker(f->comm) ? f->values + f->first : NULL;
    int64_t hidden = f->flat.config.hidden, points = most_points(f);

    if (!f->curve) TRY(mem_alloc((size_t)(points * COURSE_NUMBERS), sizeof *f->curve, &f->curve));
    out[0] = own_tensor(f, "curve", TENSOR_F64, points, COURSE_NUMBERS, f->curve);
    out[1] = range_tensor(f, "weights", own);
    out[2] = range_tensor(f, "weights.m", f->m);
    out[3] = range_tensor(f, "weights.v", f->v);
    out[4] = range_tensor(f, "best.weights", f->best);
    out[5] = own_tensor(f, "head", TENSOR_F32, 2, hidden, f->head);
    out[6] = own_tensor(f, "head.m", TENSOR_F32, 2, hidden, f->head_m);
    out[7] = own_tensor(f, "head.v", TENSOR_F32, 2, hidden, f->head_v);
    out[8] = own_tensor(f, "best.head", TENSOR_F32, 2, hidden, best);
    return ST_OK;
}

/* ---- writing ---- */

static void put_curve(struct full *f)
{
    for (size_t i = 0; i < f->dev_curve->count; i++) {
        const struct dev_curve_point *p = &f->dev_curve->points[i];

        dev_curve_put_point(p, p->step > 0, f->curve + i * COURSE_NUMBERS);
    }
}

status full_save(struct full *f)
{
    struct state_value values[2] = {{.name = "points", .type = STATE_WHOLE}, {.name = "seconds", .type = STATE_REAL}};
    struct state state = {.kind = "full", .step = (uint64_t)f->step, .config_digest = f->digest, .value_count = 2,
                          .values = values};
    struct checkpoint_tensor tensors[TENSORS];
    uint64_t oldest;

    TRY(comm_agree(f->comm, list_tensors(f, tensors)));
    if (comm_is_coordinator(f->comm)) {
        put_curve(f);
        values[0].whole = (int64_t)f->dev_curve->count;
        values[1].real = f->seconds;
    }
    TRY(checkpoint_write(f->comm, f->snapshot, &state, tensors, TENSORS));
    return comm_agree(f->comm, comm_is_coordinator(f->comm) ? checkpoint_prune(f->snapshot, 1, &oldest) : ST_OK);
}

/* ---- reading ---- */

/* Coordinator. Is there one, and of this cell? Another's is removed. */
static status find(const struct full *f, int32_t *found)
{
    struct state state = {0};
    char folder[CHECKPOINT_PATH_BYTES], latest[CHECKPOINT_PATH_BYTES];

    *found = 0;
    TRY(file_join(latest, sizeof latest, f->snapshot, "latest"));
    if (!file_exists(latest)) return ST_OK;
    TRY(checkpoint_resolve(f->snapshot, folder));
    TRY(state_load(folder, &state));
    *found = strcmp(state.config_digest, f->digest) == 0;
    state_fini(&state);
    if (*found) return ST_OK;
    log_warn("snapshot-foreign", "path=%s why=\"another configuration\"", f->snapshot);
    return file_remove_tree(f->snapshot);
}

/* Coordinator. */
static status take_dev_curve(struct full *f, const struct state *state)
{
    const struct state_value *count = state_find(state, "points"), *seconds = state_find(state, "seconds");
    struct dev_curve_point *points;
    status s;

    if (!count || count->type != STATE_WHOLE || count->whole < 1 || count->whole > most_points(f) || !seconds ||
        seconds->type != STATE_REAL || f->step > f->t->config->full.epochs)
        return fault(ST_INPUT, "%s: no snapshot of this cell; remove it to begin the cell anew", f->snapshot);
    f->seconds = seconds->real;
    TRY(mem_alloc((size_t)count->whole, sizeof *points, &points));
    for (int64_t i = 0; i < count->whole; i++)
        snprintf(points[i].stage, sizeof points[i].stage, "%s",
                 dev_curve_take_point(f->curve + i * COURSE_NUMBERS, &points[i]) > 0 ? "full" : "start");
    s = dev_curve_resume(f->dev_curve, points, (size_t)count->whole);
    mem_free(points);
    return s;
}

static status take(struct full *f)
{
    struct checkpoint_tensor tensors[TENSORS];
    struct state state = {0};
    uint64_t step = 0;
    status s;

    TRY(comm_agree(f->comm, list_tensors(f, tensors)));
    TRY(checkpoint_load_newest(f->comm, f->snapshot, tensors, TENSORS, &state, &step));
    f->step = f->applied = (int64_t)step;
    f->stale = 1;
    s = comm_is_coordinator(f->comm) && step > 0 ? take_dev_curve(f, &state) : ST_OK;
    state_fini(&state);
    return comm_agree(f->comm, s);
}

status full_resume(struct full *f)
{
    int32_t found = 0;
    status s = comm_is_coordinator(f->comm) ? find(f, &found) : ST_OK;

    TRY(comm_agree(f->comm, s));
    TRY(comm_broadcast(f->comm, f->snapshot, sizeof f->snapshot, 0));
    TRY(comm_broadcast(f->comm, &found, sizeof found, 0));
    return found ? take(f) : ST_OK;
}
