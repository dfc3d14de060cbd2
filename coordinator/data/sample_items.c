/* What a row's kind adds: the options of a choice, the answers of an extraction. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/data/sampler.h"
#include "coordinator/data/shard.h"

static const char why_options[] = "fewer than two options, or none", why_many[] = "more than 64 options",
                  why_option[] = "empty option", why_choice[] = "answer is none of the options",
                  why_no_answer[] = "no answer given", why_not_found[] = "answer not in the text",
                  why_no_token[] = "answer has no token";
static const char note_equal[] = "two options are equal",
                  note_tokens[] = "two options have the same tokens in this vocabulary",
                  note_moved[] = "answer not where the source says, nearest place taken",
                  note_gold[] = "an accepted answer is not in the text, counts for scores only";

_Static_assert((int)OPTION_LIMIT == (int)SHARD_ITEM_LIMIT, "a shard holds every option");

/* ---- choices ---- */

static int read_options(struct sampler *s, const struct source_file *file, json_t *row, struct sample *out,
                        struct text option[OPTION_LIMIT])
{
    const struct texts *paths = &s->source->options;
    json_t *list = paths->count == 1 ? value_at(row, paths->items[0]) : NULL;
    size_t n = json_is_array(list) ? json_array_size(list) : paths->count;

    if (n < 2 || n > OPTION_LIMIT) return out->why = n < 2 ? why_options : why_many, 0;
    for (size_t i = 0; i < n; i++) {
        char *room = s->number[FIELD_LIMIT + 2 + i];
        int failed = json_is_array(list)
                         ? value_text(json_array_get(list, i), room, NUMBER_ROOM, &option[i].text, &option[i].n)
                         : sampler_text(s, file, row, paths->items[i], FIELD_LIMIT + 2 + (int)i, &option[i]);
        if (failed) return out->why = why_option, 0;
    }
    return (int)n;
}

static int same_text(struct text a, struct text b)
{
    return a.n == b.n && memcmp(a.text, b.text, a.n) == 0;
}

/* What there is to report about the last option beside those before it. */
static const char *compare_option(const struct sampler *s, const struct text *option)
{
    const int32_t *ids = s->item_ids;
    int last = (int)(s->head_n / 3) - 1, n = s->items[3 * last + 2];
    const char *note = NULL;

    for (int k = 0; k < last; ids += s->items[3 * k++ + 2]) {
        if (same_text(option[last], option[k])) return note_equal;
        if (s->items[3 * k + 2] == n && memcmp(ids, s->item_ids + s->item_n - (size_t)n, (size_t)n * sizeof *ids) == 0)
            note = note_tokens;
    }
    return note;
}

static int right_option(const struct sampler *s, struct text answer, const struct text *option, int options)
{
    char copy[NUMBER_ROOM], *end;
    long number;

    if (s->source->answer_form == ANSWER_TEXT) {
        for (int i = 0; i < options; i++)
            if (same_text(answer, option[i])) return i;
        return -1;
    }
    if (answer.n == 0 || answer.n >= sizeof copy) return -1;
    memcpy(copy, answer.text, answer.n);
    copy[answer.n] = 0;
    if (s->source->answer_form == ANSWER_LETTER) {
        if (copy[1]) return -1;
        number = copy[0] >= 'a' ? copy[0] - 'a' : copy[0] - 'A';
    } else {
        number = strtol(copy, &end, 10) - (s->source->answer_form == ANSWER_NUMBER);
        if (*end) return -1;
    }
    return number >= 0 && number < options ? (int)number : -1;
}

status sampler_choices(struct sampler *s, const struct source_file *file, json_t *row, struct sample *out, int *label)
{
    struct text option[OPTION_LIMIT], answer;
    int options = read_options(s, file, row, out, option);

    if (out->why) return ST_OK;
    for (int i = 0; i < options; i++) {
        s->tokens.count = 0;
        TRY(wordpiece_encode(s->vocabulary, option[i].text, option[i].n, &s->tokens));
        if (s->tokens.count == 0) return out->why = why_option, ST_OK;
        TRY(sampler_item(s, -1, -1, s->tokens.items, s->tokens.count));
        if (!out->note) out->note = compare_option(s, option);
    }
    if (s->asking) return ST_OK;
    if (sampler_text(s, file, row, s->source->answer, FIELD_LIMIT, &answer) != 0)
        return out->why = why_no_answer, ST_OK;
    *label = right_option(s, answer, option, options);
    if (*label >= 0) return ST_OK;
    out->why = why_choice;
    sampler_detail(out, answer);
    return ST_OK;
}

/* ---- answers ---- */

static int64_t as_start(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value) : -1;
}

static int add_answer(struct answer_at *list, int *count, const json_t *text, int64_t start)
{
    struct answer_at a = {{json_string_value(text), json_string_length(text)}, start};

    if (!json_is_string(text) || a.text.n == 0) return 0;
    for (int i = 0; i < *count; i++)
        if (same_text(list[i].text, a.text) && list[i].start == start) return 0;
    if (*count < OPTION_LIMIT) list[(*count)++] = a;
    return 1;
}

