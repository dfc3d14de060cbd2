/* Cutting rows to length and laying them out: worker/README.md, "Input", with what "Quirks" says mp2 does unless the
 * form asks for the reference. */
#include "coordinator/data/input.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/random.h"

/* A context that does not fit is shown at least so wide, and text is given at least so much room by labels. */
enum { LEAST_WINDOW = 16, LEAST_TEXT = 8 };

status input_rule_init(const struct meta *meta, const struct input_form *form, struct input_rule *out)
{
    const struct meta_wording *w = &meta->wording[form->reference];

    *out = (struct input_rule){.meta = meta, .wording = w, .form = *form, .head = 1 + form->prompt};
    if (form->first_placeholder < 0 || form->first_placeholder > meta->vocabulary_size - form->prompt)
        return fault(ST_INPUT, "placeholders %d to %d: the vocabulary has %d tokens", form->first_placeholder,
                     form->first_placeholder + form->prompt - 1, meta->vocabulary_size);
    for (int i = 0; i < w->parts; i++) out->fixed += w->part[i].ids.count;
    for (int i = 0; i < w->labels; i++) out->labels += w->label[i].ids.count + 1;
    if (out->head + out->fixed + out->labels + LEAST_TEXT > form->max_length)
        return fault(ST_INPUT,
                     "task %s: a prompt of %d tokens with template and labels takes %d of %d tokens: too little room "
                     "for text",
                     meta->id, form->prompt, out->head + out->fixed + out->labels, form->max_length);
    return ST_OK;
}

static int32_t option_tokens(const struct shard_row *row)
{
    int32_t sum = 0;

    for (int i = 0; i < row->items; i++) sum += row->item_head[3 * i + 2] + 1;
    return sum;
}

/* Take excess tokens from the longest fields that may lose some: down to the level at which they are equal. */
static int shorten(const struct input_rule *rule, int32_t *keep, int32_t excess)
{
    while (excess > 0) {
        int longest = -1;
        int32_t next = 0, step;
        for (int i = 0; i < rule->meta->fields; i++)
            if (rule->meta->shorten[i] && (longest < 0 || keep[i] >= keep[longest])) longest = i;
        if (longest < 0 || keep[longest] <= 1) return -1;
        for (int i = 0; i < rule->meta->fields; i++)
            if (rule->meta->shorten[i] && i != longest && keep[i] > next) next = keep[i];
        step = keep[longest] > next ? keep[longest] - next : 1;
        if (step > excess) step = excess;
        if (step >= keep[longest]) step = keep[longest] - 1;
        keep[longest] -= step;
        excess -= step;
    }
    return 0;
}

static void cut_reference(const struct input_rule *rule, int32_t fields, int32_t options, struct input_cut *out)
{
    int32_t template = rule->fixed + fields, room;

    /* labels: the template's tail goes; choices: the limit counts the prompt twice (Q4, Q6) */
    if (rule->meta->kind == TASK_LABELS) room = rule->form.max_length - rule->head - options;
    else room = rule->form.max_length - 2 - rule->form.prompt - options - rule->head;
    if (room < 1) return;
    out->shortened = template > room;
    out->template_keep = template > room ? room : template;
    out->length = rule->head + out->template_keep + options;
}

static void cut_context(const struct input_rule *rule, const struct shard_row *row, int32_t fields,
                        struct input_cut *out)
{
    int c = rule->meta->context;
    int32_t context = row->field[c].count, rest = rule->head + rule->fixed + fields - context + 1;
    int32_t room = rule->form.max_length - rest, stride = room / 2;

    out->windows = 1;
    out->length = rest + context;
    if (context <= room) return;
    out->length = 0;
    if (rule->form.reference || room < LEAST_WINDOW) return;
    if (row->items > 0 && row->item_head[1] - row->item_head[0] + 1 > room) return;
    out->length = rest + room;
    out->shortened = 1;
    out->keep[c] = room;
    out->windows = 1 + (context - room + stride - 1) / stride;
}

