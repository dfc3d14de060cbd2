/* mp2 checkpoint export CHECKPOINT --out FILE: a pre-training checkpoint as the reference saves it. The tensors are
 * written from the mapped files; nothing is held in memory. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/file.h"
#include "cluster/base/options.h"
#include "coordinator/command/args.h"
#include "coordinator/command/checkpoint/commands.h"
#include "cluster/store/checkpoint.h"
#include "cluster/store/prompts_file.h"
#include "cluster/store/torch/prompts.h"

struct export_config {
    const char *out;
    int optimizer;
    double router_rate, other_rate;
};

#define AT(field) offsetof(struct export_config, field)
static const struct option table[] = {
    TEXT_OPTION("out", AT(out), NULL, RESULT, "file to write, such as best.th"),
    BOOL_OPTION("optimizer", AT(optimizer), "false", RESULT, "with the moments of AdamW"),
    REAL_OPTION("rate.router", AT(router_rate), "5e-4", 0, 1, RESULT, "", "learning rate stated for the router"),
    REAL_OPTION("rate.other", AT(other_rate), "1e-4", 0, 1, RESULT, "", "learning rate stated for A, z and head"),
};
enum { ROWS = sizeof table / sizeof *table };

size_t cmd_checkpoint_export_options(const struct option **rows)
{
    *rows = table;
    return ROWS;
}

static status expect_like(const struct safetensors *file, const char *name, const struct tensor *like,
                          struct tensor *out)
{
    const struct tensor *t;

    TRY(safetensors_expect(file, name, TENSOR_F32, like->rank, like->shape, &t));
    *out = *t;
    return ST_OK;
}

/* The reference counts updates once for all rows; where idle rows were left alone, the rows' own counts are lost. */
static status read_counts(const struct safetensors *file, int64_t tasks, const struct state *state,
                          struct prompts_tensors *t)
{
    const struct state_value *applied = state_find(state, "applied");
    const struct tensor *rows;
    int64_t count, least = INT64_MAX;

    TRY(safetensors_expect(file, "router.count", TENSOR_I64, 1, &tasks, &rows));
    if (!applied || applied->type != STATE_WHOLE || applied->whole < 0)
        return fault(ST_INPUT, "%s: state.pb does not say how many updates were applied", file->path);
    for (int64_t i = 0; i < tasks; i++) {
        TRY(tensor_read_i64(file->path, rows, i, 1, &count));
        if (count < least) least = count;
        if (count > t->router_steps) t->router_steps = count;
    }
    t->steps = applied->whole;
    if (least != t->router_steps)
        log_warn("export-counts",
                 "rows=%" PRId64 "…%" PRId64 " why=\"router rows were updated unequally often; the file has "
                 "one count, the largest\"",
                 least, t->router_steps);
    return ST_OK;
}

static status add_optimizer(const struct safetensors *file, int64_t tasks, const struct state *state,
                            struct prompts_tensors *t)
{
    static const char *const names[PROMPTS_TENSORS][2] = {
        {"A.m", "A.v"}, {"z.m", "z.v"}, {"router.m", "router.v"}, {"head.weight.m", "head.weight.v"}};

    for (int i = 0; i < PROMPTS_TENSORS; i++) {
        TRY(expect_like(file, names[i][0], &t->value[i], &t->m[i]));
        TRY(expect_like(file, names[i][1], &t->value[i], &t->v[i]));
    }
    t->optimizer = 1;
    return read_counts(file, tasks, state, t);
}

static status write_file(const char *folder, const struct state *state, const struct prompts_file *p,
                         const struct export_config *c)
{
    struct prompts_tensors t = {.value = {*p->a, *p->z, *p->router, *p->head}};
    struct safetensors optimizer = {.count = 0};
    char path[CHECKPOINT_PATH_BYTES];
    status s = ST_OK;

    if (c->optimizer) {
        TRY(file_join(path, sizeof path, folder, "optimizer.safetensors"));
        TRY(safetensors_open(path, &optimizer));
        s = add_optimizer(&optimizer, p->tasks, state, &t);
    }
    if (s == ST_OK) s = torch_prompts_write(c->out, &t, p->layers == 1, c->router_rate, c->other_rate);
    safetensors_close(&optimizer);
    return s;
}

static status export_state(const char *folder, const struct state *state, const struct export_config *c)
{
    char path[CHECKPOINT_PATH_BYTES];
    struct prompts_file p;
    status s;

    TRY(file_join(path, sizeof path, folder, "prompts.safetensors"));
    TRY(prompts_file_open(path, 0, 0, &p));
    if (p.span_head != p.head)
        s = fault(ST_INPUT, "%s: a head of its own for spans (prompt.heads: kinds), the reference's file has one head",
                  path);
    else if ((size_t)p.tasks != state->task_count)
        s = fault(ST_INPUT, "%s: %lld router rows, state.pb names %zu tasks", path, (long long)p.tasks,
                  state->task_count);
    else s = write_file(folder, state, &p, c);
    if (s == ST_OK) {
        printf("%s: step %" PRIu64 ", %lld layers, %lld modules, %lld router rows:\n", c->out, state->step,
               (long long)p.layers, (long long)p.modules, (long long)p.tasks);
        for (size_t i = 0; i < state->task_count; i++) printf("%4zu %s\n", i, state->tasks[i].name);
    }
    prompts_file_close(&p);
    return s;
}

static status export_checkpoint(const struct args *args, void *options)
{
    const struct export_config *c = options;
    char folder[CHECKPOINT_PATH_BYTES];
    struct state state;
    status s;

    TRY(checkpoint_resolve(args->words[0], folder));
    TRY(checkpoint_verify(folder, NULL, NULL, &state));
    s = export_state(folder, &state, c);
    state_fini(&state);
    return s;
}

status cmd_checkpoint_export(int argc, char **argv)
{
    const struct args_form form = {
        .words = {1, 1, "mp2 checkpoint export CHECKPOINT --out FILE [--optimizer]"}, .table = table, .count = ROWS};
    struct export_config config;

    return args_run(argc, argv, &form, &config, export_checkpoint);
}
