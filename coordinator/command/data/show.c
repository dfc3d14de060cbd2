/* mp2 data show TASK: rows as the model will see them, tokens as text with marks:
 *     ‹P x50›    the prompt's placeholders         [1 …]  an option; [1 …]* the right one
 *     «…»        the answer to extract */
#include <inttypes.h>
#include <stdio.h>

#include "cluster/base/log.h"
#include "coordinator/command/data/commands.h"
#include "coordinator/command/data/view.h"
#include "coordinator/text/vocabulary.h"

static void print_token(const struct vocabulary *v, int32_t id, int *glue)
{
    size_t n = 0;
    const char *text = vocabulary_text(v, id, &n);
    int latin;

    if (!text) return;
    if (n > 2 && text[0] == '#' && text[1] == '#') text += 2, *glue = 1;
    latin = (text[0] >= '0' && text[0] <= '9') || (text[0] >= 'a' && text[0] <= 'z');
    printf("%s%s", latin && *glue == 0 ? " " : "", text);
    *glue = !latin;
}

static void print_marks(const struct example *e, int32_t at, int opening)
{
    for (int i = 0; i < e->options; i++) {
        if (opening && e->option[i][0] == at) printf("[%d ", i);
        if (!opening && e->option[i][1] == at) printf("]%s", i == e->label ? "*" : "");
    }
    if (e->options == 0 && opening && e->start == at) printf("«");
    if (e->options == 0 && !opening && e->end == at) printf("»");
}

static void print_example(const struct vocabulary *v, const struct input_form *form, const struct example *e)
{
    int glue = 1;

    for (int32_t i = 0; i < e->length; i++) {
        if (i == 1 && form->prompt > 0) {
            printf("‹P x%d›", form->prompt);
            i += form->prompt;
            glue = 1;
        }
        if (i >= e->length) break;
        print_marks(e, i, 1);
        print_token(v, e->ids[i], &glue);
        print_marks(e, i, 0);
    }
    printf("\n");
}

static status show_rows(const struct data_view *view, const struct vocabulary *v, enum split split)
{
    const struct input_form form = {.prompt = (int)view->run.prompt.tokens};
    const struct dataset *d = view->dataset;
    const struct task *t = dataset_task(d, 0);
    int64_t rows = dataset_rows(d, 0, split);
    struct example_buffer buffer = {0};
    struct example e;
    status s = ST_OK;

    printf("%s (%s), %s, %s: %" PRId64 " rows, %" PRId64 " shortened, %" PRId64 " too long\n", t->id, t->name,
           task_kind_text(t->kind), split_text(split), rows, dataset_shortened(d, 0, split),
           dataset_dropped(d, 0, split));
    if (t->labels) printf("labels %s\n", t->label_set);
    for (int64_t i = 0; i < rows && i < view->own.rows && s == ST_OK; i++) {
        s = dataset_example(d, 0, split, i, &buffer, &e);
        if (s != ST_OK) break;
        printf("\nrow %" PRId64 ": %" PRId32 " tokens, answer at %" PRId32 "..%" PRId32, i, e.length, e.start, e.end);
        if (e.options) printf(", option %d of %d\n", e.label, e.options);
        else
            printf(", context at %" PRId32 "..%" PRId32 ", %d accepted, %d windows\n", e.context_first, e.context_last,
                   e.gold_count, dataset_windows(d, 0, split, i));
        print_example(v, &form, &e);
    }
    example_buffer_fini(&buffer);
    return s;
}

static status show_task(const struct data_view *view)
{
    struct vocabulary *vocabulary;
    enum split split;
    status s;

    if (!view->own.task[0]) return fault(ST_USAGE, "mp2 data show: expected a task's id");
    TRY(data_view_split(view, &split));
    TRY(data_view_vocabulary(view, &vocabulary));
    s = show_rows(view, vocabulary, split);
    vocabulary_destroy(&vocabulary);
    return s;
}

status cmd_data_show(int argc, char **argv)
{
    return data_view_run(argc, argv, VIEW_TASK_WORD, show_task);
}