/* The accepted forms: "text", ["text"], [{text, answer_start}], {text: [..], answer_start: [..]}. */
static int read_answers(json_t *value, struct answer_at list[OPTION_LIMIT])
{
    json_t *texts = json_object_get(value, "text"), *starts = json_object_get(value, "answer_start");
    int count = 0;

    if (json_is_string(value)) add_answer(list, &count, value, -1);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (json_is_object(item))
            add_answer(list, &count, json_object_get(item, "text"), as_start(json_object_get(item, "answer_start")));
        else add_answer(list, &count, item, -1);
    }
    if (json_is_string(texts)) add_answer(list, &count, texts, as_start(starts));
    for (size_t i = 0; i < json_array_size(texts); i++)
        add_answer(list, &count, json_array_get(texts, i), as_start(json_array_get(starts, i)));
    return count;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* What a byte adds to a position: a character, and a pair of UTF-16 units, counts where it begins. */
static int64_t units(unsigned char byte, enum start_unit unit)
{
    if (unit == STARTS_BYTES) return 1;
    return ((byte & 0xc0) != 0x80) + (unit == STARTS_UTF16 && byte >= 0xf0);
}

/* Byte where the answer stands: where the source says, else nearest to that, else its first place; -1: nowhere.
 * Positions are counted while walking along. */
static int64_t find_answer(struct text context, const struct answer_at *a, enum start_unit unit, int *moved)
{
    int64_t best = -1, best_distance = 0, position = 0;
    const char *from = context.text, *end = context.text + context.n, *at;

    while ((at = memmem(from, (size_t)(end - from), a->text.text, a->text.n)) != NULL) {
        int64_t d;
        while (from < at) position += units((unsigned char)*from++, unit);
        if (a->start < 0) return at - context.text;
        d = distance(position, a->start);
        if (best < 0 || d < best_distance) best = at - context.text, best_distance = d;
        if (position >= a->start) break;
        do position += units((unsigned char)*from++, unit);
        while (from < end && ((unsigned char)*from & 0xc0) == 0x80);
    }
    *moved = best >= 0 && best_distance > 0;
    return best;
}

static int stands_there(struct text context, const struct answer_at *a, enum start_unit unit)
{
    int64_t position = 0;
    size_t at = 0;

    while (at < context.n && position < a->start) position += units((unsigned char)context.text[at++], unit);
    while (at < context.n && ((unsigned char)context.text[at] & 0xc0) == 0x80) at++;
    return position == a->start && a->text.n <= context.n - at &&
           memcmp(context.text + at, a->text.text, a->text.n) == 0;
}

/* The tokens that share bytes with [from, to). 0, or -1 when none does. */
static int token_span(const struct token_list *t, size_t from, size_t to, int32_t *first, int32_t *last)
{
    size_t low = 0, high = t->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (t->items[middle].end <= from) low = middle + 1;
        else high = middle;
    }
    if (low == t->count || t->items[low].start >= to) return -1;
    *first = (int32_t)low;
    while (low + 1 < t->count && t->items[low + 1].start < to) low++;
    *last = (int32_t)low;
    return 0;
}

/* Answers that stand in the text go first: the first is the one to train on. */
static status place_answers(struct sampler *s, const struct answer_at *list, int count, struct sample *out)
{
    struct text context = s->field[s->entry->context];
    int lost = 0, tokenless = 0, first_lost[OPTION_LIMIT];

    for (int i = 0; i < count; i++) {
        int moved = 0;
        int64_t at = find_answer(context, &list[i], s->starts, &moved);
        int32_t first, last;
        if (at < 0) {
            first_lost[lost++] = i;
            continue;
        }
        if (token_span(&s->context, (size_t)at, (size_t)at + list[i].text.n, &first, &last) != 0) {
            tokenless++;
            continue;
        }
        if (moved && s->head_n == 0) out->note = note_moved;
        s->answer[s->head_n / 3] = list[i].text;
        TRY(sampler_item(s, first, last, s->context.items + first, (size_t)(last - first + 1)));
    }
    if (s->head_n == 0) {
        out->why = tokenless ? why_no_token : why_not_found;
        sampler_detail(out, list[0].text);
        return ST_OK;
    }
    for (int i = 0; i < lost; i++) {
        s->tokens.count = 0;
        TRY(wordpiece_encode(s->vocabulary, list[first_lost[i]].text.text, list[first_lost[i]].text.n, &s->tokens));
        s->answer[s->head_n / 3] = list[first_lost[i]].text;
        if (s->tokens.count > 0) TRY(sampler_item(s, -1, -1, s->tokens.items, s->tokens.count));
        if (!out->note) out->note = note_gold;
    }
    return ST_OK;
}

status sampler_answers(struct sampler *s, const struct source_file *file, json_t *row, struct sample *out)
{
    struct answer_at list[OPTION_LIMIT];
    json_t *impossible = s->source->impossible ? value_at(row, s->source->impossible) : NULL;
    int none = json_is_true(impossible) || json_integer_value(impossible) != 0, count;

    (void)file;
    if (none && s->entry->no_answer) return ST_OK;
    count = read_answers(value_at(row, s->source->answers), list);
    if (count == 0) return out->why = why_no_answer, ST_OK;
    return place_answers(s, list, count, out);
}

status sampler_measure(struct sampler *s, const struct source_file *file, json_t *row, int64_t fits[STARTS_ANY])
{
    struct answer_at list[OPTION_LIMIT];
    struct sample sample = {0};
    int count = read_answers(value_at(row, s->source->answers), list);

    TRY(sampler_fields(s, file, row, &sample));
    for (int i = 0; i < count && !sample.why; i++)
        for (int unit = 0; unit < STARTS_ANY && list[i].start >= 0; unit++)
            fits[unit] += stands_there(s->field[s->entry->context], &list[i], (enum start_unit)unit);
    return ST_OK;
}
