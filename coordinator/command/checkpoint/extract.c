/* mp2 checkpoint extract CHECKPOINT --task ID --out NAME: a task that pre-training has seen, as a tuned file. */
#include <stddef.h>
#include <stdio.h>

#include "cluster/base/options.h"
#include "coordinator/command/args.h"
#include "coordinator/command/checkpoint/commands.h"
#include "coordinator/predict/pretrained_task.h"

struct extract_config {
    const char *out, *task, *model, *data;
};

#define AT(field) offsetof(struct extract_config, field)
static const struct option table[] = {
    TEXT_OPTION("out", AT(out), NULL, RESULT, "name of the tuned file: NAME.safetensors and NAME.json are written"),
    TEXT_OPTION("task", AT(task), "", RESULT, "id of the task; empty: the only one"),
    TEXT_OPTION("model", AT(model), "", PLACEMENT, "folder of the encoder; empty: the run's"),
    TEXT_OPTION("data", AT(data), "", PLACEMENT, "folder of the imported tasks; empty: the run's"),
};
enum { ROWS = sizeof table / sizeof *table };

size_t cmd_checkpoint_extract_options(const struct option **rows)
{
    *rows = table;
    return ROWS;
}

static status extract_task(const struct args *args, void *options)
{
    const struct extract_config *c = options;
    struct tuned tuned;
    struct pretrained_task seen;
    status s;

    TRY(pretrained_task_load(args->words[0], c->model, c->data, c->task, &seen, &tuned));
    s = tuned_save(c->out, &tuned);
    if (s == ST_OK) printf("%s: task %s\n", c->out, tuned.task[0].meta.id);
    tuned_fini(&tuned);
    return s;
}

status cmd_checkpoint_extract(int argc, char **argv)
{
    const struct args_form form = {
        .words = {1, 1, "mp2 checkpoint extract CHECKPOINT --task ID --out NAME"}, .table = table, .count = ROWS};
    struct extract_config config;

    return args_run(argc, argv, &form, &config, extract_task);
}
