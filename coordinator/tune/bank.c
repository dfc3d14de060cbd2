/* Composition reads A once, row by row: each row is added to all modules of its layer while it is in the cache. */
#include "coordinator/tune/bank.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/digest.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/prompt/router.h"

static status digest_state(const char *folder, char out[33])
{
    char path[CHECKPOINT_PATH_BYTES + 16], *data;
    size_t size;

    snprintf(path, sizeof path, "%s/state.pb", folder);
    TRY(file_read(path, 64 << 20, &data, &size));
    digest_bytes(data, size, out);
    mem_free(data);
    return ST_OK;
}

static status check_state(const char *folder, const struct bank *b)
{
    const struct state *s = &b->state;

    if (strcmp(s->kind, "pretrain") != 0)
        return fault(ST_INPUT, "%s: a checkpoint of %.40s, expected one of mp2 pretrain", folder, s->kind);
    if (s->layers != (uint32_t)b->layers || s->modules != (uint32_t)b->modules ||
        s->prompt_tokens != (uint32_t)b->tokens || s->intrinsic != (uint32_t)b->intrinsic ||
        (int64_t)s->task_count != b->file.tasks || s->placeholder_count != (size_t)b->tokens)
        return fault(ST_INPUT, "%s: state.pb and prompts.safetensors have different sizes", folder);
    if (b->modules > ROUTER_MODULES_MOST)
        return fault(ST_INPUT, "%s: %d modules, expected at most %d", folder, b->modules, ROUTER_MODULES_MOST);
    for (size_t i = 1; i < s->placeholder_count; i++)
        if (s->placeholders[i] != s->placeholders[0] + i)
            return fault(ST_INPUT, "%s: its placeholders are not consecutive ids", folder);
    return ST_OK;
}

static status read_whole(const struct bank *b, const struct tensor *t, float **out)
{
    TRY(mem_alloc((size_t)t->count, sizeof **out, out));
    return tensor_read_f32(b->file.file.path, t, 0, t->count, *out);
}

/* Row i of A's layer. */
static status read_row(struct bank *b, int32_t layer, int32_t i)
{
    int64_t at = ((int64_t)layer * b->intrinsic + i) * (int64_t)b->columns;

    return tensor_read_f32(b->file.file.path, b->file.a, at, (int64_t)b->columns, b->row);
}

status bank_compose(struct bank *b, int32_t layer, int32_t n, const float *x, float *out)
{
    memset(out, 0, (size_t)n * b->columns * sizeof *out);
    for (int32_t i = 0; i < b->intrinsic; i++) {
        TRY(read_row(b, layer, i));
        for (int32_t k = 0; k < n; k++)
            b->kernels.axpy((int64_t)b->columns, x[(size_t)k * (size_t)b->intrinsic + (size_t)i], b->row,
                            out + (size_t)k * b->columns);
    }
    return ST_OK;
}

static status compose_all(struct bank *b)
{
    size_t z = (size_t)b->modules * (size_t)b->intrinsic, values = (size_t)b->modules * b->columns;

    TRY(mem_alloc((size_t)b->layers * values, sizeof *b->values, &b->values));
    TRY(mem_alloc(b->columns, sizeof *b->row, &b->row));
    for (int32_t l = 0; l < b->layers; l++)
        TRY(bank_compose(b, l, b->modules, b->z + (size_t)l * z, b->values + (size_t)l * values));
    return ST_OK;
}

static status open_folder(const char *folder, const struct model_config *model, struct bank *b)
{
    char path[CHECKPOINT_PATH_BYTES + 32];

    TRY(state_load(folder, &b->state));
    snprintf(path, sizeof path, "%s/prompts.safetensors", folder);
    TRY(prompts_file_open(path, model->layers, model->hidden, &b->file));
    b->layers = (int32_t)b->file.layers;
    b->modules = (int32_t)b->file.modules;
    b->tokens = (int32_t)b->file.tokens;
    b->hidden = (int32_t)b->file.hidden;
    b->intrinsic = (int32_t)b->file.intrinsic;
    b->columns = (size_t)b->tokens * (size_t)b->hidden;
    TRY(check_state(folder, b));
    TRY(digest_state(folder, b->digest));
    TRY(kernels_choose(ISA_AUTO, &b->kernels)); /* f32: the same bits in every set */
    TRY(read_whole(b, b->file.z, &b->z));
    TRY(read_whole(b, b->file.router, &b->router));
    TRY(read_whole(b, b->file.head, &b->head));
    TRY(read_whole(b, b->file.span_head, &b->span_head));
    return compose_all(b);
}

