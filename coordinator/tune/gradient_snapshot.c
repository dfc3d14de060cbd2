/* A snapshot is a safetensors file: what moves with its moments (what has not moved yet is left out: it is as the cell
 * began), the best state, the curve. Counts are in its metadata. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/safetensors.h"
#include "coordinator/tune/gradient_snapshot.h"

enum { TENSORS_MOST = 16 };

struct list {
    struct tensor_spec specs[TENSORS_MOST];
    const void *data[TENSORS_MOST];
    size_t count;
};

static void add_tensor(struct list *l, const char *name, enum tensor_type type, int64_t rows, int64_t columns,
                       const void *data)
{
    l->specs[l->count] = (struct tensor_spec){.name = name, .type = type, .rank = 2, .shape = {rows, columns}};
    l->data[l->count++] = data;
}

static const char *const names[3][3] = {
    {"router", "router.m", "router.v"}, {"modules", "modules.m", "modules.v"}, {"head", "head.m", "head.v"}};

/* ---- writing ---- */

status gradient_save(const struct gradient *g, double seconds)
{
    const struct dev_curve *c = g->dev_curve;
    const struct gradient_group *groups[3] = {&g->router, &g->modules, &g->head};
    struct list l = {.count = 0};
    char step[32], spent[32], applied[96];
    const struct safetensors_text texts[] = {
        {"applied", applied}, {"digest", g->digest}, {"seconds", spent}, {"step", step}};
    double *curve;
    status s;

    TRY(mem_alloc(c->count * DEV_CURVE_NUMBERS, sizeof *curve, &curve));
    for (size_t i = 0; i < c->count; i++)
        dev_curve_put_point(&c->points[i], stages_number(&g->stages, c->points[i].stage),
                            curve + i * DEV_CURVE_NUMBERS);
    add_tensor(&l, "curve", TENSOR_F64, (int64_t)c->count, DEV_CURVE_NUMBERS, curve);
    add_tensor(&l, "best.gates", TENSOR_F64, 1, (int64_t)c->gate_count, c->best_gates);
    add_tensor(&l, "best.prompts", TENSOR_F32, 1, (int64_t)c->bank, c->best_prompts);
    add_tensor(&l, "best.head", TENSOR_F32, 1, (int64_t)c->head_count, c->best_head);
    for (int i = 0; i < 3; i++) {
        const float *arrays[3] = {groups[i]->value, groups[i]->m, groups[i]->v};

        for (int j = 0; j < 3 && groups[i]->moved; j++)
            add_tensor(&l, names[i][j], TENSOR_F32, 1, (int64_t)groups[i]->size, arrays[j]);
    }
    snprintf(step, sizeof step, "%lld", (long long)g->step);
    snprintf(spent, sizeof spent, "%.3f", seconds);
    snprintf(applied, sizeof applied, "%lld %lld %lld", (long long)g->router.applied, (long long)g->modules.applied,
             (long long)g->head.applied);
    s = safetensors_write(g->snapshot, l.specs, l.count, texts, sizeof texts / sizeof *texts, l.data);
    mem_free(curve);
    return s;
}

/* ---- reading ---- */

static status damaged(const struct gradient *g)
{
    return fault(ST_INPUT, "%s: no snapshot of this cell, or a damaged one; remove it to begin the cell anew",
                 g->snapshot);
}

static status read_floats(const struct safetensors *f, const char *name, size_t count, float *out)
{
    const struct tensor *t;

    TRY(safetensors_expect(f, name, TENSOR_F32, 2, (int64_t[]){1, (int64_t)count}, &t));
    return tensor_read_f32(f->path, t, 0, t->count, out);
}

static status read_doubles(const struct safetensors *f, const char *name, int64_t rows, int64_t columns, double *out)
{
    const struct tensor *t;

    TRY(safetensors_expect(f, name, TENSOR_F64, 2, (int64_t[]){rows, columns}, &t));
    memcpy(out, t->data, (size_t)(rows * columns) * sizeof *out);
    return ST_OK;
}

static status read_counts(struct gradient *g, const struct safetensors *f)
{
    const char *step = safetensors_metadata(f, "step"), *spent = safetensors_metadata(f, "seconds");
    const char *applied = safetensors_metadata(f, "applied");
    long long a, b, c;

    if (!step || !spent || !applied || sscanf(applied, "%lld %lld %lld", &a, &b, &c) != 3) return damaged(g);
    g->step = strtoll(step, NULL, 10);
    g->seconds = strtod(spent, NULL);
    g->router.applied = a;
    g->modules.applied = b;
    g->head.applied = c;
    return g->step < 0 || g->step > stages_steps(&g->stages) || a < 0 || b < 0 || c < 0 ? damaged(g) : ST_OK;
}

static status read_dev_curve(struct gradient *g, const struct safetensors *f)
{
    struct dev_curve *c = g->dev_curve;
    const struct tensor *t;
    struct dev_curve_point *points = NULL;
    double *numbers = NULL;
    size_t count;
    status s;

    TRY(safetensors_expect(f, "curve", TENSOR_F64, 2, (int64_t[]){-1, DEV_CURVE_NUMBERS}, &t));
    count = (size_t)t->shape[0];
    TRY(read_floats(f, "best.prompts", c->bank, c->best_prompts));
    TRY(read_floats(f, "best.head", c->head_count, c->best_head));
    TRY(read_doubles(f, "best.gates", 1, (int64_t)c->gate_count, c->best_gates));
    s = mem_alloc(count * DEV_CURVE_NUMBERS, sizeof *numbers, &numbers);
    if (s == ST_OK) s = mem_alloc(count, sizeof *points, &points);
    if (s == ST_OK) s = read_doubles(f, "curve", (int64_t)count, DEV_CURVE_NUMBERS, numbers);
    for (size_t i = 0; i < count && s == ST_OK; i++)
        snprintf(points[i].stage, sizeof points[i].stage, "%s",
                 stages_name(&g->stages, dev_curve_take_point(numbers + i * DEV_CURVE_NUMBERS, &points[i])));
    if (s == ST_OK) s = count > 0 ? dev_curve_resume(c, points, count) : damaged(g);
    mem_free(numbers);
    mem_free(points);
    return s;
}

static status read_all(struct gradient *g, const struct safetensors *f)
{
    struct gradient_group *groups[3] = {&g->router, &g->modules, &g->head};

    TRY(read_counts(g, f));
    for (int i = 0; i < 3; i++) {
        float *arrays[3] = {groups[i]->value, groups[i]->m, groups[i]->v};

        groups[i]->moved = safetensors_find(f, names[i][0]) != NULL;
        for (int j = 0; j < 3 && groups[i]->moved; j++) TRY(read_floats(f, names[i][j], groups[i]->size, arrays[j]));
    }
    return read_dev_curve(g, f);
}

status gradient_load(struct gradient *g)
{
    struct safetensors f;
    const char *digest;
    status s = ST_OK;

    if (!file_exists(g->snapshot)) return ST_OK;
    TRY(safetensors_open(g->snapshot, &f));
    digest = safetensors_metadata(&f, "digest");
    if (digest && strcmp(digest, g->digest) == 0) s = read_all(g, &f);
    else log_warn("snapshot-foreign", "path=%s why=\"another configuration\"", g->snapshot);
    safetensors_close(&f);
    return s;
}
