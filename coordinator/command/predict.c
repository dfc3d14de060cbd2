/* mp2 predict TUNED|CHECKPOINT [FILE|-] [--set key=value …]: answers to raw text as JSON lines; alone or under mpirun.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "coordinator/predict/predict.h"
#include "coordinator/predict/pretrained_task.h"

/* The coordinator's files. */
struct desk {
    struct tuned tuned;
    struct pretrained_task seen;
    struct predict_source source;
    char model[4096];
    struct lines *lines;
    struct file_out out;
    FILE *to;
};

/* The encoder that a tuned file brings along, else the one that was named. */
static status find_model(struct desk *d, const char *path, const struct predict_config *config)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];

    if (!d->tuned.encoder) {
        if (!config->model[0])
            return fault(ST_USAGE, "expected --model, the folder of the encoder that the task was tuned over");
        return file_keep_path(d->model, sizeof d->model, config->model);
    }
    if (!slash) return file_keep_path(d->model, sizeof d->model, d->tuned.encoder);
    TRY(file_keep_path(folder, sizeof folder, path));
    folder[slash - path + 1] = 0;
    return file_join(d->model, sizeof d->model, folder, d->tuned.encoder);
}

static status open_source(struct desk *d, const char *path, const struct predict_config *config)
{
    if (tuned_is_file(path) || !file_is_folder(path)) {
        TRY(tuned_load(path, &d->tuned));
        TRY(find_model(d, path, config));
    } else {
        TRY(pretrained_task_load(path, config->model, config->data, config->task, &d->seen, &d->tuned));
        TRY(file_keep_path(d->model, sizeof d->model, d->seen.model));
    }
    d->source.tuned = &d->tuned;
    d->source.model = d->model;
    return tuned_choose(&d->tuned, path, config->task, &d->source.task);
}

static status open_desk(struct desk *d, const char *path, const char *file, const struct predict_config *config)
{
    TRY(open_source(d, path, config));
    TRY(lines_open(file, (enum line_form)config->input, &d->source.task->meta, &d->lines));
    d->to = stdout;
    if (!config->out[0]) return ST_OK;
    TRY(file_out_open(config->out, &d->out));
    d->to = d->out.stream;
    return ST_OK;
}

static status close_desk(struct desk *d, const struct predict_config *config, status s)
{
    if (d->to && config->out[0]) {
        if (s == ST_OK) s = file_out_commit(&d->out);
        else file_out_abandon(&d->out);
    }
    lines_close(&d->lines);
    tuned_fini(&d->tuned);
    return s;
}

static status answer_lines(struct comm *c, struct desk *d, const struct predict_config *config,
                           struct predict_result *result)
{
    struct predict predict;
    status s;

    TRY(predict_open(c, config, comm_is_coordinator(c) ? &d->source : NULL, &predict));
    s = predict_run(&predict, d->lines, d->to, result);
    predict_close(&predict);
    return s;
}

static status predict_command(struct comm *c, const struct args *a)
{
    const char *path = a->words[0], *file = a->words[1] ? a->words[1] : "-";
    struct predict_result result = {0};
    struct predict_config config = {0};
    struct options options;
    struct desk desk = {0};
    char *text = NULL;
    status s;

    TRY(args_load(c, a, NULL, predict_options, predict_option_count, &config, &options, &text));
    log_init(comm_is_coordinator(c) ? 'C' : 'W', c->rank, (enum log_level)config.log);
    s = comm_agree(c, comm_is_coordinator(c) ? open_desk(&desk, path, file, &config) : ST_OK);
    if (s == ST_OK) s = answer_lines(c, &desk, &config, &result);
    s = close_desk(&desk, &config, s);
    if (s == ST_OK && result.bad > 0)
        s = fault(ST_INPUT, "%s: %lld of %lld lines could not be asked", file, (long long)result.bad,
                  (long long)result.lines);
    free(text);
    options_fini(&options);
    return s;
}

status cmd_predict(int argc, char **argv)
{
    const struct args_words words = {1, 2, "mp2 predict TUNED|CHECKPOINT [FILE|-] [--model DIR] [--task ID] …"};

    return args_run_ranks(argc, argv, &words, predict_command);
}

size_t cmd_predict_options(const struct option **rows)
{
    *rows = predict_options;
    return predict_option_count;
}
