/* Writing a task's description. One array of tokens a fixed text and a label; fields by number. */
#include "coordinator/data/meta.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/log.h"
#include "coordinator/text/wordpiece.h"

struct meta_maker {
    const struct entry *entry;
    const struct task_source *source;
    const char *group;
    const struct vocabulary *vocabulary;
    struct token_list tokens;
};

static status text_ids(struct meta_maker *m, const char *text, json_t **out)
{
    *out = NULL;
    m->tokens.count = 0;
    TRY(wordpiece_encode(m->vocabulary, text, strlen(text), &m->tokens));
    *out = json_array();
    for (size_t i = 0; i < m->tokens.count; i++) json_array_append_new(*out, json_integer(m->tokens.items[i].id));
    return ST_OK;
}

static int characters(const char *text)
{
    int n = 0;

    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Where the words for "no answer" stand among the tokens of the template's first text: the bytes tell. */
static status none_span(struct meta_maker *m, const char *text, json_t *out)
{
    const char *at = m->entry->no_answer ? strstr(text, m->entry->no_answer) : NULL;
    size_t first, last, from, to;

    if (!at) return ST_OK;
    from = (size_t)(at - text);
    to = from + strlen(m->entry->no_answer);
    m->tokens.count = 0;
    TRY(wordpiece_encode(m->vocabulary, text, strlen(text), &m->tokens));
    for (first = 0; first < m->tokens.count && m->tokens.items[first].end <= from; first++) continue;
    for (last = first; last + 1 < m->tokens.count && m->tokens.items[last + 1].start < to; last++) continue;
    if (first == m->tokens.count) return ST_OK;
    json_object_set_new(out, "none", json_pack("[i,i]", (int)first, (int)last));
    return ST_OK;
}

static status parts_make(struct meta_maker *m, const struct wording *w, json_t *out)
{
    json_t *parts = json_array();

    json_object_set_new(out, "template", parts);
    for (int i = 0; i < w->parts; i++) {
        json_t *ids;
        if (w->part[i].field >= 0) {
            json_array_append_new(parts, json_integer(w->part[i].field));
            continue;
        }
        TRY(text_ids(m, w->part[i].text, &ids));
        json_array_append_new(parts, ids);
        if (i == 0) TRY(none_span(m, w->part[i].text, out));
    }
    return ST_OK;
}

static status labels_make(struct meta_maker *m, const struct label_set *set, json_t *out)
{
    json_t *labels = json_array();

    json_object_set_new(out, "label_set", json_string(set->name)); /* NOLINT: only tasks of labels come here */
    json_object_set_new(out, "labels", labels);
    for (int i = 0; i < set->count; i++) {
        json_t *ids;
        TRY(text_ids(m, set->words[i], &ids));
        json_array_append_new(labels, json_pack("{s:s,s:i,s:o}", "word", set->words[i], "characters",
                                                characters(set->words[i]), "ids", ids));
        if (json_array_size(ids) == 0)
            return fault(ST_INPUT, "%s: the label \"%s\" has no token in this vocabulary", m->entry->path,
                         set->words[i]);
        for (int k = 0; k < i; k++)
            if (json_equal(json_object_get(json_array_get(labels, (size_t)k), "ids"), ids))
                return fault(ST_INPUT, "%s: the labels \"%s\" and \"%s\" have the same tokens in this vocabulary",
                             m->entry->path, set->words[k], set->words[i]);
    }
    return ST_OK;
}

static status wordings_make(struct meta_maker *m, json_t *out)
{
    const struct entry *e = m->entry;
    const struct label_set *standard = e->wording[WORDING_RIGHT].labels;
    json_t *list = json_array();

    json_object_set_new(out, "wordings", list);
    for (int i = 0; i < WORDING_COUNT; i++) {
        json_t *wording = json_object();
        json_array_append_new(list, wording);
        TRY(parts_make(m, &e->wording[i], wording));
        if (e->kind != TASK_LABELS) continue;
        /* Another cut of the data has its own words in every wording. */
        TRY(labels_make(m, m->source->labels == standard ? e->wording[i].labels : m->source->labels, wording));
    }
    return ST_OK;
}

static status special_make(struct meta_maker *m, json_t *out)
{
    int32_t cls, sep, comma;

    TRY(vocabulary_need(m->vocabulary, "[CLS]", &cls));
    TRY(vocabulary_need(m->vocabulary, "[SEP]", &sep));
    TRY(vocabulary_need(m->vocabulary, "，", &comma));
    json_object_set_new(out, "special", json_pack("{s:i,s:i,s:i}", "cls", cls, "sep", sep, "comma", comma));
    json_object_set_new(
        out, "vocabulary",
        json_pack("{s:s,s:i}", "digest", vocabulary_digest(m->vocabulary), "size", vocabulary_size(m->vocabulary)));
    return ST_OK;
}

static int is_punctuation(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 128 || !ispunct((unsigned char)*text)) return 0;
    return 1;
}

