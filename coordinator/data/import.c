/* One task after another: read every row, split, write. A task's tokens are in memory until its shards are written. */
#include "coordinator/data/import.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/digest.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "coordinator/data/groups.h"
#include "coordinator/data/meta.h"
#include "coordinator/data/reader.h"
#include "coordinator/data/sample.h"
#include "coordinator/data/shard.h"
#include "coordinator/data/splitting.h"

struct importing {
    const struct import_options *options;
    const struct vocabulary *vocabulary;
    const char *group;
    struct import_report *report;
    int32_t *words, *texts;
    size_t n, room, texts_n, texts_room;
    struct split_row *row;
    size_t rows, row_room;
};

/* ---- reading ---- */

/* NAME, NAME.gz or NAME.xz. 0, or -1 when none is there. */
static int locate(const struct import_options *o, const struct task_source *source, const char *name, char *path,
                  size_t room)
{
    static const char *const ends[] = {"", ".gz", ".xz"};

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        int n = snprintf(path, room, "%s/%s/%s%s", o->raw, source->folder, name, ends[i]);
        if (n > 0 && (size_t)n < room && file_exists(path)) return 0;
    }
    return -1;
}

static const struct task_source *find_source(const struct import_options *o, const struct entry *e)
{
    char path[4096];

    for (size_t i = 0; i < e->sources; i++) {
        size_t k = 0;
        while (k < e->source[i].files && locate(o, &e->source[i], e->source[i].file[k].name, path, sizeof path) == 0)
            k++;
        if (k == e->source[i].files) return &e->source[i];
    }
    return NULL;
}

static status bad_row(struct importing *m, const struct reader *r, enum tally_kind kind, const char *why,
                      const char *detail)
{
    char place[256];

    reader_place(r, place, sizeof place);
    if (m->options->strict && kind == TALLY_BAD)
        return fault(ST_INPUT, "%s: %s%s%s%s", place, why, detail[0] ? ": found \"" : "", detail,
                     detail[0] ? "\"" : "");
    tally_add(&m->report->tally, kind, why, place, detail);
    return ST_OK;
}

static status keep_row(struct importing *m, const struct source_file *file, const struct sample *sample)
{
    struct split_row *row;

    TRY(mem_grow(&m->row, &m->row_room, m->rows + 1, sizeof *m->row));
    TRY(mem_grow(&m->words, &m->room, m->n + sample->n, sizeof *m->words));
    memcpy(m->words + m->n, sample->words, sample->n * sizeof *m->words);
    TRY(mem_grow(&m->texts, &m->texts_room, m->texts_n + sample->texts_n, sizeof *m->texts));
    if (sample->texts_n > 0) memcpy(m->texts + m->texts_n, sample->texts, sample->texts_n * sizeof *m->texts);
    row = &m->row[m->rows++];
    *row = (struct split_row){.at = m->n,
                              .n = sample->n,
                              .texts_at = m->texts_n,
                              .texts_n = sample->texts_n,
                              .count = sample->count,
                              .split = (unsigned char)file->split};
    m->texts_n += sample->texts_n;
    memcpy(row->content, sample->content, sizeof row->content);
    memcpy(row->group, sample->group, sizeof row->group);
    m->n += sample->n;
    return ST_OK;
}

static status read_row(struct importing *m, struct sampler *sampler, const struct source_file *file, struct reader *r)
{
    struct sample sample;
    const char *why;
    json_t *row;

    TRY(reader_next(r, &row, &why));
    m->report->read++;
    if (!row) return bad_row(m, r, TALLY_BAD, why, "");
    if (why) TRY(bad_row(m, r, TALLY_NOTE, why, ""));
    TRY(sampler_take(sampler, file, row, &sample));
    if (sample.why) return bad_row(m, r, sample.ignored ? TALLY_IGNORED : TALLY_BAD, sample.why, sample.detail);
    if (sample.note) TRY(bad_row(m, r, TALLY_NOTE, sample.note, ""));
    return keep_row(m, file, &sample);
}

/* Extraction: what the starts in a file count, by its own answers; ties are characters. */
static status measure_file(struct importing *m, struct sampler *sampler, const struct source_file *file,
                           const char *path)
{
    static const char *const notes[] = {"", "answer starts of a file count UTF-16 units",
                                        "answer starts of a file count bytes"};
    const struct task_source *source = m->report->source;
    int64_t fits[STARTS_ANY] = {0};
    int best = STARTS_CHARACTERS;
    struct reader *r;
    const char *why;
    json_t *row;
    status s;

    sampler_starts(sampler, source->starts);
    if (source->starts != STARTS_ANY) return ST_OK;
    TRY(reader_open(source, path, &r));
    while ((s = reader_next(r, &row, &why)) == ST_OK &&
           (!row || (s = sampler_measure(sampler, file, row, fits)) == ST_OK))
        continue;
    reader_close(&r);
    if (s != ST_END) return s;
    for (int unit = STARTS_UTF16; unit < STARTS_ANY; unit++)
        if (fits[unit] > fits[best]) best = unit;
    sampler_starts(sampler, (enum start_unit)best);
    if (best != STARTS_CHARACTERS) tally_add(&m->report->tally, TALLY_NOTE, notes[best], path, "");
    return ST_OK;
}