void input_cut(const struct input_rule *rule, const struct shard_row *row, struct input_cut *out)
{
    int64_t sum = 0;
    int32_t options = rule->meta->kind == TASK_LABELS ? rule->labels : option_tokens(row), excess;

    *out = (struct input_cut){.template_keep = -1, .windows = 1};
    for (int i = 0; i < rule->meta->fields; i++) sum += out->keep[i] = row->field[i].count;
    if (sum > INT32_MAX / 2) return;
    if (rule->meta->kind == TASK_EXTRACTIVE) {
        cut_context(rule, row, (int32_t)sum, out);
        return;
    }
    if (rule->form.reference) {
        cut_reference(rule, (int32_t)sum, options, out);
        return;
    }
    excess = rule->head + rule->fixed + (int32_t)sum + options - rule->form.max_length;
    if (excess > 0 && shorten(rule, out->keep, excess) != 0) return;
    out->shortened = excess > 0;
    out->length = rule->head + rule->fixed + (int32_t)sum + options - (excess > 0 ? excess : 0);
}

/* ---- laying out ---- */

static int32_t put_tokens(int32_t *ids, int32_t at, const int32_t *from, int32_t n)
{
    memcpy(ids + at, from, (size_t)n * sizeof *ids);
    return at + n;
}

static int32_t put_head(const struct input_rule *rule, int32_t *ids)
{
    ids[0] = rule->meta->cls;
    for (int i = 0; i < rule->form.prompt; i++) ids[1 + i] = rule->form.first_placeholder + i;
    return rule->head;
}

/* Fixed texts and fields; of the field `context` the tokens from skip on. Where it begins comes back in *context_at. */
static int32_t put_template(const struct input_rule *rule, const struct shard_row *row, const struct input_cut *cut,
                            int32_t skip, int32_t *ids, int32_t *context_at)
{
    int32_t at = rule->head, limit = cut->template_keep < 0 ? INT32_MAX : at + cut->template_keep;

    for (int i = 0; i < rule->wording->parts; i++) {
        int field = rule->wording->part[i].field;
        const int32_t *from = field < 0 ? rule->wording->part[i].ids.id : row->field[field].id;
        int32_t n = field < 0 ? rule->wording->part[i].ids.count : cut->keep[field];
        if (field >= 0 && field == rule->meta->context) {
            *context_at = at;
            from += skip;
        }
        if (n > limit - at) n = limit - at;
        at = put_tokens(ids, at, from, n);
    }
    return at;
}

static void put_labels(const struct input_rule *rule, const struct shard_row *row, int32_t at, struct example_buffer *b,
                       struct example *out)
{
    const struct meta_wording *w = rule->wording;

    for (int i = 0; i < w->labels; i++) {
        b->option[i][0] = at;
        at = put_tokens(b->ids, at, w->label[i].ids.id, w->label[i].ids.count);
        b->option[i][1] = at - 1;
        b->ids[at++] = rule->meta->comma;
    }
    out->options = w->labels;
    out->start = b->option[row->label][0];
    out->end = b->option[row->label][1];
    if (rule->form.reference) out->end = out->start + w->label[row->label].characters - 1; /* Q5 */
    if (out->end >= at) out->end = at - 1;
}

static void put_options(const struct input_rule *rule, const struct shard_row *row, int32_t at,
                        struct example_buffer *b, struct example *out)
{
    const int32_t *ids = row->item_ids;

    for (int i = 0; i < row->items; i++) {
        int32_t n = row->item_head[3 * i + 2];
        b->option[i][0] = at;
        at = put_tokens(b->ids, at, ids, n);
        b->option[i][1] = at - 1;
        b->ids[at++] = i + 1 < row->items ? rule->meta->comma : rule->meta->sep;
        ids += n;
    }
    out->options = row->items;
    out->start = b->option[row->label][0];
    out->end = b->option[row->label][1];
}

/* First token of the context that is shown. Training: anywhere that shows the answer, so that its place in the window
 * tells nothing; a function of the row alone. */
