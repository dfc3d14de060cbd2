/* Reading and writing the reference's checkpoints. Optimiser states are matched to parameters by shape: the files say
 * only a position, and that followed the order of a list in the reference's code. */
#include "cluster/store/torch/prompts.h"

#include <math.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/torch/write.h"

enum { CHUNK = 1 << 14 };

static const char *const names[PROMPTS_TENSORS] = {"A", "z", "router", "lmhead"};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static status take_tensor(const struct torch_file *file, const struct torch_value *value, const char *name,
                          struct tensor *out)
{
    if (!value || value->kind != TORCH_TENSOR)
        return fault(ST_INPUT, "%s: \"%s\" is missing or no tensor", file->path, name);
    *out = *value->as.tensor;
    out->name = name;
    if (!tensor_type_is_float(out->type))
        return fault(ST_INPUT, "%s: \"%s\" is %s, expected floats", file->path, name, tensor_type_name(out->type));
    /* A copy must not become larger than the file. */
    if (out->count == 0 || out->bytes / tensor_type_bytes(out->type) < (size_t)out->count)
        return fault(ST_INPUT, "%s: \"%s\" is empty or an expanded view", file->path, name);
    return ST_OK;
}

/* Put an axis of 1 where the layers are. */
static status add_layer_axis(const char *path, struct tensor *t, int axis)
{
    char text[128];

    if (t->rank != 2)
        return fault(ST_INPUT, "%s: \"%s\" has shape %s, expected two axes as A has", path, t->name,
                     tensor_shape_text(t->rank, t->shape, text, sizeof text));
    for (int i = t->rank; i > axis; i--) {
        t->shape[i] = t->shape[i - 1];
        t->stride[i] = t->stride[i - 1];
    }
    t->shape[axis] = 1;
    t->stride[axis] = 0;
    t->rank++;
    return ST_OK;
}

struct prompts_sizes torch_prompts_sizes(const struct prompts_tensors *t)
{
    return (struct prompts_sizes){t->value[PROMPTS_A].shape[0],    t->value[PROMPTS_Z].shape[1],
                                  t->value[PROMPTS_A].shape[1],    t->value[PROMPTS_A].shape[2],
                                  t->value[PROMPTS_HEAD].shape[1], t->value[PROMPTS_ROUTER].shape[0]};
}

static status check_sizes(const char *path, const struct prompts_tensors *t)
{
    int64_t layers, intrinsic, modules;

    TRY(tensor_expect(path, &t->value[PROMPTS_A], 3, (int64_t[]){-1, -1, -1}));
    layers = t->value[PROMPTS_A].shape[0];
    intrinsic = t->value[PROMPTS_A].shape[1];
    TRY(tensor_expect(path, &t->value[PROMPTS_Z], 3, (int64_t[]){layers, -1, intrinsic}));
    modules = t->value[PROMPTS_Z].shape[1];
    TRY(tensor_expect(path, &t->value[PROMPTS_ROUTER], 3, (int64_t[]){-1, layers, modules}));
    TRY(tensor_expect(path, &t->value[PROMPTS_HEAD], 2, (int64_t[]){2, -1}));
    if (t->value[PROMPTS_A].shape[2] % t->value[PROMPTS_HEAD].shape[1] != 0)
        return fault(ST_INPUT, "%s: \"A\" has %lld columns, expected a multiple of lmhead's width %lld", path,
                     (long long)t->value[PROMPTS_A].shape[2], (long long)t->value[PROMPTS_HEAD].shape[1]);
    return ST_OK;
}

static status check_finite(const char *path, const struct tensor *t)
{
    float *buffer;
    status s = mem_alloc(CHUNK, sizeof *buffer, &buffer);

    for (int64_t at = 0; s == ST_OK && at < t->count; at += CHUNK) {
        int64_t n = t->count - at < CHUNK ? t->count - at : CHUNK;

        s = tensor_read_f32(path, t, at, n, buffer);
        for (int64_t i = 0; s == ST_OK && i < n; i++)
            if (!isfinite(buffer[i]))
                s = fault(ST_INPUT, "%s: \"%s\": element %lld is %g, expected finite numbers", path, t->name,
                          (long long)(at + i), (double)buffer[i]);
    }
    mem_free(buffer);
    return s;
}

