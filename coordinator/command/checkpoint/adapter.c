/* mp2 checkpoint export-adapter TUNED --out DIR: a tuned task as a folder for Python:
 *     adapter.safetensors   prompt (layers,P,H): to be added to positions 1 … P of the input of the first layers, as
 * many as it has; head.weight (2,H): start and end logit of a position's last hidden state adapter.json          how
 * texts become inputs: ids of the template's fixed words, fields, options, placeholders
 * tests/reference/adapter_example.py puts it on a transformers model. Token types are all 1. Hugging Face's PEFT has no
 * method that adds to tokens inside the layers (its prompts and prefixes stand before the text, as tokens or keys of
 * their own), so it cannot load this, and the folder does not look as if it could. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/options.h"
#include "coordinator/command/args.h"
#include "coordinator/command/checkpoint/commands.h"
#include "cluster/store/safetensors.h"
#include "coordinator/tune/tuned.h"

struct adapter_config {
    const char *out, *task;
};

#define AT(field) offsetof(struct adapter_config, field)
static const struct option table[] = {
    TEXT_OPTION("out", AT(out), NULL, RESULT, "folder to write"),
    TEXT_OPTION("task", AT(task), "", RESULT, "id of the task; empty: the only one"),
};
enum { ROWS = sizeof table / sizeof *table };

size_t cmd_checkpoint_export_adapter_options(const struct option **rows)
{
    *rows = table;
    return ROWS;
}

static json_t *ids_of(const struct ids *ids)
{
    json_t *list = json_array();

    for (int i = 0; i < ids->count; i++) json_array_append_new(list, json_integer(ids->id[i]));
    return list;
}

static json_t *template_of(const struct tuned_task *t)
{
    const struct meta_wording *w = t->rule.wording;
    json_t *list = json_array();

    for (int i = 0; i < w->parts; i++)
        json_array_append_new(list, w->part[i].field < 0
                                        ? json_pack("{s:o}", "ids", ids_of(&w->part[i].ids))
                                        : json_pack("{s:s}", "field", t->meta.field[w->part[i].field]));
    return list;
}

static json_t *options_of(const struct tuned_task *t)
{
    const struct meta_wording *w = t->rule.wording;
    json_t *list = json_array();

    for (int i = 0; i < w->labels; i++)
        json_array_append_new(list, json_pack("{s:s,s:o}", "text", w->words[i], "ids", ids_of(&w->label[i].ids)));
    return list;
}

static json_t *describe(const struct tuned *f, const struct tuned_task *t)
{
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:i}", "form", "prompt added inside the layers", "task_id",
                          t->meta.id, "kind", task_kind_text(t->meta.kind), "method", t->method, "num_virtual_tokens",
                          t->form.prompt, "num_layers", t->layers, "token_dim", f->hidden);

    json_object_set_new(o, "num_base_layers", json_integer(f->encoder_layers));
    json_object_set_new(o, "first_placeholder_id", json_integer(t->form.first_placeholder));
    json_object_set_new(o, "max_length", json_integer(t->form.max_length));
    json_object_set_new(o, "token_type_id", json_integer(1));
    json_object_set_new(o, "cls_id", json_integer(t->meta.cls));
    json_object_set_new(o, "sep_id", json_integer(t->meta.sep));
    json_object_set_new(o, "separator_id", json_integer(t->meta.comma));
    json_object_set_new(o, "template", template_of(t));
    json_object_set_new(o, "options", options_of(t));
    json_object_set_new(o, "encoder_digest", json_string(f->encoder_digest));
    json_object_set_new(o, "vocabulary_digest", json_string(f->vocabulary_digest));
    return o;
}

static status write_config(const char *folder, const struct tuned *f, const struct tuned_task *t)
{
    char path[4096], *text;
    json_t *o = describe(f, t);
    status s;

    text = json_dumps(o, JSON_INDENT(1));
    s = text ? file_join(path, sizeof path, folder, "adapter.json") : fault(ST_MEMORY, "out of memory: an adapter");
    if (s == ST_OK) s = file_replace(path, text, strlen(text));
    json_decref(o);
    free(text);
    return s;
}

static status write_folder(const char *folder, const struct tuned *f, const struct tuned_task *t)
{
    const struct tensor_spec specs[] = {{"prompt", TENSOR_F32, 3, {t->layers, t->form.prompt, f->hidden}},
                                        {"head.weight", TENSOR_F32, 2, {2, f->hidden}}};
    const void *const data[] = {t->prompt, t->head};
    char path[4096];

    if (!t->prompt) return fault(ST_INPUT, "task %s: its encoder was tuned, there is no prompt to export", t->meta.id);
    TRY(file_make_folder(folder));
    TRY(file_join(path, sizeof path, folder, "adapter.safetensors"));
    TRY(safetensors_write(path, specs, 2, NULL, 0, data));
    return write_config(folder, f, t);
}

static status export_adapter(const struct args *args, void *options)
{
    const struct adapter_config *c = options;
    const struct tuned_task *t;
    struct tuned f;
    status s;

    TRY(tuned_load(args->words[0], &f));
    s = tuned_choose(&f, args->words[0], c->task, &t);
    if (s == ST_OK) s = write_folder(c->out, &f, t);
    if (s == ST_OK) printf("%s: task %s\n", c->out, t->meta.id);
    tuned_fini(&f);
    return s;
}

status cmd_checkpoint_export_adapter(int argc, char **argv)
{
    const struct args_form form = {
        .words = {1, 1, "mp2 checkpoint export-adapter TUNED --out DIR [--task ID]"}, .table = table, .count = ROWS};
    struct adapter_config config;

    return args_run(argc, argv, &form, &config, export_adapter);
}
