/* The run's configuration says how inputs were made, the shards what the task is, the checkpoint what was learned. */
#include "coordinator/predict/pretrained_task.h"

#include <math.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "coordinator/pretrain/config.h"
#include "coordinator/tune/bank.h"
#include "worker/model/source.h"

struct look {
    struct pretrain_config config;
    struct options options;
    struct bank bank;
    struct dataset *data;
    struct model_config model;
    const char *checkpoint;
};

static status find_task(const struct bank *b, const char *checkpoint, const char *id, int *out)
{
    *out = id[0] ? bank_task(b, id) : b->state.task_count == 1 ? 0 : -1;
    if (*out >= 0) return ST_OK;
    if (!id[0])
        return fault(ST_USAGE, "%s: has seen %zu tasks (`mp2 checkpoint info` lists them), expected --task", checkpoint,
                     b->state.task_count);
    return fault(ST_INPUT, "%s: has not seen a task %s", checkpoint, id);
}

/* z mixed by the gates, then through A: as a step composes it, to the same bits. */
static status compose(struct bank *b, int task, struct tuned *out, struct tuned_task *t)
{
    size_t gates = (size_t)b->layers * (size_t)b->modules, bank = (size_t)b->layers * b->columns;
    float *prompt, *head, *router, *u;
    double *s, *r, *x;

    TRY(mem_keep_new(&out->keep, bank, sizeof *prompt, &prompt));
    TRY(mem_keep_new(&out->keep, 2 * (size_t)b->hidden, sizeof *head, &head));
    TRY(mem_keep_new(&out->keep, gates, sizeof *router, &router));
    TRY(mem_keep_new(&out->keep, 2 * gates + (size_t)b->intrinsic, sizeof *s, &s));
    TRY(mem_keep_new(&out->keep, (size_t)b->intrinsic, sizeof *u, &u));
    r = s + gates;
    x = r + gates;
    bank_gates(b, b->router + (size_t)task * gates, s, r);
    for (int32_t l = 0; l < b->layers; l++) {
        bank_intrinsic(b, l, r, x);
        for (int32_t i = 0; i < b->intrinsic; i++) u[i] = (float)x[i];
        TRY(bank_compose(b, l, 1, u, prompt + (size_t)l * b->columns));
    }
    for (size_t i = 0; i < gates; i++) router[i] = (float)r[i];
    memcpy(head, bank_head(b, t->meta.kind), 2 * (size_t)b->hidden * sizeof *head);
    t->layers = b->layers;
    t->modules = b->modules;
    t->prompt = prompt;
    t->head = head;
    t->router = router;
    return ST_OK;
}

static status describe(struct look *k, const char *data, const char *id, struct tuned *out, struct tuned_task *t)
{
    const struct option_list one = {1, &id};
    const char *description;

    t->form = (struct input_form){.prompt = k->bank.tokens,
                                  .first_placeholder = (int32_t)k->config.prompt.first_placeholder,
                                  .max_length = (int)k->config.prompt.max_length,
                                  .reference = k->config.reference.form};
    if (t->form.max_length > k->model.positions) t->form.max_length = (int)k->model.positions;
    TRY(dataset_open(data, &one, &t->form, &k->data));
    if (strcmp(dataset_vocabulary_digest(k->data), k->bank.state.vocabulary_digest) != 0)
        return fault(ST_INPUT, "%s: imported with another vocabulary (%s) than the data of the checkpoint %s (%s)",
                     data, dataset_vocabulary_digest(k->data), k->checkpoint, k->bank.state.vocabulary_digest);
    description = dataset_description(k->data, 0, &t->description_bytes);
    TRY(mem_keep_text(&out->keep, description, t->description_bytes, &t->description));
    TRY(meta_parse(data, t->description, t->description_bytes, &t->meta));
    t->product = k->config.reference.product;
    t->method = "zero-shot";
    t->seed = k->config.seed;
    t->dev = NAN;
    return input_rule_init(&t->meta, &t->form, &t->rule);
}

static status load_config(const char *folder, const char *model, const char *data, struct look *k,
                          struct pretrained_task *seen)
{
    char path[CHECKPOINT_PATH_BYTES];

    TRY(checkpoint_config(folder, path));
    TRY(options_load(pretrain_options, pretrain_option_count, &k->config, path, NULL, 0, &k->options));
    TRY(file_keep_path(seen->model, sizeof seen->model, model[0] ? model : k->config.model));
    return file_keep_path(seen->data, sizeof seen->data, data[0] ? data : k->config.data);
}

static status load_task(const char *checkpoint, const char *model, const char *data, const char *id, struct look *k,
                        struct pretrained_task *seen, struct tuned *out)
{
    char folder[CHECKPOINT_PATH_BYTES];
    struct model_source *source;
    int task;

    TRY(checkpoint_resolve(checkpoint, folder));
    TRY(load_config(folder, model, data, k, seen));
    TRY(model_source_open(seen->model, &source));
    k->model = *model_source_config(source);
    model_source_close(&source);
    TRY(bank_open(folder, &k->model, &k->bank));
    TRY(find_task(&k->bank, checkpoint, id, &task));
    TRY(mem_keep_new(&out->keep, 1, sizeof *out->task, &out->task));
    out->count = 1;
    TRY(describe(k, seen->data, k->bank.state.tasks[task].name, out, out->task));
    if (strlen(k->bank.state.encoder_digest) != 32) return fault(ST_INPUT, "%s: its encoder digest is none", folder);
    memcpy(out->encoder_digest, k->bank.state.encoder_digest, 33);
    memcpy(out->vocabulary_digest, k->bank.state.vocabulary_digest, 33);
    out->encoder_layers = (int32_t)k->model.layers;
    out->hidden = k->bank.hidden;
    return compose(&k->bank, task, out, out->task);
}

status pretrained_task_load(const char *checkpoint, const char *model, const char *data, const char *id,
                            struct pretrained_task *seen, struct tuned *out)
{
    struct look k = {.checkpoint = checkpoint};
    status s;

    memset(out, 0, sizeof *out);
    s = load_task(checkpoint, model, data, id, &k, seen, out);
    bank_close(&k.bank);
    dataset_close(&k.data);
    options_fini(&k.options);
    if (s != ST_OK) tuned_fini(out);
    return s;
}