/* A count is an int in older files, a tensor of one float in newer ones. */
static status read_steps(const struct torch_file *file, const struct torch_value *value, int64_t *out)
{
    float x = -1;

    if (value && value->kind == TORCH_INT) *out = value->as.integer;
    else if (value && value->kind == TORCH_TENSOR && value->as.tensor->count == 1 &&
             tensor_type_is_float(value->as.tensor->type)) {
        TRY(tensor_read_f32(file->path, value->as.tensor, 0, 1, &x));
        *out = x >= 0 && x < 0x1p53f ? (int64_t)x : -1;
    } else *out = -1;
    return *out >= 0 ? ST_OK : fault(ST_INPUT, "%s: an optimiser state without its count of steps", file->path);
}

static int same_shape(const struct tensor *a, const struct tensor *b)
{
    return a->rank == b->rank && memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* One parameter's state: it goes to that of the tensors first … last that has its shape and no moments yet. */
static status take_moments(struct torch_prompts *p, const struct torch_value *state, int first, int last,
                           int64_t *steps)
{
    struct prompts_tensors *t = &p->tensors;
    struct tensor m, v;

    TRY(read_steps(&p->file, torch_get(state, "step"), steps));
    for (int i = first; i <= last; i++) {
        TRY(take_tensor(&p->file, torch_get(state, "exp_avg"), "exp_avg", &m));
        TRY(take_tensor(&p->file, torch_get(state, "exp_avg_sq"), "exp_avg_sq", &v));
        if (p->shallow && i != PROMPTS_HEAD && m.rank == 2 && v.rank == 2) {
            TRY(add_layer_axis(p->file.path, &m, i == PROMPTS_ROUTER ? 1 : 0));
            TRY(add_layer_axis(p->file.path, &v, i == PROMPTS_ROUTER ? 1 : 0));
        }
        if (t->m[i].name || !same_shape(&m, &t->value[i]) || !same_shape(&v, &m)) continue;
        t->m[i] = m;
        t->v[i] = v;
        return ST_OK;
    }
    return fault(ST_INPUT, "%s: an optimiser state whose shape is no parameter's", p->file.path);
}

static status read_optimizer(struct torch_prompts *p)
{
    const struct torch_value *optimizer = torch_get(p->file.root, "optimizer");
    const struct torch_value *router = torch_get(torch_get(optimizer, "optimizer1"), "state");
    const struct torch_value *others = torch_get(torch_get(optimizer, "optimizer2"), "state");
    int64_t steps[3];

    if (!router || !others || !torch_get_int(router, 0) || !torch_get_int(others, 2))
        return fault(ST_INPUT, "%s: no optimiser state (optimizer1 of one parameter, optimizer2 of three)",
                     p->file.path);
    TRY(take_moments(p, torch_get_int(router, 0), PROMPTS_ROUTER, PROMPTS_ROUTER, &p->tensors.router_steps));
    for (int i = 0; i < 3; i++) {
        TRY(take_moments(p, torch_get_int(others, i), PROMPTS_A, PROMPTS_HEAD, &steps[i]));
        if (steps[i] != steps[0]) return fault(ST_INPUT, "%s: optimiser states of different ages", p->file.path);
    }
    p->tensors.steps = steps[0];
    p->tensors.optimizer = 1;
    for (int i = 0; i < PROMPTS_TENSORS; i++) {
        TRY(check_finite(p->file.path, &p->tensors.m[i]));
        TRY(check_finite(p->file.path, &p->tensors.v[i]));
    }
    return ST_OK;
}

static status read_all(struct torch_prompts *p, int optimizer)
{
    struct tensor *t = p->tensors.value;

    for (int i = 0; i < PROMPTS_TENSORS; i++)
        TRY(take_tensor(&p->file, torch_get(p->file.root, names[i]), names[i], &t[i]));
    p->shallow = t[PROMPTS_A].rank == 2;
    for (int i = 0; p->shallow && i < PROMPTS_HEAD; i++)
        TRY(add_layer_axis(p->file.path, &t[i], i == PROMPTS_ROUTER ? 1 : 0));
    TRY(check_sizes(p->file.path, &p->tensors));
    for (int i = 0; i < PROMPTS_TENSORS; i++) TRY(check_finite(p->file.path, &t[i]));
    return optimizer ? read_optimizer(p) : ST_OK;
}

status torch_prompts_open(const char *path, int optimizer, struct torch_prompts *out)
{
    status s;

    memset(out, 0, sizeof *out);
    TRY(torch_open(path, &out->file));
    s = read_all(out, optimizer);
    if (s != ST_OK) torch_prompts_close(out);
    return s;
}

void torch_prompts_close(struct torch_prompts *prompts)
{
    torch_close(&prompts->file);
    memset(prompts, 0, sizeof *prompts);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* The tensor without its layer axis when shallow. */
static void put_tensor(struct torch_writer *w, const struct tensor *t, enum prompts_tensor which, int shallow)
{
    struct tensor narrow = *t;
    int axis = which == PROMPTS_ROUTER ? 1 : 0;

    if (shallow && which != PROMPTS_HEAD) {
        for (int i = axis; i + 1 < t->rank; i++) {
            narrow.shape[i] = t->shape[i + 1];
            narrow.stride[i] = t->stride[i + 1];
        }
        narrow.rank--;
    }
    torch_put_tensor(w, &narrow);
}

static void put_state(struct torch_writer *w, const struct prompts_tensors *t, enum prompts_tensor which, int shallow,
                      const struct tensor *steps)
{
    torch_put_dict(w);
    torch_put_text(w, "step");
    torch_put_tensor(w, steps);
    torch_put_text(w, "exp_avg");
    put_tensor(w, &t->m[which], which, shallow);
    torch_put_text(w, "exp_avg_sq");
    put_tensor(w, &t->v[which], which, shallow);
    torch_put_end(w);
}

/* AdamW's one param_group: its fixed settings (worker/README.md, "Pre-training") and the numbers of its parameters. */
static void put_group(struct torch_writer *w, double rate, int parameters)
{
    static const char *const off[] = {"amsgrad", "maximize", "capturable", "differentiable"};

    torch_put_text(w, "param_groups");
    torch_put_list(w);
    torch_put_dict(w);
    torch_put_text(w, "lr");
    torch_put_real(w, rate);
    torch_put_text(w, "betas");
    torch_put_pair(w, 0.9, 0.999);
    torch_put_text(w, "eps");
    torch_put_real(w, 1e-8);
    torch_put_text(w, "weight_decay");
    torch_put_real(w, 0.01);
    for (int i = 0; i < 4; i++) {
        torch_put_text(w, off[i]);
        torch_put_bool(w, 0);
    }
    torch_put_text(w, "foreach");
    torch_put_none(w);
    torch_put_text(w, "fused");
    torch_put_none(w);
    torch_put_text(w, "decoupled_weight_decay");
    torch_put_bool(w, 1);
    torch_put_text(w, "params");
    torch_put_list(w);
    for (int i = 0; i < parameters; i++) torch_put_int(w, i);
    torch_put_end(w);
    torch_put_end(w);
    torch_put_end(w);
}

static void put_optimizer(struct torch_writer *w, const struct prompts_tensors *t, int shallow,
                          const struct tensor *steps, double router_rate, double other_rate)
{
    static const enum prompts_tensor groups[2][3] = {{PROMPTS_ROUTER}, {PROMPTS_A, PROMPTS_Z, PROMPTS_HEAD}};

    torch_put_text(w, "optimizer");
    torch_put_dict(w);
    for (int g = 0; g < 2; g++) {
        torch_put_text(w, g == 0 ? "optimizer1" : "optimizer2");
        torch_put_dict(w);
        torch_put_text(w, "state");
        torch_put_dict(w);
        for (int i = 0; i < (g == 0 ? 1 : 3); i++) {
            torch_put_int(w, i);
            put_state(w, t, groups[g][i], shallow, &steps[g]);
        }
        torch_put_end(w);
        put_group(w, g == 0 ? router_rate : other_rate, g == 0 ? 1 : 3);
        torch_put_end(w);
    }
    torch_put_end(w);
}

status torch_prompts_write(const char *path, const struct prompts_tensors *tensors, int shallow, double router_rate,
                           double other_rate)
{
    float counts[2] = {(float)tensors->router_steps, (float)tensors->steps};
    struct tensor steps[2];
    struct torch_writer *w;
    status s;

    for (int i = 0; i < 2; i++)
        steps[i] = (struct tensor){.name = "step",
                                   .type = TENSOR_F32,
                                   .count = 1,
                                   .data = (const unsigned char *)&counts[i],
                                   .bytes = sizeof *counts};
    TRY(torch_writer_new(&w));
    torch_put_dict(w);
    for (int i = 0; i < PROMPTS_TENSORS; i++) {
        torch_put_text(w, names[i]);
        put_tensor(w, &tensors->value[i], (enum prompts_tensor)i, shallow);
    }
    if (tensors->optimizer) put_optimizer(w, tensors, shallow, steps, router_rate, other_rate);
    torch_put_end(w);
    s = torch_writer_save(w, path);
    torch_writer_destroy(&w);
    return s;
}
