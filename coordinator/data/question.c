/* An entry and a source are made up whose paths are the template's field names; the rest is import's. */
#include "coordinator/data/question.h"

#include <string.h>

#include "cluster/base/memory.h"
#include "coordinator/data/sample.h"

static const char why_long[] = "the row cannot be cut to fit";
static const char *const option_path[] = {"options"};

struct question {
    const struct input_rule *rule;
    struct entry entry;
    struct task_source source;
    struct source_file file;
    struct sampler *sampler;
    struct sample sample;
    struct shard_row row;
    struct input_cut cut;
};

static void make_up(const struct meta *m, struct question *q)
{
    q->entry = (struct entry){
        .id = m->id, .name = m->name, .kind = m->kind, .fields = m->fields, .context = m->context};
    q->source = (struct task_source){.options = {1, option_path}};
    for (int i = 0; i < m->fields; i++) {
        q->entry.field[i] = m->field[i];
        q->source.field[i].path = m->field[i];
    }
}

status question_new(const struct input_rule *rule, const struct vocabulary *vocabulary, struct question **out)
{
    struct question *q;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *q, &q));
    q->rule = rule;
    make_up(rule->meta, q);
    s = sampler_new(&q->entry, &q->source, vocabulary, &q->sampler);
    if (s != ST_OK) {
        question_destroy(&q);
        return s;
    }
    sampler_ask(q->sampler);
    *out = q;
    return ST_OK;
}

void question_destroy(struct question **question)
{
    struct question *q = *question;

    if (!q) return;
    sampler_destroy(&q->sampler);
    mem_free(q);
    *question = NULL;
}

status question_take(struct question *q, json_t *row, const char **why, const char **detail)
{
    TRY(sampler_take(q->sampler, &q->file, row, &q->sample));
    *why = q->sample.why;
    *detail = q->sample.detail;
    if (*why) return ST_OK;
    shard_row_of(q->sample.words, q->entry.fields, &q->row);
    q->row.label = 0; /* some option's place, for laying out */
    input_cut(q->rule, &q->row, &q->cut);
    if (q->cut.length == 0) *why = why_long;
    return ST_OK;
}

int question_windows(const struct question *q)
{
    return q->cut.windows;
}

int question_shortened(const struct question *q)
{
    return q->cut.shortened;
}

status question_window(const struct question *q, int window, struct example_buffer *buffer, struct example *out)
{
    TRY(input_make(q->rule, &q->row, 0, window, buffer, out));
    out->start = out->end = out->label = -1;
    return ST_OK;
}

const struct token_list *question_context(const struct question *q)
{
    return sampler_context(q->sampler);
}
