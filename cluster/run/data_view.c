#include "cluster/run/data_view.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"

#define AT(field) offsetof(struct data_view, config.field) - offsetof(struct data_view, config)
static const struct option table[] = {
    {"data", OPTION_TEXT, AT(data), NULL, 0, 0, AFFECTS_PLACEMENT, "", "folder of the imported tasks (mp2 data import)", NULL},
    {"vocab", OPTION_TEXT, AT(vocab), "", 0, 0, AFFECTS_PLACEMENT, "", "vocab.txt, to show tokens as text", NULL},
    {"tasks", OPTION_LIST, AT(tasks), "", 0, 0, AFFECTS_RESULT, "", "ids of tasks; empty: every upstream task that was imported", NULL},
    {"task", OPTION_TEXT, AT(task), "", 0, 0, AFFECTS_RESULT, "", "one task, instead of tasks", NULL},
    {"split", OPTION_TEXT, AT(split), "train", 0, 0, AFFECTS_RESULT, "", "train, dev, test or pool", NULL},
    {"rows", OPTION_INT, AT(rows), "3", 1, 1e15, AFFECTS_LIMIT, "rows", "how many rows to show", NULL},
    {"prompt.tokens", OPTION_INT, AT(tokens), "50", 0, 4096, AFFECTS_RESULT, "tokens", "length of the prompt", NULL},
    {"prompt.first_placeholder", OPTION_INT, AT(first_placeholder), "1000", 0, 1e9, AFFECTS_RESULT, "", "vocabulary id at the prompt's first position", NULL},
    {"prompt.max_length", OPTION_INT, AT(max_length), "512", 8, 65536, AFFECTS_RESULT, "tokens", "longest input, prompt included", NULL},
    {"reference.form", OPTION_CHOICE, AT(form), "right", 0, 0, AFFECTS_RESULT, "", "inputs and labels: ours, as in the authors' logged run, as in their published code", "right|run|head"},
};
enum { ROWS = sizeof table / sizeof *table };

void data_view_help(void)
{
    options_help(table, ROWS, stdout);
}

/* A word that names a file is the configuration, another one the task. */
static status read_words(struct data_view *v, int task_word, const char **config)
{
    const char *task = NULL;

    for (int i = 0; i < v->args.word_count; i++) {
        const char *word = v->args.words[i];
        size_t n = strlen(word);
        if (!*config && (!task_word || (n > 5 && strcmp(word + n - 5, ".yaml") == 0))) *config = word;
        else if (task_word && !task) task = word;
        else return fault(ST_USAGE, "found \"%.60s\", expected an option (--key value)", word);
    }
    TRY(options_load(table, ROWS, &v->config, *config, v->args.sets, v->args.set_count, &v->options));
    if (task) v->config.task = task;
    return ST_OK;
}

static status open_dataset(struct data_view *v)
{
    const struct option_list one = {1, &v->config.task};
    const struct input_form form = {(int)v->config.tokens, (int32_t)v->config.first_placeholder, (int)v->config.max_length,
                                    v->config.form};

    return dataset_open(v->config.data, v->config.task[0] ? &one : &v->config.tasks, &form, &v->dataset);
}

status data_view_open(int argc, char **argv, int task_word, struct data_view *out)
{
    const char *config = NULL;
    status s;

    memset(out, 0, sizeof *out);
    TRY(args_parse(argc, argv, 1 + task_word, &out->args));
    s = read_words(out, task_word, &config);
    if (s == ST_OK) s = open_dataset(out);
    if (s != ST_OK) data_view_close(out);
    return s;
}

void data_view_close(struct data_view *v)
{
    dataset_close(&v->dataset);
    options_fini(&v->options);
    args_fini(&v->args);
}

status data_view_split(const struct data_view *v, enum split *out)
{
    if (split_parse(v->config.split, out) == 0) return ST_OK;
    return fault(ST_USAGE, "--split: found \"%.40s\", expected train, dev, test or pool", v->config.split);
}
