/* mp2 checkpoint import FILE --out RUN: the reference's best.th as a checkpoint of ours. Values are copied from
 * the mapped file; what the file does not say (tasks, encoder, vocabulary, steps) comes from the options. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/digest.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/options.h"
#include "coordinator/command/args.h"
#include "coordinator/command/checkpoint/commands.h"
#include "coordinator/command/checkpoint/rows.h"
#include "cluster/store/checkpoint.h"
#include "cluster/store/torch/prompts.h"
#include "coordinator/text/vocabulary.h"
#include "worker/model/source.h"

struct torch_import_config {
    const char *out, *model, *catalogue;
    struct option_list without;
    int optimizer, form;
    int64_t step, first_placeholder;
};

#define AT(field) offsetof(struct torch_import_config, field)
static const struct option table[] = {
    TEXT_OPTION("out", AT(out), NULL, RESULT, "folder to put step-N into, made when missing"),
    TEXT_OPTION("model", AT(model), "", RESULT,
                "folder of the encoder it was trained with: its digests are recorded, sizes compared"),
    TEXT_OPTION("catalogue", AT(catalogue), "configs/tasks", RESULT, "folder of the tasks' entries"),
    LIST_OPTION("without", AT(without), "", RESULT,
                "upstream tasks that have no row, as one in the 37-row files of the published deep code"),
    BOOL_OPTION("optimizer", AT(optimizer), "false", RESULT, "with the moments of AdamW"),
    CHOICE_OPTION("form", AT(form), "head", "right|run|head", RESULT,
                  "whose label words it was trained with: ours, the authors' logged run's, their published code's"),
    INT_OPTION("step", AT(step), "0", 0, 1e15, RESULT, "", "steps done, which the file does not say"),
    INT_OPTION("prompt.first_placeholder", AT(first_placeholder), "1000", 0, 1e9, RESULT, "",
               "vocabulary id at the prompt's first position"),
};
enum { ROWS = sizeof table / sizeof *table };

size_t cmd_checkpoint_import_options(const struct option **rows)
{
    *rows = table;
    return ROWS;
}

struct import {
    const struct torch_import_config *config;
    struct torch_prompts file;
    struct prompts_sizes sizes;
    struct checkpoint_rows rows;
    uint32_t *placeholders;
    int64_t *counts;
    char encoder[DIGEST_TEXT], vocabulary[DIGEST_TEXT];
    struct checkpoint_tensor tensors[3 * PROMPTS_TENSORS + 1];
    size_t tensor_count;
    struct mem_keep keep; /* copies of tensors that are not plain floats in a row */
};

static status name_rows(struct import *m)
{
    const struct torch_import_config *c = m->config;

    TRY(checkpoint_rows_load(c->catalogue, &c->without, c->form, &m->rows));
    if ((int64_t)m->rows.count == m->sizes.tasks) return ST_OK;
    return fault(
        ST_INPUT,
        "%s: %lld router rows, expected %zu (the upstream tasks of %s%s); name tasks without a row by --without",
        m->file.file.path, (long long)m->sizes.tasks, m->rows.count, c->catalogue,
        c->without.count ? " less those of --without" : "");
}

/* ---- the encoder ------------------------------------------------------------------------------------------------- */

static status check_model(struct import *m, const struct model_source *model)
{
    const struct model_config *c = model_source_config(model);

    if (m->sizes.hidden != c->hidden || (m->sizes.layers != 1 && m->sizes.layers != c->layers))
        return fault(ST_INPUT, "%s: prompts of %lld layers and width %lld, the encoder in %s has %lld and %lld",
                     m->file.file.path, (long long)m->sizes.layers, (long long)m->sizes.hidden,
                     model_source_folder(model), (long long)c->layers, (long long)c->hidden);
    return model_source_digest(model, m->encoder);
}

static status read_model(struct import *m)
{
    struct model_source *model;
    struct vocabulary *vocabulary;
    status s;

    if (!m->config->model[0]) return ST_OK;
    TRY(model_source_open(m->config->model, &model));
    s = check_model(m, model);
    model_source_close(&model);
    TRY(s);
    TRY(vocabulary_load(m->config->model, &vocabulary));
    snprintf(m->vocabulary, sizeof m->vocabulary, "%s", vocabulary_digest(vocabulary));
    vocabulary_destroy(&vocabulary);
    return ST_OK;
}

/* ---- the tensors ------------------------------------------------------------------------------------------------- */

static status add_tensor(struct import *m, const char *file, const char *name, const struct tensor *from)
{
    struct checkpoint_tensor *t = &m->tensors[m->tensor_count++];
    void *data = (void *)(uintptr_t)from->data;

    if (from->type != TENSOR_F32 || !tensor_is_row_major(from)) {
        TRY(mem_keep_new(&m->keep, (size_t)from->count, sizeof(float), &data));
        TRY(tensor_read_f32(m->file.file.path, from, 0, from->count, data));
    }
    *t = (struct checkpoint_tensor){
        .file = file, .spec = {name, TENSOR_F32, from->rank, {0}}, .part = part_whole(from->count, data)};
    memcpy(t->spec.shape, from->shape, sizeof t->spec.shape);
    return ST_OK;
}

