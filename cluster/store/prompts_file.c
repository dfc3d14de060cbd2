/* Opening a prompts file: find the four tensors, let each shape name the sizes it decides, compare, look at every
 * value. */
#include "cluster/store/prompts_file.h"

#include <math.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { CHUNK = 1 << 14, DROP_BYTES = 64 << 20 };

static status read_sizes(struct prompts_file *p)
{
    int64_t width;

    TRY(safetensors_expect(&p->file, "head.weight", TENSOR_TYPE_COUNT, 2, (int64_t[]){2, -1}, &p->head));
    TRY(safetensors_expect(&p->file, "A", TENSOR_TYPE_COUNT, 3, (int64_t[]){-1, -1, -1}, &p->a));
    p->hidden = p->head->shape[1];
    p->span_head = p->head;
    if (safetensors_find(&p->file, "head.span.weight"))
        TRY(safetensors_expect(&p->file, "head.span.weight", TENSOR_TYPE_COUNT, 2, p->head->shape, &p->span_head));
    p->layers = p->a->shape[0];
    p->intrinsic = p->a->shape[1];
    width = p->a->shape[2];
    TRY(safetensors_expect(&p->file, "z", TENSOR_TYPE_COUNT, 3, (int64_t[]){p->layers, -1, p->intrinsic}, &p->z));
    p->modules = p->z->shape[1];
    TRY(safetensors_expect(&p->file, "router", TENSOR_TYPE_COUNT, 3, (int64_t[]){-1, p->layers, p->modules},
                           &p->router));
    p->tasks = p->router->shape[0];
    if (safetensors_find(&p->file, "head.task.weight"))
        TRY(safetensors_expect(&p->file, "head.task.weight", TENSOR_TYPE_COUNT, 3, (int64_t[]){p->tasks, 2, p->hidden},
                               &p->task_heads));
    if (p->hidden < 1 || width < 1 || width % p->hidden != 0)
        return fault(ST_INPUT, "%s: tensor \"A\" has %lld columns, expected a multiple of head.weight's width %lld",
                     p->file.path, (long long)width, (long long)p->hidden);
    p->tokens = width / p->hidden;
    if (p->a->count == 0 || p->z->count == 0 || p->router->count == 0)
        return fault(ST_INPUT, "%s: a tensor without elements", p->file.path);
    return ST_OK;
}

static status check_model(const struct prompts_file *p, int64_t encoder_layers, int64_t hidden)
{
    if (hidden != 0 && p->hidden != hidden)
        return fault(ST_INPUT, "%s: prompts for a hidden size of %lld, the model's is %lld", p->file.path,
                     (long long)p->hidden, (long long)hidden);
    if (encoder_layers != 0 && p->layers != 1 && p->layers != encoder_layers)
        return fault(ST_INPUT, "%s: prompts of %lld layers, expected 1 or the model's %lld", p->file.path,
                     (long long)p->layers, (long long)encoder_layers);
    return ST_OK;
}

/* Pages looked at are let go every 64 MiB: what is refused costs no memory, however large. */
static status check_finite(const char *path, const struct tensor *t, float *buffer)
{
    size_t item = tensor_type_bytes(t->type), dropped = 0;

    for (int64_t at = 0; at < t->count; at += CHUNK) {
        int64_t n = t->count - at < CHUNK ? t->count - at : CHUNK;

        TRY(tensor_read_f32(path, t, at, n, buffer));
        for (int64_t i = 0; i < n; i++)
            if (!isfinite(buffer[i]))
                return fault(ST_INPUT, "%s: tensor \"%s\": element %lld is %g, expected finite numbers", path, t->name,
                             (long long)(at + i), (double)buffer[i]);
        if ((size_t)(at + n) * item - dropped < DROP_BYTES) continue;
        file_map_drop(t->data + dropped, (size_t)(at + n) * item - dropped);
        dropped = (size_t)(at + n) * item;
    }
    return ST_OK;
}

static status check_shapes(struct prompts_file *p, int64_t encoder_layers, int64_t hidden)
{
    float *buffer;
    status s;

    TRY(read_sizes(p));
    TRY(check_model(p, encoder_layers, hidden));
    TRY(mem_alloc(CHUNK, sizeof *buffer, &buffer));
    s = check_finite(p->file.path, p->head, buffer);
    if (s == ST_OK) s = check_finite(p->file.path, p->span_head, buffer);
    if (s == ST_OK && p->task_heads) s = check_finite(p->file.path, p->task_heads, buffer);
    if (s == ST_OK) s = check_finite(p->file.path, p->router, buffer);
    if (s == ST_OK) s = check_finite(p->file.path, p->z, buffer);
    if (s == ST_OK) s = check_finite(p->file.path, p->a, buffer);
    mem_free(buffer);
    return s;
}

/* It stands between A and the prompts: without it they would be others, in silence. */
static status refuse_encoder(const struct safetensors *file)
{
    if (!safetensors_find(file, "encoder.lstm")) return ST_OK;
    return fault(ST_INPUT,
                 "%s: its prompts pass through an LSTM (prompt.encoder: lstm), which mp2 pretrain and evaluate alone "
                 "compute: expected prompts of prompt.encoder: none",
                 file->path);
}

status prompts_file_open(const char *path, int64_t encoder_layers, int64_t hidden, struct prompts_file *out)
{
    status s;

    memset(out, 0, sizeof *out);
    TRY(safetensors_open(path, &out->file));
    s = refuse_encoder(&out->file);
    if (s == ST_OK) s = check_shapes(out, encoder_layers, hidden);
    if (s != ST_OK) prompts_file_close(out);
    return s;
}

void prompts_file_close(struct prompts_file *prompts)
{
    safetensors_close(&prompts->file);
    memset(prompts, 0, sizeof *prompts);
}