static int role_of(const char *text)
{
    if (strncmp(text, "##", 2) == 0 && text[2]) return TOKEN_JOINED;
    if (strcmp(text, "a") == 0 || strcmp(text, "an") == 0 || strcmp(text, "the") == 0) return TOKEN_ARTICLE;
    return text[0] && is_punctuation(text) ? TOKEN_PUNCTUATION : TOKEN_WORD;
}

/* What scoring answers needs to know of the vocabulary: [role, first id, ids] of every run of ids that are not plain
 * words. */
static void roles_make(const struct meta_maker *m, json_t *out)
{
    json_t *runs = json_array();
    int32_t size = vocabulary_size(m->vocabulary), first = 0;
    int role = TOKEN_WORD;

    json_object_set_new(out, "roles", runs);
    for (int32_t id = 0; id <= size; id++) {
        int next = id < size ? role_of(vocabulary_text(m->vocabulary, id, NULL)) : TOKEN_WORD;
        if (next == role) continue;
        if (role != TOKEN_WORD) json_array_append_new(runs, json_pack("[i,i,i]", role, (int)first, (int)(id - first)));
        role = next;
        first = id;
    }
}

static status describe(struct meta_maker *m, json_t *out)
{
    const struct entry *e = m->entry;
    json_t *fields = json_array();

    json_object_set_new(out, "id", json_string(e->id));
    json_object_set_new(out, "name", json_string(e->name));
    json_object_set_new(out, "source", json_string(m->source->about ? m->source->about : ""));
    if (m->group[0]) json_object_set_new(out, "group", json_string(m->group));
    json_object_set_new(out, "kind", json_string(task_kind_text(e->kind)));
    json_object_set_new(out, "upstream", json_integer(e->upstream));
    json_object_set_new(out, "downstream", json_integer(e->downstream));
    json_object_set_new(out, "few_shot", json_integer(e->few_shot));
    json_object_set_new(out, "context", json_integer(e->context));
    json_object_set_new(out, "rows_labels", json_integer(m->source->labels ? m->source->labels->count : 0));
    json_object_set_new(out, "fields", fields);
    for (int i = 0; i < e->fields; i++)
        json_array_append_new(fields, json_pack("{s:s,s:i}", "name", e->field[i], "shorten", e->shorten[i]));
    TRY(special_make(m, out));
    if (e->kind == TASK_EXTRACTIVE) roles_make(m, out);
    return wordings_make(m, out);
}

status meta_make(const struct entry *entry, const struct task_source *source, const char *group,
                 const struct vocabulary *vocabulary, char **text, size_t *n)
{
    struct meta_maker m = {.entry = entry, .source = source, .group = group, .vocabulary = vocabulary};
    json_t *out = json_object();
    char *dump = NULL;
    status s = describe(&m, out);

    *text = NULL;
    if (s == ST_OK) {
        dump = json_dumps(out, JSON_COMPACT | JSON_SORT_KEYS);
        s = dump ? mem_text(dump, *n = strlen(dump), text) : fault(ST_MEMORY, "out of memory: a task's description");
    }
    free(dump);
    json_decref(out);
    token_list_fini(&m.tokens);
    return s;
}