/* Every row of the reference's router has had every update. */
static status add_counts(struct import *m)
{
    TRY(mem_alloc((size_t)m->sizes.tasks, sizeof *m->counts, &m->counts));
    for (int64_t i = 0; i < m->sizes.tasks; i++) m->counts[i] = m->file.tensors.router_steps;
    m->tensors[m->tensor_count++] = (struct checkpoint_tensor){
        .file = "optimizer.safetensors",
        .spec = {"router.count", TENSOR_I64, 1, {m->sizes.tasks}},
        .part = part_whole(m->sizes.tasks, m->counts)};
    return ST_OK;
}

/* In the order in which pre-training writes them. */
static status list_tensors(struct import *m)
{
    static const enum prompts_tensor order[PROMPTS_TENSORS] = {PROMPTS_A, PROMPTS_HEAD, PROMPTS_ROUTER, PROMPTS_Z};
    static const char *const names[PROMPTS_TENSORS][3] = {{"A", "A.m", "A.v"},
                                                          {"head.weight", "head.weight.m", "head.weight.v"},
                                                          {"router", "router.m", "router.v"},
                                                          {"z", "z.m", "z.v"}};
    const struct prompts_tensors *t = &m->file.tensors;

    for (int i = 0; i < PROMPTS_TENSORS; i++)
        TRY(add_tensor(m, "prompts.safetensors", names[i][0], &t->value[order[i]]));
    if (!t->optimizer) return ST_OK;
    TRY(add_counts(m));
    for (int i = 0; i < PROMPTS_TENSORS; i++) {
        TRY(add_tensor(m, "optimizer.safetensors", names[i][1], &t->m[order[i]]));
        TRY(add_tensor(m, "optimizer.safetensors", names[i][2], &t->v[order[i]]));
    }
    return ST_OK;
}

static status write_checkpoint(struct import *m, struct comm *c)
{
    const struct torch_import_config *config = m->config;
    struct state_value values[2] = {
        {.name = "applied",
         .type = STATE_WHOLE,
         .whole = m->file.tensors.optimizer ? m->file.tensors.steps : config->step},
        {.name = "form", .type = STATE_WHOLE, .whole = config->form},
    };
    struct state state = {.kind = "pretrain",
                          .step = (uint64_t)config->step,
                          .vocabulary_digest = m->vocabulary,
                          .encoder_digest = m->encoder,
                          .precision = "f32",
                          .libraries = "imported from a torch file",
                          .task_count = m->rows.count,
                          .tasks = m->rows.tasks,
                          .layers = (uint32_t)m->sizes.layers,
                          .modules = (uint32_t)m->sizes.modules,
                          .intrinsic = (uint32_t)m->sizes.intrinsic,
                          .prompt_tokens = (uint32_t)(m->sizes.columns / m->sizes.hidden),
                          .hidden = (uint32_t)m->sizes.hidden,
                          .tau = 1,
                          .placeholder_count = (size_t)(m->sizes.columns / m->sizes.hidden),
                          .separator = "，",
                          .value_count = 2,
                          .values = values};

    TRY(mem_alloc(state.placeholder_count, sizeof *m->placeholders, &m->placeholders));
    for (size_t i = 0; i < state.placeholder_count; i++)
        m->placeholders[i] = (uint32_t)(config->first_placeholder + (int64_t)i);
    state.placeholders = m->placeholders;
    TRY(list_tensors(m));
    TRY(file_make_folder(config->out));
    TRY(checkpoint_write(c, config->out, &state, m->tensors, m->tensor_count));
    printf("%s/step-%" PRId64 ": %" PRId64 " layers, %" PRId64 " modules, %" PRId64 " tokens, router rows:\n",
           config->out, config->step, m->sizes.layers, m->sizes.modules, (int64_t)state.placeholder_count);
    for (size_t i = 0; i < state.task_count; i++) printf("%4zu %s\n", i, state.tasks[i].name);
    return ST_OK;
}

static status run_open(struct import *m)
{
    struct comm c;
    status s;

    m->sizes = torch_prompts_sizes(&m->file.tensors);
    TRY(name_rows(m));
    TRY(read_model(m));
    TRY(comm_init(&c));
    s = c.size == 1 ? write_checkpoint(m, &c) : fault(ST_USAGE, "checkpoint import is for one process");
    comm_fini(&c, s);
    return s;
}

static status import_file(const struct args *args, void *options)
{
    const struct torch_import_config *config = options;
    struct import m = {.config = config};
    status s;

    TRY(torch_prompts_open(args->words[0], config->optimizer, &m.file));
    s = run_open(&m);
    mem_keep_free(&m.keep);
    mem_free(m.counts);
    mem_free(m.placeholders);
    checkpoint_rows_free(&m.rows);
    torch_prompts_close(&m.file);
    return s;
}

status cmd_checkpoint_import(int argc, char **argv)
{
    const struct args_form form = {
        .words = {1, 1, "mp2 checkpoint import FILE --out RUN [--model DIR] [--without ID] [--optimizer]"},
        .table = table,
        .count = ROWS};
    struct torch_import_config config;

    return args_run(argc, argv, &form, &config, import_file);
}
