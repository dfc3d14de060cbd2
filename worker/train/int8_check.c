#include "worker/train/int8_check.h"

#include <math.h>

#include "cluster/base/memory.h"

enum { EXAMPLES = 4 };

/* Gradients and losses of the examples by one encoder. */
struct pass_result {
    float *prompts, *head;
    double loss[EXAMPLES];
};

static status result_new(const struct int8_check_inputs *in, struct mem_keep *keep, struct pass_result *r)
{
    size_t width = (size_t)in->replica->facts.config.hidden;

    TRY(mem_keep_new(keep, (size_t)in->layers * (size_t)in->tokens * width, sizeof *r->prompts, &r->prompts));
    return mem_keep_new(keep, 2 * width, sizeof *r->head, &r->head);
}

/* As many of the first examples as fit into a unit. */
static void batch_examples(const struct int8_check_inputs *in)
{
    const struct assignment *s = in->assignment;
    struct compute *c = in->compute;
    size_t most = (size_t)c->most_examples < EXAMPLES ? (size_t)c->most_examples : EXAMPLES;

    unit_batch_clear(&c->batch, s->examples[0].slot);
    for (size_t i = 0; i < most && i < s->count; i++) {
        const struct assignment_example *e = &s->examples[i];

        if (e->group != s->examples[0].group || e->slot != s->examples[0].slot + (int32_t)i) return;
        c->marks[i] = e->marks;
        if (!unit_batch_add(&c->batch, e->ids, e->length, e->width, e->start, e->end)) return;
    }
}

static status pass(const struct int8_check_inputs *in, const struct encoder *e, struct pass_result *r)
{
    struct compute *c = in->compute;
    const struct unit_inputs unit = {.batch = &c->batch,
                                     .prompts = {in->layers, in->tokens, in->prompts},
                                     .dropout = *in->dropout,
                                     .head = in->head,
                                     .batch_examples = c->batch.examples,
                                     .marks = c->marks,
                                     .loss = c->over};
    const struct unit_outputs out = {.loss = r->loss, .grad_prompts = r->prompts, .grad_head = r->head};

    return unit_train(c->unit, e, c->pool, &unit, &out);
}

/* The same weights, with products in the precision of activations. */
static status float_pass(const struct int8_check_inputs *in, struct pass_result *r)
{
    const struct replica *replica = in->replica;
    const struct encoder_options options = {.precision = replica->facts.precision,
                                            .isa = replica->facts.isa,
                                            .engine = ENGINE_ONEDNN,
                                            .threads = pool_threads(replica->pool)};
    struct packed_weights_source source;
    struct model_source *model = NULL;
    struct encoder *e = NULL;
    void *weights = NULL;
    status s = encoder_new(&replica->facts.config, &options, replica->pool, &e);

    if (s == ST_OK) s = model_source_open(in->folder, &model);
    if (s == ST_OK) s = mem_alloc(encoder_weights_bytes(e), 1, &weights);
    if (s == ST_OK) {
        source = packed_weights_from_model(model);
        s = encoder_weights_pack(e, &source, replica->pool, weights);
    }
    if (s == ST_OK) s = encoder_attach(e, weights);
    if (s == ST_OK) s = pass(in, e, r);
    mem_free(weights);
    model_source_close(&model);
    encoder_destroy(&e);
    return s;
}

/* 1 where both are 0: nothing is lost. */
static double cosine(const float *a, const float *b, size_t n)
{
    double both = 0, one = 0, other = 0;

    for (size_t i = 0; i < n; i++) {
        both += (double)a[i] * (double)b[i];
        one += (double)a[i] * (double)a[i];
        other += (double)b[i] * (double)b[i];
    }
    return one == 0 && other == 0 ? 1 : both / sqrt(one * other);
}

static void compare(const struct int8_check_inputs *in, const struct pass_result *int8, const struct pass_result *plain,
                    struct int8_check *out)
{
    size_t width = (size_t)in->replica->facts.config.hidden, layer = (size_t)in->tokens * width;
    int32_t n = in->compute->batch.examples;

    *out = (struct int8_check){.examples = n, .cosine = 2, .head = cosine(int8->head, plain->head, 2 * width)};
    for (int32_t i = 0; i < n; i++) {
        out->loss += int8->loss[i] / n;
        out->float_loss += plain->loss[i] / n;
    }
    for (int32_t l = 0; l < in->layers; l++) {
        double c = cosine(int8->prompts + (size_t)l * layer, plain->prompts + (size_t)l * layer, layer);

        if (c >= out->cosine) continue; /* NaN is stored, and stays */
        out->cosine = c;
        out->layer = l;
        if (!isfinite(c)) return;
    }
}

status int8_check(const struct int8_check_inputs *in, struct int8_check *out)
{
    struct pass_result int8 = {0}, plain = {0};
    struct mem_keep keep = {0};
    status s = result_new(in, &keep, &int8);

    if (s == ST_OK) s = result_new(in, &keep, &plain);
    if (s == ST_OK) {
        batch_examples(in);
        s = pass(in, in->replica->encoder, &int8);
    }
    if (s == ST_OK) s = float_pass(in, &plain);
    if (s == ST_OK) compare(in, &int8, &plain, out);
    mem_keep_free(&keep);
    return s;
}