static status read_file(struct importing *m, struct sampler *sampler, const struct source_file *file)
{
    struct reader *r;
    char path[4096];
    status s;

    if (locate(m->options, m->report->source, file->name, path, sizeof path) != 0)
        return fault(ST_INPUT, "%s/%s/%s: is gone", m->options->raw, m->report->source->folder, file->name);
    if (m->report->entry->kind == TASK_EXTRACTIVE) TRY(measure_file(m, sampler, file, path));
    TRY(reader_open(m->report->source, path, &r));
    do s = read_row(m, sampler, file, r);
    while (s == ST_OK);
    reader_close(&r);
    return s == ST_END ? ST_OK : s;
}

static status none_used(const struct importing *m)
{
    const struct tally *t = &m->report->tally;
    const struct tally_line *line = t->line;

    while (line < t->line + t->lines && line->kind == TALLY_NOTE) line++;
    if (line == t->line + t->lines)
        return fault(ST_INPUT, "%s: %s/%s: the files have no rows", m->report->entry->id, m->options->raw,
                     m->report->source->folder);
    return fault(ST_INPUT, "%s: none of the %" PRId64 " rows of %s/%s can be used (%s, first: %s)",
                 m->report->entry->id, m->report->read, m->options->raw, m->report->source->folder, line->what,
                 line->first);
}

static status read_files(struct importing *m)
{
    const struct task_source *source = m->report->source;
    struct sampler *sampler;
    status s;

    TRY(sampler_new(m->report->entry, source, m->vocabulary, &sampler));
    s = ST_OK;
    for (size_t i = 0; i < source->files && s == ST_OK; i++) s = read_file(m, sampler, &source->file[i]);
    sampler_destroy(&sampler);
    if (s == ST_OK && m->rows == 0) s = none_used(m);
    return s;
}

/* ---- writing ---- */

static void add_count(struct token_count *sum, const struct token_count *row)
{
    sum->tokens += row->tokens;
    sum->unknown += row->unknown;
    sum->items += row->items;
    sum->unknown_items += row->unknown_items;
}

/* list: room for all rows. */
static status write_rows(struct importing *m, enum split split, const char *folder, const char *meta, size_t meta_bytes,
                         const unsigned char set[16], struct shard_words *list)
{
    char path[4096], name[32];
    int64_t count = 0, texts = 0;

    for (size_t i = 0; i < m->rows; i++) {
        if (m->row[i].split != split || m->row[i].dropped) continue;
        list[count++] = (struct shard_words){m->words + m->row[i].at, m->row[i].n};
        add_count(&m->report->count[split], &m->row[i].count);
    }
    m->report->rows[split] = count;
    snprintf(name, sizeof name, "%s.shard", split_text(split));
    TRY(file_join(path, sizeof path, folder, name));
    TRY(shard_write(path, split, m->report->entry->fields, meta, meta_bytes, list, count, set));
    if (m->report->entry->kind != TASK_EXTRACTIVE) return ST_OK;
    for (size_t i = 0; i < m->rows; i++)
        if (m->row[i].split == split && !m->row[i].dropped)
            list[texts++] = (struct shard_words){m->texts + m->row[i].texts_at, m->row[i].texts_n};
    snprintf(name, sizeof name, "%s.texts", split_text(split));
    TRY(file_join(path, sizeof path, folder, name));
    return shard_write(path, split, m->report->entry->fields, "", 0, list, count, set);
}

static status write_split(struct importing *m, enum split split, const char *folder, const char *meta,
                          size_t meta_bytes, const unsigned char set[16])
{
    struct shard_words *list;
    status s;

    TRY(mem_alloc(m->rows, sizeof *list, &list));
    s = write_rows(m, split, folder, meta, meta_bytes, set, list);
    mem_free(list);
    return s;
}

/* What all shards of this import share: description, rows, and where each row went. */
static status set_digest(const struct importing *m, const char *meta, size_t meta_bytes, unsigned char out[16])
{
    struct digest d;

    TRY(digest_init(&d));
    digest_add(&d, meta, meta_bytes);
    digest_add(&d, m->words, m->n * sizeof *m->words);
    for (size_t i = 0; i < m->rows; i++) {
        const unsigned char where[2] = {m->row[i].split, m->row[i].dropped};
        digest_add(&d, where, sizeof where);
    }
    digest_read_bytes(&d, out);
    digest_fini(&d);
    return ST_OK;
}

