/* Sizes come from the encoder and the data; digests identify both. */
#include "coordinator/pretrain/prepare.h"

#include <stdio.h>

#include "cluster/base/log.h"
#include "coordinator/pretrain/heads.h"
#include "coordinator/pretrain/recipe.h"
#include "coordinator/text/vocabulary.h"

static status check_sizes(const struct pretrain_config *c, const struct model_config *m, const struct dataset *data)
{
    if (c->prompt.first_placeholder + c->prompt.tokens > m->vocab)
        return fault(ST_INPUT, "prompt.first_placeholder: ids %lld to %lld, the encoder's vocabulary has %lld",
                     (long long)c->prompt.first_placeholder,
                     (long long)(c->prompt.first_placeholder + c->prompt.tokens - 1), (long long)m->vocab);
    if (dataset_vocabulary_size(data) > m->vocab)
        return fault(ST_INPUT, "%s: imported with a vocabulary of %d, the encoder %s has %lld", c->data,
                     dataset_vocabulary_size(data), c->model, (long long)m->vocab);
    TRY(vocabulary_expect(c->model, dataset_vocabulary_digest(data), c->data));
    for (int t = 0; t < dataset_tasks(data); t++)
        if (dataset_rows(data, t, SPLIT_TRAIN) == 0)
            return fault(ST_INPUT, "%s: task %s has no training rows", c->data, dataset_task(data, t)->id);
    return ST_OK;
}

static struct pretrain_shape find_shape(const struct pretrain_config *c, const struct model_config *m,
                                        const struct dataset *data, int longest)
{
    struct pretrain_shape s = {.layers = c->prompt.depth == DEPTH_DEEP ? m->layers : 1,
                               .tokens = c->prompt.tokens,
                               .hidden = m->hidden,
                               .modules = c->prompt.modules,
                               .intrinsic = c->prompt.intrinsic,
                               .tasks = dataset_tasks(data),
                               .groups = c->train.groups,
                               .heads = heads_count(c->prompt.heads, dataset_tasks(data)),
                               .batch = c->train.batch,
                               .encoder = c->prompt.encoder == PROMPT_ENCODER_LSTM,
                               .longest = longest};

    pretrain_shape_complete(&s);
    return s;
}

/* Rates of another width train little or nothing, and say nothing of it. */
static void check_rates(const struct pretrain_config *c, int64_t hidden)
{
    const struct recipe *r = recipe_for(hidden);

    if (!recipe_is_near(c->train.rate, r->rate))
        log_warn("rate-far", "hidden=%lld train.rate=%g recipe=%g see=%s", (long long)hidden, c->train.rate, r->rate,
                 r->file);
    if (!recipe_is_near(c->mixture.router_rate, r->router_rate))
        log_warn("rate-far", "hidden=%lld train.router_rate=%g recipe=%g see=%s", (long long)hidden,
                 c->mixture.router_rate, r->router_rate, r->file);
}

status pretrain_prepare(const struct pretrain_config *c, struct pretrain_facts *facts, struct model_source **model,
                        struct dataset **data)
{
    struct input_form form = {.prompt = (int)c->prompt.tokens,
                              .first_placeholder = (int32_t)c->prompt.first_placeholder,
                              .max_length = (int)c->prompt.max_length,
                              .reference = c->reference.form};
    const struct model_config *m;

    TRY(model_source_open(c->model, model));
    m = model_source_config(*model);
    if (form.max_length > m->positions) form.max_length = (int)m->positions;
    TRY(dataset_open(c->data, &c->tasks, &form, data));
    TRY(check_sizes(c, m, *data));
    check_rates(c, m->hidden);
    TRY(model_source_digest(*model, facts->encoder_digest));
    model_source_drop(*model, NULL);
    snprintf(facts->data_digest, sizeof facts->data_digest, "%s", dataset_digest(*data));
    snprintf(facts->vocabulary_digest, sizeof facts->vocabulary_digest, "%s", dataset_vocabulary_digest(*data));
    facts->shape = find_shape(c, m, *data, form.max_length);
    return ST_OK;
}
