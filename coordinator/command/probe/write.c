/* The out file of mp2 probe. The two tensors of A's size are made row by row while writing, never held whole. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/probe/probe.h"

enum { SPECS_MOST = 11 };

struct probe_writer {
    const struct probe_run *run;
    const struct probe_result *first;
    struct file_out out;
    float *row; /* a row of A */
};

static struct tensor_spec spec(const char *name, int rank, int64_t a, int64_t b, int64_t c)
{
    return (struct tensor_spec){.name = name, .type = TENSOR_F32, .rank = rank, .shape = {a, b, c}};
}

static size_t list_specs(const struct probe_run *r, struct tensor_spec *specs)
{
    const struct prompts_file *p = r->prompts;
    int64_t n = p->tokens * p->hidden;
    size_t count = 0;

    specs[count++] = spec("loss", 1, 1, 0, 0);
    specs[count++] = spec("start_logits", 2, r->probe_case->examples, r->probe_case->width, 0);
    specs[count++] = spec("end_logits", 2, r->probe_case->examples, r->probe_case->width, 0);
    specs[count++] = spec("grad.A", 3, p->layers, p->intrinsic, n);
    specs[count++] = spec("grad.z", 3, p->layers, p->modules, p->intrinsic);
    specs[count++] = spec("grad.router", 3, p->tasks, p->layers, p->modules);
    specs[count++] = spec("grad.head.weight", 2, 2, p->hidden, 0);
    if (r->options->updates == 0) return count;
    specs[count++] = spec("updated.A", 3, p->layers, p->intrinsic, n);
    specs[count++] = spec("updated.z", 3, p->layers, p->modules, p->intrinsic);
    specs[count++] = spec("updated.router", 3, p->tasks, p->layers, p->modules);
    specs[count++] = spec("updated.head.weight", 2, 2, p->hidden, 0);
    return count;
}

/* Huge inputs, each of them finite, may have led to infinities on the way: an answer of NaN would be no answer. */
static status check_finite(const struct probe_writer *w, const char *name, const float *data, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(data[i]))
            return fault(ST_NUMBER,
                         "%s: %s has an element that is %g: the values of %s or of the prompts are too large for "
                         "float32",
                         w->run->options->probe_case, name, (double)data[i], w->run->options->model);
    return ST_OK;
}

static status put_tensor(struct probe_writer *w, const char *name, const float *data, int64_t count)
{
    TRY(check_finite(w, name, data, count));
    if (fwrite(data, sizeof *data, (size_t)count, w->out.stream) != (size_t)count)
        return fault(ST_IO, "%s: cannot be written: %s", w->out.path, strerror(errno));
    return ST_OK;
}

/* dA = u^T G, row by row. */
static status put_gradient_a(struct probe_writer *w)
{
    const struct prompts_file *p = w->run->prompts;
    int64_t n = p->tokens * p->hidden;

    for (int64_t i = 0; i < p->layers * p->intrinsic; i++) {
        const float *g = w->first->grad_prompts + i / p->intrinsic * n;

        for (int64_t j = 0; j < n; j++) w->row[j] = (float)(w->first->u[i] * (double)g[j]);
        TRY(put_tensor(w, "grad.A", w->row, n));
    }
    return ST_OK;
}

static status put_updated_a(struct probe_writer *w)
{
    const struct columns *c = &w->run->columns;
    const struct prompts_file *p = w->run->prompts;
    int64_t n = p->tokens * p->hidden;

    for (int64_t i = 0; i < p->layers * p->intrinsic; i++) {
        for (int b = 0; b < c->last; b++) {
            int64_t first = blocks_column(&c->blocks, b), next = blocks_column(&c->blocks, b + 1);
            const float *block = columns_block(c, (int)(i / p->intrinsic), b) + i % p->intrinsic * BLOCK_COLUMNS;

            memcpy(w->row + first, block, (size_t)(next - first) * sizeof *w->row);
        }
        TRY(put_tensor(w, "updated.A", w->row, n));
    }
    return ST_OK;
}

/* The gradient of the whole router: 0 but for the case's task. */
static status put_gradient_router(struct probe_writer *w)
{
    const struct prompts_file *p = w->run->prompts;
    int64_t n = p->layers * p->modules;
    float *zeros;
    status s = ST_OK;

    TRY(mem_alloc((size_t)n, sizeof *zeros, &zeros));
    for (int64_t t = 0; t < p->tasks && s == ST_OK; t++)
        s = put_tensor(w, "grad.router", t == w->run->probe_case->task ? w->first->grad_router : zeros, n);
    mem_free(zeros);
    return s;
}

static status put_all(struct probe_writer *w)
{
    const struct probe_run *r = w->run;
    const struct prompts_file *p = r->prompts;
    int64_t grid = r->probe_case->examples * r->probe_case->width;
    const float loss = (float)w->first->loss;

    TRY(put_tensor(w, "loss", &loss, 1));
    TRY(put_tensor(w, "start_logits", w->first->start_logits, grid));
    TRY(put_tensor(w, "end_logits", w->first->end_logits, grid));
    TRY(put_gradient_a(w));
    TRY(put_tensor(w, "grad.z", w->first->grad_z, p->z->count));
    TRY(put_gradient_router(w));
    TRY(put_tensor(w, "grad.head.weight", w->first->grad_head, p->head->count));
    if (r->options->updates == 0) return ST_OK;
    TRY(put_updated_a(w));
    TRY(put_tensor(w, "updated.z", r->z, p->z->count));
    TRY(put_tensor(w, "updated.router", r->router, p->router->count));
    return put_tensor(w, "updated.head.weight", r->head, p->head->count);
}

static status write_file(struct probe_writer *w, const struct safetensors_layout *layout)
{
    status s;

    TRY(file_out_open(w->run->options->out, &w->out));
    s = ST_OK;
    if (fwrite(layout->header, 1, layout->header_bytes, w->out.stream) != layout->header_bytes)
        s = fault(ST_IO, "%s: cannot be written: %s", w->out.path, strerror(errno));
    if (s == ST_OK) s = put_all(w);
    if (s != ST_OK) {
        file_out_abandon(&w->out);
        return s;
    }
    return file_out_commit(&w->out);
}

status probe_write(const struct probe_run *r, const struct probe_result *first)
{
    struct probe_writer w = {.run = r, .first = first};
    struct tensor_spec specs[SPECS_MOST];
    size_t count = list_specs(r, specs);
    struct safetensors_layout layout;
    status s;

    TRY(safetensors_layout_make(specs, count, NULL, 0, &layout));
    s = mem_alloc((size_t)(r->prompts->tokens * r->prompts->hidden), sizeof *w.row, &w.row);
    if (s == ST_OK) s = write_file(&w, &layout);
    mem_free(w.row);
    safetensors_layout_free(&layout);
    return s;
}
