/* What forward and backward share. */
#include "worker/model/pass.h"

#include <math.h>

#include "worker/model/int8.h"

void pass_init(struct pass *p, const struct encoder *e, struct pool *pool, struct activations *a,
               const struct unit_batch *b, const struct encoder_prompts *prompts, const struct encoder_dropout *dropout)
{
    static const struct encoder_prompts none = {0};
    const struct random_key no_key = {{0, 0}};
    int on = dropout && dropout->on;

    *p = (struct pass){.e = e, .pool = pool, .a = a, .b = b, .prompts = prompts ? prompts : &none};
    p->hidden = dropout_make(on ? dropout->key : no_key, on ? e->config.hidden_dropout : 0);
    p->attention = dropout_make(on ? dropout->key : no_key, on ? e->config.attention_dropout : 0);
    p->last = (int32_t)e->config.layers;
}

/* Between jobs a thread waits. */
static void begin_job(void *arg, int thread, int threads)
{
    struct pass *p = arg;

    pass_lap(p, thread, PHASE_WAIT);
    p->job(p, thread, threads);
}

status pass_phase(struct pass *p, pool_job *job)
{
    atomic_store(&p->next, 0);
    p->job = job;
    pool_run(p->pool, begin_job, p);
    return (status)atomic_load(&p->failed);
}

int32_t pass_deal(struct pass *p, int32_t count)
{
    int32_t i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);

    return i < count ? i : -1;
}

int pass_narrows(const struct pass *p)
{
    return p->a->row_count >= 0 && p->layer + 1 == p->last && p->e->exact != EXACT_EXAMPLE;
}

const float *pass_prompt(const struct pass *p, int32_t layer)
{
    const struct encoder_prompts *prompts = p->prompts;

    if (layer >= prompts->layers) return NULL;
    return prompts->values + (int64_t)layer * prompts->tokens * p->e->config.hidden;
}

struct norm pass_norm(const struct pass *p, const struct row_block *block, int32_t layer, enum dropout_kind kind,
                      const float *gamma, const float *beta, const float *prompt)
{
    return (struct norm){.rows = block->rows,
                         .width = (int)p->e->config.hidden,
                         .eps = (float)p->e->config.eps,
                         .type = p->e->precision,
                         .place = (p->narrow ? p->a->place : p->b->place) + block->first,
                         .drop = p->hidden,
                         .site = dropout_site(layer, kind),
                         .gamma = gamma,
                         .beta = beta,
                         .prompt = prompt,
                         .prompt_rows = prompt ? p->prompts->tokens : 0};
}

struct attention pass_attention(const struct pass *p, int32_t example, int32_t head)
{
    int64_t hidden = p->e->config.hidden, width = hidden / p->e->config.heads, length = p->b->length[example];
    const int32_t *wanted = p->a->wanted + example;

    return (struct attention){.keys = length,
                              .queries = p->narrow ? wanted[1] - wanted[0] : length,
                              .place = p->narrow ? p->a->place + wanted[0] : NULL,
                              .width = (int)width,
                              .ld = 3 * hidden,
                              .ld_ctx = hidden,
                              .type = p->e->precision,
                              .scale = (float)(1.0 / sqrt((double)width)),
                              .drop = p->attention,
                              .site = dropout_head_site(p->layer, head),
                              .slot = (uint32_t)(p->b->first_slot + example)};
}

void pass_product(struct pass *p, int thread, int product, int32_t layer, int32_t rows, const void *x, void *y)
{
    const struct packed_weights_layer *w = &p->e->weights.layer[layer];
    const float *bias = product <= PRODUCT_DOWN ? w->bias[product] : NULL;
    status s;

    if (p->e->int8) {
        int8_product(p, thread, product, layer, rows, x, y);
        return;
    }
    s = matmul_run(p->e->matmul, product, thread, rows, x, w->packed[product], bias, y);
    if (s != ST_OK) atomic_store(&p->failed, (int)s);
    pass_lap_product(p, thread, product, rows);
}

void pass_lap_product(const struct pass *p, int thread, int product, int32_t rows)
{
    const struct matmul_spec *s = matmul_product(p->e->matmul, product);

    if (!p->a->times) return;
    p->a->times[thread].flops[product] += 2.0 * rows * (double)s->k * (double)s->n;
    phases_lap(&p->a->times[thread], product);
}
