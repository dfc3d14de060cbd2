/* Options of two tables on one command line: those of the run, which come from its file too, and our own. */
#include "coordinator/command/data/view.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "coordinator/text/vocabulary.h"
#include "worker/model/source.h"

#define AT(field) offsetof(struct data_view, own.field) - offsetof(struct data_view, own)
static const struct option own_table[] = {
    TEXT_OPTION("task", AT(task), "", RESULT, "one task, instead of tasks"),
    TEXT_OPTION("split", AT(split), "train", RESULT, "train, dev, test or pool"),
    INT_OPTION("rows", AT(rows), "3", 1, 1e15, LIMIT, "rows", "how many rows to show"),
    INT_OPTION("steps", AT(steps), "1", 1, 1e12, LIMIT, "steps", "batches: how many steps"),
    TEXT_OPTION("vocab", AT(vocab), "", PLACEMENT, "vocabulary, to show tokens as text; empty: the model's"),
};
enum { OWN_ROWS = sizeof own_table / sizeof *own_table };

size_t data_view_options(const struct option **rows)
{
    *rows = own_table;
    return OWN_ROWS;
}

static int is_own(const char *set)
{
    size_t n = strcspn(set, "=");

    for (int i = 0; i < OWN_ROWS; i++)
        if (strlen(own_table[i].name) == n && memcmp(own_table[i].name, set, n) == 0) return 1;
    return 0;
}

/* Without a file, what a run must say and we do not need is filled in. */
static status load_options(struct data_view *v, const char *config)
{
    const char **own, **run;
    size_t owns = 0, runs = 0;

    TRY(mem_keep_new(&v->args.keep, v->args.set_count + 1, sizeof *own, &own));
    TRY(mem_keep_new(&v->args.keep, v->args.set_count + 3, sizeof *run, &run));
    if (!config) run[runs++] = "run=-", run[runs++] = "model=-";
    for (size_t i = 0; i < v->args.set_count; i++) {
        if (is_own(v->args.sets[i])) own[owns++] = v->args.sets[i];
        else run[runs++] = v->args.sets[i];
    }
    TRY(options_load(own_table, OWN_ROWS, &v->own, NULL, own, owns, &v->own_options));
    return options_load(pretrain_options, pretrain_option_count, &v->run, config, run, runs, &v->run_options);
}

/* A word that ends in .yaml is the configuration, another one the task. */
static status read_words(struct data_view *v, int task_word)
{
    const char *task = NULL, *config = NULL;

    for (int i = 0; i < v->args.word_count; i++) {
        const char *word = v->args.words[i];
        size_t n = strlen(word);
        if (!config && (!task_word || (n > 5 && strcmp(word + n - 5, ".yaml") == 0))) config = word;
        else if (task_word && !task) task = word;
        else return fault(ST_USAGE, "found \"%.60s\", expected an option (--key value)", word);
    }
    TRY(load_options(v, config));
    if (task) v->own.task = task;
    return ST_OK;
}

/* As `mp2 pretrain` has it: never longer than the encoder's positions. */
static status longest(const struct pretrain_config *run, int *most)
{
    struct model_source *model;

    if (strcmp(run->model, "-") == 0 || !file_is_folder(run->model)) return ST_OK;
    TRY(model_source_open(run->model, &model));
    if (*most > model_source_config(model)->positions) *most = (int)model_source_config(model)->positions;
    model_source_close(&model);
    return ST_OK;
}

static status open_dataset(struct data_view *v, enum view_scope scope)
{
    const struct prompt_config *p = &v->run.prompt;
    const struct option_list one = {1, &v->own.task};
    struct input_form form = {(int)p->tokens, (int32_t)p->first_placeholder, (int)p->max_length, v->run.reference.form};

    TRY(longest(&v->run, &form.max_length));
    if (v->own.task[0]) return dataset_open(v->run.data, &one, &form, &v->dataset);
    return dataset_open(v->run.data, scope == VIEW_EVERY && v->run.tasks.count == 0 ? NULL : &v->run.tasks, &form,
                        &v->dataset);
}

static status open_view(int argc, char **argv, enum view_scope scope, struct data_view *v)
{
    TRY(args_parse(argc, argv, scope == VIEW_TASK_WORD ? 2 : 1, &v->args));
    TRY(read_words(v, scope == VIEW_TASK_WORD));
    return open_dataset(v, scope);
}

status data_view_run(int argc, char **argv, enum view_scope scope, status (*run)(const struct data_view *view))
{
    struct data_view view = {0};
    status s = open_view(argc, argv, scope, &view);

    if (s == ST_OK) s = run(&view);
    dataset_close(&view.dataset);
    options_fini(&view.run_options);
    options_fini(&view.own_options);
    args_fini(&view.args);
    return s;
}

status data_view_split(const struct data_view *v, enum split *out)
{
    if (split_parse(v->own.split, out) == 0) return ST_OK;
    return fault(ST_USAGE, "--split: found \"%.40s\", expected train, dev, test or pool", v->own.split);
}

status data_view_vocabulary(const struct data_view *v, struct vocabulary **out)
{
    const char *path = v->own.vocab[0] ? v->own.vocab : v->run.model;

    if (strcmp(path, "-") == 0) return fault(ST_USAGE, "expected --vocab FILE or --model DIR, to show tokens as text");
    TRY(vocabulary_load(path, out));
    if (strcmp(vocabulary_digest(*out), dataset_vocabulary_digest(v->dataset)) == 0) return ST_OK;
    vocabulary_destroy(out);
    return fault(ST_INPUT, "%s: is not the vocabulary that the tasks were imported with", path);
}
