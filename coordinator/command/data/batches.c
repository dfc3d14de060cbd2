/* mp2 data batches CONFIG --steps N: what `mp2 pretrain CONFIG` draws, a JSON object a step and group, so that another
 * program can be trained on the same rows with the same router noise. */
#include <inttypes.h>
#include <stdio.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/data/commands.h"
#include "coordinator/command/data/view.h"
#include "coordinator/pretrain/schedule.h"
#include "worker/model/source.h"

struct drawing {
    const struct data_view *view;
    struct schedule *schedule;
    int64_t *rows_of_task, *rows;
    double *uniform;
    int layers, modules;
};

/* Layers of the prompt bank: the encoder's, or one. */
static status count_layers(struct drawing *d)
{
    const struct pretrain_config *run = &d->view->run;
    struct model_source *model;

    d->layers = 1;
    d->modules = (int)run->prompt.modules;
    if (run->prompt.depth == DEPTH_SHALLOW) return ST_OK;
    if (!run->model[0]) return fault(ST_INPUT, "model is missing: deep prompts have as many layers as the encoder");
    TRY(model_source_open(run->model, &model));
    d->layers = (int)model_source_config(model)->layers;
    model_source_close(&model);
    return ST_OK;
}

static status open_schedule(struct drawing *d)
{
    const struct pretrain_config *run = &d->view->run;
    int tasks = dataset_tasks(d->view->dataset);

    TRY(count_layers(d));
    TRY(mem_alloc((size_t)tasks, sizeof *d->rows_of_task, &d->rows_of_task));
    for (int t = 0; t < tasks; t++) {
        d->rows_of_task[t] = dataset_rows(d->view->dataset, t, SPLIT_TRAIN);
        if (d->rows_of_task[t] == 0)
            return fault(ST_INPUT, "%s: task %s has no training rows", run->data,
                         dataset_task(d->view->dataset, t)->id);
    }
    TRY(schedule_new((uint64_t)run->seed, tasks, (int)run->train.groups, (int)run->train.batch, d->rows_of_task,
                     &d->schedule));
    TRY(mem_alloc((size_t)run->train.batch, sizeof *d->rows, &d->rows));
    return mem_alloc((size_t)d->layers * (size_t)d->modules, sizeof *d->uniform, &d->uniform);
}

static void print_group(struct drawing *d, int64_t step, int group)
{
    int task = schedule_rows(d->schedule, group, d->rows);

    schedule_noise(d->schedule, step - 1, group, d->layers, d->modules, d->uniform);
    printf("{\"step\":%" PRId64 ",\"group\":%d,\"task\":\"%s\",\"rows\":[", step, group,
           dataset_task(d->view->dataset, task)->id);
    for (int i = 0; i < d->schedule->batch; i++) printf("%s%" PRId64, i ? "," : "", d->rows[i]);
    printf("],\"router_uniform\":[");
    for (int l = 0; l < d->layers; l++)
        for (int k = 0; k < d->modules; k++)
            printf("%s%.17g%s",
                   k   ? ","
                   : l ? ",["
                       : "[",
                   d->uniform[l * d->modules + k], k + 1 < d->modules ? "" : "]");
    puts("]}");
}

static status draw_steps(const struct data_view *view)
{
    struct drawing d = {.view = view};
    status s = open_schedule(&d);

    for (int64_t step = 1; s == ST_OK && step <= view->own.steps; step++) {
        schedule_seek(d.schedule, step - 1);
        for (int g = 0; g < d.schedule->groups; g++) print_group(&d, step, g);
        if (ferror(stdout)) s = fault(ST_IO, "standard output cannot be written");
    }
    schedule_destroy(&d.schedule);
    mem_free(d.rows_of_task);
    mem_free(d.rows);
    mem_free(d.uniform);
    return s;
}

status cmd_data_batches(int argc, char **argv)
{
    return data_view_run(argc, argv, VIEW_UPSTREAM, draw_steps);
}