static json_t *tally_json(const struct tally *t)
{
    json_t *list = json_array();

    for (int i = 0; i < t->lines; i++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:s}", "kind", tally_kind_text(t->line[i].kind), "what",
                                              t->line[i].what, "count", (json_int_t)t->line[i].count, "first",
                                              t->line[i].first));
    return list;
}

static json_t *count_json(const struct token_count *c)
{
    return json_pack("{s:I,s:I,s:I,s:I}", "tokens", (json_int_t)c->tokens, "unknown", (json_int_t)c->unknown, "answers",
                     (json_int_t)c->items, "unknown_answers", (json_int_t)c->unknown_items);
}

static status write_report(const struct importing *m, const char *folder)
{
    const struct import_report *r = m->report;
    json_t *root = json_pack("{s:s,s:s,s:I}", "task", r->entry->id, "source", r->source->about ? r->source->about : "",
                             "read", (json_int_t)r->read);
    json_t *rows = json_object(), *unknown = json_object(), *drawn = json_array();
    char path[4096], *dump;
    status s;

    for (int i = 0; i < SPLIT_COUNT; i++) {
        json_object_set_new(rows, split_text((enum split)i), json_integer(r->rows[i]));
        json_object_set_new(unknown, split_text((enum split)i), count_json(&r->count[i]));
        if (r->drawn[i]) json_array_append_new(drawn, json_string(split_text((enum split)i)));
    }
    json_object_set_new(root, "rows", rows);
    json_object_set_new(root, "unknown", unknown);
    json_object_set_new(root, "drawn", drawn);
    json_object_set_new(root, "tally", tally_json(&r->tally));
    dump = json_dumps(root, JSON_INDENT(1));
    json_decref(root);
    if (!dump) return fault(ST_MEMORY, "out of memory: the report of an import");
    s = file_join(path, sizeof path, folder, "import.json");
    if (s == ST_OK) s = file_replace(path, dump, strlen(dump));
    free(dump);
    return s;
}

static status write_task(struct importing *m)
{
    unsigned char set[16];
    char folder[4096], *meta;
    size_t meta_bytes;
    status s;

    TRY(file_join(folder, sizeof folder, m->options->out, m->report->entry->id));
    TRY(file_make_folder(folder));
    TRY(meta_make(m->report->entry, m->report->source, m->group, m->vocabulary, &meta, &meta_bytes));
    s = set_digest(m, meta, meta_bytes, set);
    for (int i = 0; i < SPLIT_COUNT && s == ST_OK; i++)
        s = write_split(m, (enum split)i, folder, meta, meta_bytes, set);
    if (s == ST_OK) s = write_report(m, folder);
    mem_free(meta);
    return s;
}

static status import_task(const struct vocabulary *vocabulary, const struct import_options *options, const char *group,
                          struct import_report *report)
{
    struct importing m = {.options = options, .vocabulary = vocabulary, .group = group, .report = report};
    status s;

    report->source = find_source(options, report->entry);
    if (!report->source) return ST_OK;
    s = read_files(&m);
    if (s == ST_OK) s = splitting_run(report->entry, m.row, m.rows, &report->tally, report->drawn);
    if (s == ST_OK) s = write_task(&m);
    mem_free(m.words);
    mem_free(m.texts);
    mem_free(m.row);
    return s;
}

static int wanted(const struct import_options *o, const struct entry *e)
{
    for (size_t i = 0; i < o->tasks.count; i++)
        if (strcmp(o->tasks.items[i], e->id) == 0) return 1;
    return o->tasks.count == 0 && !e->off;
}

static status import_tasks(const struct catalogue *catalogue, const struct vocabulary *vocabulary,
                           const struct import_options *options, const struct groups *groups,
                           void (*done)(void *arg, const struct import_report *report), void *arg)
{
    size_t imported = 0;

    for (size_t i = 0; i < catalogue->count; i++) {
        struct import_report report = {.entry = &catalogue->entry[i]};
        if (!wanted(options, report.entry)) continue;
        TRY(import_task(vocabulary, options, groups_find(groups, report.entry->id), &report));
        imported += report.source != NULL;
        done(arg, &report);
    }
    if (imported == 0) return fault(ST_INPUT, "%s: holds the files of none of the tasks asked for", options->raw);
    return ST_OK;
}

status import_run(const struct catalogue *catalogue, const struct vocabulary *vocabulary,
                  const struct import_options *options, void (*done)(void *arg, const struct import_report *report),
                  void *arg)
{
    struct groups groups;
    status s;

    for (size_t i = 0; i < options->tasks.count; i++)
        if (!catalogue_find(catalogue, options->tasks.items[i]))
            return fault(ST_INPUT, "no task is named \"%.60s\" in the catalogue", options->tasks.items[i]);
    if (!file_is_folder(options->raw))
        return fault(ST_INPUT, "%s: is no folder; it must hold the published data", options->raw);
    TRY(groups_load(options->raw, &groups));
    s = import_tasks(catalogue, vocabulary, options, &groups, done, arg);
    groups_free(&groups);
    return s;
}