static int32_t window_start(const struct shard_row *row, int32_t context, int32_t room, int64_t number, int window)
{
    int32_t low = 0, high = context - room;

    if (high <= 0) return 0;
    if (window >= 0) {
        int64_t at = (int64_t)window * (room / 2);
        return at < high ? (int32_t)at : high;
    }
    if (row->items == 0) return 0;
    if (row->item_head[1] - room + 1 > low) low = row->item_head[1] - room + 1;
    if (row->item_head[0] < high) high = row->item_head[0];
    return low + (int32_t)random_below(random_seed(0, RANDOM_ROWS), (uint64_t)number, (uint64_t)(high - low + 1));
}

static void put_answers(const struct input_rule *rule, const struct shard_row *row, int32_t skip, int32_t shown,
                        int32_t context_at, struct example_buffer *b, struct example *out)
{
    const int32_t *ids = row->item_ids;

    out->context_skip = skip;
    out->context_first = context_at;
    out->context_last = context_at + shown - 1;
    if (rule->wording->none_first >= 0) {
        out->none_first = rule->head + rule->wording->none_first;
        out->none_last = rule->head + rule->wording->none_last;
    }
    for (int i = 0; i < row->items; i++) {
        b->gold[i] = (struct gold){ids, row->item_head[3 * i + 2]};
        ids += row->item_head[3 * i + 2];
    }
    out->gold_count = rule->form.reference && row->items > 1 ? 1 : row->items; /* the reference knows one answer */
    if (row->items == 0) {
        out->start = out->none_first;
        out->end = out->none_last;
    } else if (row->item_head[0] >= skip && row->item_head[1] < skip + shown) {
        out->start = context_at + row->item_head[0] - skip;
        out->end = context_at + row->item_head[1] - skip;
    }
}

static void make_extractive(const struct input_rule *rule, const struct shard_row *row, const struct input_cut *cut,
                            int64_t number, int window, struct example_buffer *b, struct example *out)
{
    int c = rule->meta->context;
    int32_t shown = cut->keep[c], skip = window_start(row, row->field[c].count, shown, number, window), context_at = 0,
            at;

    at = put_template(rule, row, cut, skip, b->ids, &context_at);
    b->ids[at] = rule->meta->sep;
    put_answers(rule, row, skip, shown, context_at, b, out);
}

status input_make(const struct input_rule *rule, const struct shard_row *row, int64_t number, int window,
                  struct example_buffer *b, struct example *out)
{
    int options = rule->meta->kind == TASK_LABELS ? rule->wording->labels : row->items;
    struct input_cut cut;
    int32_t at, ignored;

    input_cut(rule, row, &cut);
    TRY(mem_grow(&b->ids, &b->ids_room, (size_t)cut.length + 1, sizeof *b->ids));
    TRY(mem_grow(&b->option, &b->option_room, (size_t)options, sizeof *b->option));
    TRY(mem_grow(&b->gold, &b->gold_room, (size_t)row->items, sizeof *b->gold));
    *out = (struct example){.length = cut.length,
                            .ids = b->ids,
                            .start = -1,
                            .end = -1,
                            .option = (const int32_t(*)[2])b->option,
                            .label = row->label,
                            .context_last = -1,
                            .none_first = -1,
                            .none_last = -1,
                            .gold = b->gold};
    put_head(rule, b->ids);
    if (rule->meta->kind == TASK_EXTRACTIVE) {
        make_extractive(rule, row, &cut, number, window, b, out);
        return ST_OK;
    }
    at = put_template(rule, row, &cut, 0, b->ids, &ignored);
    if (rule->meta->kind == TASK_LABELS) put_labels(rule, row, at, b, out);
    else put_options(rule, row, at, b, out);
    return ST_OK;
}

void example_buffer_fini(struct example_buffer *b)
{
    mem_free(b->ids);
    mem_free(b->option);
    mem_free(b->gold);
    memset(b, 0, sizeof *b);
}