const float *bank_head(const struct bank *b, enum task_kind kind)
{
    return kind == TASK_EXTRACTIVE ? b->span_head : b->head;
}

status bank_open(const char *path, const struct model_config *model, struct bank *b)
{
    char folder[CHECKPOINT_PATH_BYTES];
    status s;

    memset(b, 0, sizeof *b);
    TRY(checkpoint_resolve(path, folder));
    s = open_folder(folder, model, b);
    if (s != ST_OK) bank_close(b);
    return s;
}

void bank_close(struct bank *b)
{
    if (b->file.a) prompts_file_close(&b->file);
    state_fini(&b->state);
    mem_free(b->z);
    mem_free(b->router);
    mem_free(b->head);
    mem_free(b->span_head);
    mem_free(b->values);
    mem_free(b->row);
    memset(b, 0, sizeof *b);
}

int bank_task(const struct bank *b, const char *id)
{
    for (size_t i = 0; i < b->state.task_count; i++)
        if (strcmp(b->state.tasks[i].name, id) == 0) return (int)i;
    return -1;
}

void bank_gates(const struct bank *b, const float *theta, double *s, double *r)
{
    for (int32_t l = 0; l < b->layers; l++)
        router_forward(b->modules, theta + l * b->modules, NULL, 1, s + l * b->modules, r + l * b->modules);
}

void bank_mix(const struct bank *b, const float *modules, const double *r, float *prompts)
{
    for (int32_t l = 0; l < b->layers; l++, modules += (size_t)b->modules * b->columns, prompts += b->columns)
        for (size_t j = 0; j < b->columns; j++) {
            double sum = 0;

            for (int32_t k = 0; k < b->modules; k++)
                sum += r[l * b->modules + k] * (double)modules[(size_t)k * b->columns + j];
            prompts[j] = (float)sum;
        }
}

/* a . b in double, in 8 lanes from the first element on, closed in a fixed order. */
static double dot(size_t n, const float *a, const float *b)
{
    double lane[8] = {0};
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++) lane[j] += (double)a[i + (size_t)j] * (double)b[i + (size_t)j];
    for (int j = 0; i < n; i++, j++) lane[j] += (double)a[i] * (double)b[i];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* ds_k = (dr_k - sum_j r_j dr_j) / S, dtheta_k = ds_k s_k (1 - s_k). */
static void back_router(int modules, const double *s, const double *r, const double *dr, double *d_theta)
{
    double sum = 1e-12, mean = 0;

    for (int k = 0; k < modules; k++) {
        sum += s[k];
        mean += r[k] * dr[k];
    }
    for (int k = 0; k < modules; k++) d_theta[k] = (dr[k] - mean) / sum * s[k] * (1 - s[k]);
}

void bank_back(const struct bank *b, const float *modules, const double *s, const double *r, const float *d_prompts,
               float *d_modules, double *d_theta)
{
    int n = b->modules;

    for (int32_t l = 0; l < b->layers; l++, d_prompts += b->columns) {
        double dr[ROUTER_MODULES_MOST];

        for (int k = 0; k < n; k++) {
            size_t at = (size_t)(l * n + k) * b->columns;

            if (d_theta) dr[k] = dot(b->columns, modules + at, d_prompts);
            for (size_t j = 0; d_modules && j < b->columns; j++)
                d_modules[at + j] = (float)(r[l * n + k] * (double)d_prompts[j]);
        }
        if (d_theta) back_router(n, s + l * n, r + l * n, dr, d_theta + l * n);
    }
}

void bank_intrinsic(const struct bank *b, int32_t layer, const double *r, double *x)
{
    router_mix(b->modules, b->intrinsic, r + layer * b->modules,
               b->z + (size_t)layer * (size_t)b->modules * (size_t)b->intrinsic, x);
}
