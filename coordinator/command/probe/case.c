/* The case file of mp2 probe, every number of it checked before anything is computed. */
#include <math.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/probe/probe.h"

struct reader {
    const char *path;
    struct safetensors file;
    const struct model_config *model;
    const struct prompts_file *prompts;
    struct probe_case *c;
};

/* A named I64 tensor of this shape as int32, each in [least, most]. */
static status read_integers(const struct reader *r, const char *name, int rank, const int64_t *shape, int64_t least,
                            int64_t most, int32_t *out)
{
    const struct tensor *t;

    TRY(safetensors_expect(&r->file, name, TENSOR_I64, rank, shape, &t));
    for (int64_t i = 0; i < t->count; i++) {
        int64_t x;

        TRY(tensor_read_i64(r->path, t, i, 1, &x));
        if (x < least || x > most)
            return fault(ST_INPUT, "%s: %s, element %lld: found %lld, expected %lld to %lld", r->path, name,
                         (long long)i, (long long)x, (long long)least, (long long)most);
        out[i] = (int32_t)x;
    }
    return ST_OK;
}

static status read_sizes(struct reader *r)
{
    static const int64_t any[2] = {-1, -1};
    const int64_t prompt = 1 + r->prompts->tokens;
    const struct tensor *t;

    TRY(safetensors_expect(&r->file, "input_ids", TENSOR_I64, 2, any, &t));
    r->c->examples = t->shape[0];
    r->c->width = t->shape[1];
    if (r->c->examples < 1) return fault(ST_INPUT, "%s: input_ids: the batch is empty", r->path);
    if (r->c->width < prompt)
        return fault(ST_INPUT, "%s: input_ids: rows of %lld tokens have no room for [CLS] and a prompt of %lld", r->path,
                     (long long)r->c->width, (long long)r->prompts->tokens);
    if (r->c->width > r->model->positions)
        return fault(ST_INPUT, "%s: input_ids: rows of %lld tokens, but the model has %lld positions", r->path,
                     (long long)r->c->width, (long long)r->model->positions);
    if (r->c->examples > INT32_MAX / r->c->width)
        return fault(ST_INPUT, "%s: input_ids: %lld rows are too many", r->path, (long long)r->c->examples);
    return ST_OK;
}

static status read_rows(struct reader *r)
{
    struct probe_case *c = r->c;
    const int64_t grid[2] = {c->examples, c->width};

    TRY(mem_alloc((size_t)(c->examples * c->width), sizeof *c->ids, &c->ids));
    TRY(mem_alloc((size_t)c->examples, sizeof *c->length, &c->length));
    TRY(mem_alloc((size_t)c->examples, sizeof *c->start, &c->start));
    TRY(mem_alloc((size_t)c->examples, sizeof *c->end, &c->end));
    TRY(read_integers(r, "input_ids", 2, grid, 0, r->model->vocab - 1, c->ids));
    TRY(read_integers(r, "lengths", 1, grid, 1 + r->prompts->tokens, c->width, c->length));
    TRY(read_integers(r, "start_positions", 1, grid, 0, c->width - 1, c->start));
    TRY(read_integers(r, "end_positions", 1, grid, 0, c->width - 1, c->end));
    for (int64_t i = 0; i < c->examples; i++) {
        if (c->start[i] >= c->length[i] || c->end[i] >= c->length[i])
            return fault(ST_INPUT, "%s: row %lld: targets %d and %d, expected positions below its length %d", r->path,
                         (long long)i, c->start[i], c->end[i], c->length[i]);
        for (int64_t j = c->length[i]; j < c->width; j++)
            if (c->ids[i * c->width + j] != 0)
                return fault(ST_INPUT, "%s: input_ids, row %lld: found id %d behind its %d tokens, expected padding 0",
                             r->path, (long long)i, c->ids[i * c->width + j], c->length[i]);
    }
    return ST_OK;
}

static status read_task(struct reader *r)
{
    static const int64_t one[1] = {1};
    int32_t task = 0;

    TRY(read_integers(r, "task_id", 1, one, 0, r->prompts->tasks - 1, &task));
    r->c->task = task;
    return ST_OK;
}

static status read_uniform(struct reader *r)
{
    const int64_t shape[2] = {r->prompts->layers, r->prompts->modules};
    const double least = 0x1p-23;
    const struct tensor *t;

    if (!safetensors_find(&r->file, "router_uniform")) return ST_OK;
    TRY(safetensors_expect(&r->file, "router_uniform", TENSOR_F32, 2, shape, &t));
    TRY(mem_alloc((size_t)t->count, sizeof *r->c->uniform, &r->c->uniform));
    for (int64_t i = 0; i < t->count; i++) {
        float x;

        TRY(tensor_read_f32(r->path, t, i, 1, &x));
        if (!(x >= 0 && x <= 1))
            return fault(ST_INPUT, "%s: router_uniform, element %lld: found %g, expected 0 to 1", r->path,
                         (long long)i, (double)x);
        r->c->uniform[i] = fmin(fmax((double)x, least), 1 - least);
    }
    return ST_OK;
}

status probe_case_load(const char *path, const struct model_config *model, const struct prompts_file *prompts,
                       struct probe_case *out)
{
    struct reader r = {.path = path, .model = model, .prompts = prompts, .c = out};
    status s;

    memset(out, 0, sizeof *out);
    TRY(safetensors_open(path, &r.file));
    s = read_sizes(&r);
    if (s == ST_OK) s = read_rows(&r);
    if (s == ST_OK) s = read_task(&r);
    if (s == ST_OK) s = read_uniform(&r);
    safetensors_close(&r.file);
    if (s != ST_OK) probe_case_free(out);
    return s;
}

void probe_case_free(struct probe_case *c)
{
    mem_free(c->ids);
    mem_free(c->length);
    mem_free(c->start);
    mem_free(c->end);
    mem_free(c->uniform);
    memset(c, 0, sizeof *c);
}
