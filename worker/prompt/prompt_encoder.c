/* Layer by layer of every group, in order: the parameters' gradient has one order of summation on every worker. */
#include "worker/prompt/prompt_encoder.h"

#include <string.h>

#include "worker/kernel/adamw.h"

static struct lstm lstm_of(int64_t tokens, int64_t hidden)
{
    return (struct lstm){.tokens = tokens, .hidden = hidden, .width = hidden > 1 ? hidden / 2 : 1};
}

size_t prompt_encoder_parameters(int64_t tokens, int64_t hidden)
{
    struct lstm n = lstm_of(tokens, hidden);

    return lstm_parameters(&n);
}

/* Of one layer. */
static size_t columns_of(const struct prompt_encoder *e)
{
    return (size_t)(e->shape.tokens * e->shape.hidden);
}

static status open_all(struct prompt_encoder *e)
{
    const struct prompt_encoder_shape *s = &e->shape;
    size_t n = e->count, rows = (size_t)(s->groups * s->layers), bank = rows * columns_of(e);

    TRY(mem_keep_new(&e->keep, n, sizeof *e->value, &e->value));
    TRY(mem_keep_new(&e->keep, n, sizeof *e->m, &e->m));
    TRY(mem_keep_new(&e->keep, n, sizeof *e->v, &e->v));
    TRY(mem_keep_new(&e->keep, n, sizeof *e->grad, &e->grad));
    TRY(mem_keep_new(&e->keep, n, sizeof *e->of_group, &e->of_group));
    TRY(mem_keep_new(&e->keep, bank, sizeof *e->in, &e->in));
    TRY(mem_keep_new(&e->keep, bank, sizeof *e->d_out, &e->d_out));
    TRY(mem_keep_new(&e->keep, columns_of(e), sizeof *e->d_in, &e->d_in));
    TRY(mem_keep_new(&e->keep, rows * lstm_trace(&e->lstm), sizeof *e->trace, &e->trace));
    return mem_keep_new(&e->keep, lstm_scratch(&e->lstm), sizeof *e->scratch, &e->scratch);
}

status prompt_encoder_new(const struct kernels *kernels, const struct prompt_encoder_shape *s, uint64_t seed,
                          struct prompt_encoder **out)
{
    struct prompt_encoder *e;
    status st;

    TRY(mem_alloc(1, sizeof *e, out));
    e = *out;
    e->shape = *s;
    e->lstm = lstm_of(s->tokens, s->hidden);
    e->lstm.kernels = kernels;
    e->count = lstm_parameters(&e->lstm);
    st = open_all(e);
    if (st == ST_OK) lstm_init(&e->lstm, seed, e->value);
    else prompt_encoder_destroy(out);
    return st;
}

void prompt_encoder_destroy(struct prompt_encoder **out)
{
    struct prompt_encoder *e = *out;

    if (!e) return;
    mem_keep_free(&e->keep);
    mem_free(e);
    *out = NULL;
}

void prompt_encoder_forward(struct prompt_encoder *e, int groups, float *prompts)
{
    const struct prompt_encoder_shape *s = &e->shape;
    size_t trace = lstm_trace(&e->lstm), n = columns_of(e);

    for (size_t i = 0; i < (size_t)groups * (size_t)s->layers; i++)
        lstm_forward(&e->lstm, e->value, e->in + i * n, e->trace + i * trace, prompts + i * n);
}

/* All layers of group g; own columns of what goes on are written to `grad` (layers, local). */
static void group_back(struct prompt_encoder *e, size_t g, int64_t first, size_t local, float *grad)
{
    const struct prompt_encoder_shape *s = &e->shape;
    size_t trace = lstm_trace(&e->lstm), n = columns_of(e), layers = (size_t)s->layers;

    memset(e->of_group, 0, e->count * sizeof *e->of_group);
    for (size_t l = 0; l < layers; l++) {
        size_t i = g * layers + l;

        lstm_backward(&e->lstm, e->value, e->in + i * n, e->trace + i * trace, e->d_out + i * n, e->scratch, e->d_in,
                      e->of_group);
        memcpy(grad + l * local, e->d_in + first, local * sizeof *grad);
    }
}

void prompt_encoder_backward(struct prompt_encoder *e, const double *weights, int64_t first, int64_t local, float *grad)
{
    const struct prompt_encoder_shape *s = &e->shape;
    size_t group = (size_t)s->layers * (size_t)local;

    memset(e->grad, 0, e->count * sizeof *e->grad);
    for (size_t g = 0; g < (size_t)s->groups; g++) {
        group_back(e, g, first, (size_t)local, grad + g * group);
        e->lstm.kernels->axpy((int64_t)e->count, (float)weights[g], e->of_group, e->grad);
    }
}

double prompt_encoder_square(const struct prompt_encoder *e)
{
    double sum = 0;

    for (size_t i = 0; i < e->count; i++) sum += (double)e->grad[i] * (double)e->grad[i];
    return sum;
}

void prompt_encoder_update(struct prompt_encoder *e, const struct adamw *w)
{
    e->lstm.kernels->adamw(w, (int64_t)e->count, e->grad, e->value, e->m, e->v);
}
