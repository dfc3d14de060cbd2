/* The common part: fields, label, hashes. Options and answers are in sample_items.c. */
#include "coordinator/data/sample.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "coordinator/data/sampler.h"

const char why_missing[] = "a field is missing or no text", why_empty[] = "a field is empty";
static const char why_label_missing[] = "no label", why_label[] = "label not in the list",
                  why_ignored[] = "label to be left out (ignore)";

status sampler_new(const struct entry *entry, const struct task_source *source, const struct vocabulary *vocabulary,
                   struct sampler **out)
{
    TRY(mem_alloc(1, sizeof **out, out));
    (*out)->entry = entry;
    (*out)->source = source;
    (*out)->vocabulary = vocabulary;
    return ST_OK;
}

void sampler_destroy(struct sampler **sampler)
{
    struct sampler *s = *sampler;

    if (!s) return;
    token_list_fini(&s->tokens);
    token_list_fini(&s->context);
    mem_free(s->words);
    mem_free(s->items);
    mem_free(s->item_ids);
    mem_free(s->texts);
    mem_free(s->joined);
    mem_free(s->content);
    mem_free(s);
    *sampler = NULL;
}

void sampler_ask(struct sampler *s)
{
    s->asking = 1;
}

void sampler_starts(struct sampler *s, enum start_unit unit)
{
    s->starts = unit;
}

const struct token_list *sampler_context(const struct sampler *s)
{
    return &s->context;
}

void sampler_detail(struct sample *out, struct text found)
{
    size_t n = found.n < sizeof out->detail - 1 ? found.n : sizeof out->detail - 1;

    while (n > 0 && n < found.n && ((unsigned char)found.text[n] & 0xc0) == 0x80) n--;
    memcpy(out->detail, found.text, n);
    out->detail[n] = 0;
}

int sampler_text(struct sampler *s, const struct source_file *file, json_t *row, const char *path, int scratch,
                 struct text *out)
{
    const struct yaml *constant = file->set ? yaml_get(file->set, path) : NULL;

    if (!constant && s->source->set) constant = yaml_get(s->source->set, path);
    if (constant) return *out = (struct text){constant->text, strlen(constant->text)}, 0;
    return value_text(value_at(row, path), s->number[scratch], NUMBER_ROOM, &out->text, &out->n);
}

static int blank(struct text t)
{
    while (t.n > 0 && strchr(" \t\r\n", *t.text) && *t.text) t.text++, t.n--;
    return t.n == 0;
}

static status join(struct sampler *s, const json_t *list, const char *between, int scratch, struct text *out)
{
    size_t first = s->joined_n, width = strlen(between);

    for (size_t i = 0; i < json_array_size(list); i++) {
        struct text item;
        if (value_text(json_array_get(list, i), s->number[scratch], NUMBER_ROOM, &item.text, &item.n) != 0) continue;
        TRY(mem_grow(&s->joined, &s->joined_room, s->joined_n + item.n + width, 1));
        if (s->joined_n > first) {
            memcpy(s->joined + s->joined_n, between, width);
            s->joined_n += width;
        }
        memcpy(s->joined + s->joined_n, item.text, item.n);
        s->joined_n += item.n;
    }
    *out = (struct text){s->joined ? s->joined + first : "", s->joined_n - first};
    return ST_OK;
}

status sampler_fields(struct sampler *s, const struct source_file *file, json_t *row, struct sample *out)
{
    s->joined_n = 0;
    for (int i = 0; i < s->entry->fields && !out->why; i++) {
        const struct field_source *from = &s->source->field[i];
        json_t *list = from->join ? value_at(row, from->path) : NULL;
        if (json_is_array(list)) {
            TRY(join(s, list, from->join, i, &s->field[i]));
        } else if (sampler_text(s, file, row, from->constant ? s->entry->field[i] : from->path, i, &s->field[i]) != 0) {
            out->why = why_missing;
            sampler_detail(out, (struct text){s->entry->field[i], strlen(s->entry->field[i])});
        }
        if (!out->why && blank(s->field[i])) {
            out->why = why_empty;
            sampler_detail(out, (struct text){s->entry->field[i], strlen(s->entry->field[i])});
        }
    }
    return ST_OK;
}

static int value_order(const void *key, const void *item)
{
    const struct text *a = key;
    const struct value *b = item;
    size_t n = strlen(b->text);
    int order = memcmp(a->text, b->text, a->n < n ? a->n : n);

    return order ? order : a->n < n ? -1 : a->n > n;
}

static int read_label(struct sampler *s, const struct source_file *file, json_t *row, struct sample *out)
{
    const struct value *value;
    struct text text;

    if (sampler_text(s, file, row, s->source->label, FIELD_LIMIT, &text) != 0) return out->why = why_label_missing, -1;
    while (text.n > 0 && strchr(" \t\r\n", *text.text) && *text.text) text.text++, text.n--;
    while (text.n > 0 && strchr(" \t\r\n", text.text[text.n - 1]) && text.text[text.n - 1]) text.n--;
    value = bsearch(&text, s->source->value, s->source->values, sizeof *value, value_order);
    if (value) return value->label;
    out->why = why_label;
    for (size_t i = 0; i < s->source->ignore.count; i++)
        if (strlen(s->source->ignore.items[i]) == text.n &&
            memcmp(s->source->ignore.items[i], text.text, text.n) == 0) {
            out->why = why_ignored;
            out->ignored = 1;
        }
    sampler_detail(out, text);
    return -1;
}

status sampler_item(struct sampler *s, int32_t first, int32_t last, const struct token *tokens, size_t n)
{
    TRY(mem_grow(&s->items, &s->head_room, s->head_n + 3, sizeof *s->items));
    TRY(mem_grow(&s->item_ids, &s->item_room, s->item_n + n, sizeof *s->item_ids));
    s->items[s->head_n++] = first;
    s->items[s->head_n++] = last;
    s->items[s->head_n++] = (int32_t)n;
    for (size_t i = 0; i < n; i++) s->item_ids[s->item_n++] = tokens[i].id;
    return ST_OK;
}

/* Fields' tokens go to the end of words; their lengths were left room at the front. */
static status tokenise_fields(struct sampler *s, struct sample *out)
{
    size_t head = 2 + (size_t)s->entry->fields;

    TRY(mem_grow(&s->words, &s->room, head, sizeof *s->words));
    s->n = head;
    for (int i = 0; i < s->entry->fields; i++) {
        struct token_list *list = i == s->entry->context ? &s->context : &s->tokens;
        list->count = 0;
        TRY(wordpiece_encode(s->vocabulary, s->field[i].text, s->field[i].n, list));
        if (list->count == 0) {
            out->why = why_empty;
            sampler_detail(out, (struct text){s->entry->field[i], strlen(s->entry->field[i])});
            return ST_OK;
        }
        TRY(mem_grow(&s->words, &s->room, s->n + list->count, sizeof *s->words));
        for (size_t k = 0; k < list->count; k++) s->words[s->n++] = list->items[k].id;
        s->words[1 + i] = (int32_t)list->count;
    }
    return ST_OK;
}

/* Put the items' heads between the lengths and the fields' tokens, and their tokens after. */
static status place_items(struct sampler *s, int label)
{
    size_t head = 2 + (size_t)s->entry->fields;

    s->words[0] = label;
    s->words[head - 1] = (int32_t)(s->head_n / 3);
    if (s->head_n == 0) return ST_OK;
    TRY(mem_grow(&s->words, &s->room, s->n + s->head_n + s->item_n, sizeof *s->words));
    memmove(s->words + head + s->head_n, s->words + head, (s->n - head) * sizeof *s->words);
    memcpy(s->words + head, s->items, s->head_n * sizeof *s->words);
    s->n += s->head_n;
    memcpy(s->words + s->n, s->item_ids, s->item_n * sizeof *s->words);
    s->n += s->item_n;
    return ST_OK;
}

static void count_tokens(const struct sampler *s, struct token_count *out)
{
    int32_t unknown = vocabulary_tables(s->vocabulary)->unknown;
    const int32_t *ids = s->item_ids;
    size_t first = 2 + (size_t)s->entry->fields + s->head_n;

    *out = (struct token_count){.tokens = (int64_t)(s->n - first), .items = (int64_t)(s->head_n / 3)};
    for (size_t i = first; i < s->n; i++) out->unknown += s->words[i] == unknown;
    for (size_t i = 0; i < s->head_n; i += 3) {
        int32_t n = s->items[i + 2], k = 0;

        while (k < n && ids[k] != unknown) k++;
        out->unknown_items += k < n;
        ids += n;
    }
}

static status add_content(struct sampler *s, struct text t)
{
    uint64_t n = t.n;

    TRY(mem_grow(&s->content, &s->content_room, s->content_n + sizeof n + t.n, 1));
    memcpy(s->content + s->content_n, &n, sizeof n);
    memcpy(s->content + s->content_n + sizeof n, t.text, t.n);
    s->content_n += sizeof n + t.n;
    return ST_OK;
}

static void hash(const struct sampler *s, unsigned char out[16])
{
    XXH128_canonical_t digest;

    XXH128_canonicalFromHash(&digest, XXH3_128bits(s->content, s->content_n));
    memcpy(out, digest.digest, 16);
}

static status hash_row(struct sampler *s, struct sample *out)
{
    s->content_n = 0;
    for (int i = 0; i < s->entry->fields; i++)
        if (s->entry->by[i]) TRY(add_content(s, s->field[i]));
    hash(s, out->group);
    s->content_n = 0;
    for (int i = 0; i < s->entry->fields; i++) TRY(add_content(s, s->field[i]));
    if (s->entry->kind == TASK_CHOICES) {
        TRY(add_content(s, (struct text){(const char *)s->items, s->head_n * sizeof *s->items}));
        TRY(add_content(s, (struct text){(const char *)s->item_ids, s->item_n * sizeof *s->item_ids}));
    }
    hash(s, out->content);
    return ST_OK;
}

status sampler_take(struct sampler *s, const struct source_file *file, json_t *row, struct sample *out)
{
    int label = -1;

    memset(out, 0, sizeof *out);
    s->head_n = s->item_n = 0;
    TRY(sampler_fields(s, file, row, out));
    if (!out->why && s->entry->kind == TASK_LABELS && !s->asking) label = read_label(s, file, row, out);
    if (!out->why) TRY(tokenise_fields(s, out));
    if (!out->why && s->entry->kind == TASK_CHOICES) TRY(sampler_choices(s, file, row, out, &label));
    if (!out->why && s->entry->kind == TASK_EXTRACTIVE && !s->asking) TRY(sampler_answers(s, file, row, out));
    if (out->why) return ST_OK;
    TRY(hash_row(s, out));
    TRY(place_items(s, label));
    count_tokens(s, &out->count);
    out->words = s->words;
    out->n = s->n;
    if (s->entry->kind != TASK_EXTRACTIVE || s->asking) return ST_OK;
    TRY(texts_pack(s->field[s->entry->context], &s->context, s->answer, (int)(s->head_n / 3), &s->texts, &s->texts_room,
                   &out->texts_n));
    out->texts = s->texts;
    return ST_OK;
}
