/* Opening a folder of shards under a form, and handing out rows. */
#include "coordinator/data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/digest.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/data/answer.h"
#include "coordinator/data/input.h"

enum { TASK_LIMIT = 4096 };

/* A split: its shard, and which of its rows fit. */
struct rows {
    struct shard shard, texts;
    int64_t count, dropped, shortened;
    int64_t *kept; /* row -> row of the shard; NULL: all are kept */
    int32_t *length;
    double majority;
};

struct member {
    struct task task;
    struct meta meta;
    struct input_rule rule;
    struct rows rows[SPLIT_COUNT];
};

struct dataset {
    struct input_form form;
    int count;
    struct member **member;
    size_t room;
    char digest[33];
};

/* ---- opening ---- */

static status scan_rows(const struct member *m, struct rows *r)
{
    int64_t seen[LABEL_LIMIT] = {0}, most = 0, labelled = 0;
    struct shard_row row;
    struct input_cut cut;

    TRY(mem_alloc((size_t)r->shard.rows, sizeof *r->length, &r->length));
    TRY(mem_alloc((size_t)r->shard.rows, sizeof *r->kept, &r->kept));
    for (int64_t i = 0; i < r->shard.rows; i++) {
        shard_row(&r->shard, i, &row);
        input_cut(&m->rule, &row, &cut);
        if (cut.length == 0) continue;
        r->shortened += cut.shortened;
        r->length[r->count] = cut.length;
        r->kept[r->count++] = i;
        if (row.label >= 0 && row.label < LABEL_LIMIT) labelled++, seen[row.label]++;
    }
    for (int i = 0; i < LABEL_LIMIT; i++) most = seen[i] > most ? seen[i] : most;
    if (labelled > 0) r->majority = (double)most / (double)labelled;
    r->dropped = r->shard.rows - r->count;
    if (r->dropped > 0) return ST_OK;
    mem_free(r->kept);
    r->kept = NULL;
    return ST_OK;
}

static status open_texts(struct member *m, const char *folder, const char *id, enum split split)
{
    struct rows *r = &m->rows[split];
    char path[4096], name[128];

    snprintf(name, sizeof name, "%.64s/%s.texts", id, split_text(split));
    TRY(file_join(path, sizeof path, folder, name));
    if (!file_exists(path))
        return fault(ST_INPUT, "%s: is missing, the texts by which answers are scored; import the task again", path);
    TRY(shard_open(path, &r->texts));
    return texts_check(&r->texts, path, &r->shard, m->meta.context);
}

static status open_split(struct member *m, const char *folder, const char *id, enum split split)
{
    struct rows *r = &m->rows[split];
    const struct shard *first = &m->rows[SPLIT_TRAIN].shard;
    char path[4096], name[128];

    snprintf(name, sizeof name, "%.64s/%s.shard", id, split_text(split));
    TRY(file_join(path, sizeof path, folder, name));
    TRY(shard_open(path, &r->shard));
    if (r->shard.split != (int)split)
        return fault(ST_INPUT, "%s: holds the split %s", path, split_text((enum split)r->shard.split));
    if (split == SPLIT_TRAIN) TRY(meta_parse(path, r->shard.meta, r->shard.meta_bytes, &m->meta));
    if (memcmp(r->shard.set, first->set, sizeof first->set) != 0 || r->shard.meta_bytes != first->meta_bytes ||
        memcmp(r->shard.meta, first->meta, first->meta_bytes) != 0)
        return fault(ST_INPUT, "%s: is of another import than the task's train.shard; import the task again", path);
    TRY(shard_check(&r->shard, path, &m->meta));
    return m->meta.kind == TASK_EXTRACTIVE ? open_texts(m, folder, id, split) : ST_OK;
}

static void describe(struct member *m)
{
    const struct meta_wording *w = m->rule.wording;

    m->task = (struct task){.id = m->meta.id,
                            .name = m->meta.name,
                            .kind = m->meta.kind,
                            .metric = m->meta.metric,
                            .labels = w->labels,
                            .classes = m->meta.labels,
                            .words = w->words,
                            .label_set = w->label_set,
                            .group = m->meta.group,
                            .upstream = m->meta.upstream,
                            .downstream = m->meta.downstream,
                            .few_shot = m->meta.few_shot,
                            .roles = m->meta.roles};
}

static void member_free(struct member *m)
{
    for (int i = 0; i < SPLIT_COUNT; i++) {
        shard_close(&m->rows[i].shard);
        shard_close(&m->rows[i].texts);
        mem_free(m->rows[i].kept);
        mem_free(m->rows[i].length);
    }
    meta_fini(&m->meta);
    mem_free(m);
}

static status open_member(struct dataset *d, const char *folder, const char *id, struct member *m)
{
    for (int i = 0; i < SPLIT_COUNT; i++) TRY(open_split(m, folder, id, (enum split)i));
    if (strcmp(m->meta.id, id) != 0) return fault(ST_INPUT, "%s/%s: holds the task %s", folder, id, m->meta.id);
    TRY(input_rule_init(&m->meta, &d->form, &m->rule));
    describe(m);
    if (d->count > 0 && (strcmp(d->member[0]->meta.vocabulary, m->meta.vocabulary) != 0))
        return fault(ST_INPUT, "%s: tasks %s and %s were imported with different vocabularies; import them again",
                     folder, d->member[0]->meta.id, id);
    for (int i = 0; i < SPLIT_COUNT; i++) TRY(scan_rows(m, &m->rows[i]));
    if (m->rows[SPLIT_TRAIN].count == 0)
        return fault(ST_INPUT, "task %s: no row for training fits %d tokens", id, d->form.max_length);
    return ST_OK;
}

static status add_task(struct dataset *d, const char *folder, const char *id)
{
    struct member *m;
    char path[4096];
    status s;

    for (int i = 0; i < d->count; i++)
        if (strcmp(d->member[i]->meta.id, id) == 0) return fault(ST_INPUT, "tasks: \"%s\" stands there twice", id);
    if (strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(id) || !id[0])
        return fault(ST_INPUT, "tasks: found \"%.60s\", expected a task's id", id);
    TRY(file_join(path, sizeof path, folder, id));
    if (!file_is_folder(path))
        return fault(ST_INPUT, "%s: task %s was not imported there (`mp2 data import`)", folder, id);
    TRY(mem_grow(&d->member, &d->room, (size_t)d->count + 1, sizeof *d->member));
    TRY(mem_alloc(1, sizeof *m, &m));
    s = open_member(d, folder, id, m);
    if (s != ST_OK) return member_free(m), s;
    d->member[d->count++] = m;
    return ST_OK;
}

/* ---- every upstream task of a folder, or every task ---- */

struct found {
    int upstream;
    char id[65];
};

/* Upstream tasks by their number, then the others by name. */
static int found_order(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    if ((x->upstream < 0) != (y->upstream < 0)) return x->upstream < 0 ? 1 : -1;
    return x->upstream != y->upstream ? x->upstream - y->upstream : strcmp(x->id, y->id);
}

/* Whether the folder has that task, and its number; -1: no upstream task. */
static status peek(const char *folder, const char *id, int *there, int *upstream)
{
    struct shard shard;
    struct meta meta;
    char path[4096], name[128];
    status s;

    *there = 0;
    *upstream = -1;
    snprintf(name, sizeof name, "%.64s/train.shard", id);
    TRY(file_join(path, sizeof path, folder, name));
    if (!file_exists(path)) return ST_OK;
    TRY(shard_open(path, &shard));
    s = meta_parse(path, shard.meta, shard.meta_bytes, &meta);
    shard_close(&shard);
    if (s != ST_OK) return s;
    *there = 1;
    *upstream = meta.upstream;
    meta_fini(&meta);
    return ST_OK;
}

static status add_found(struct dataset *d, const char *folder, int every)
{
    struct found *found;
    struct dirent *entry;
    int count = 0;
    DIR *dir = opendir(folder);
    status s;

    if (!dir) return fault(ST_INPUT, "%s: cannot be read as the folder of imported tasks: %s", folder, strerror(errno));
    s = mem_alloc(TASK_LIMIT, sizeof *found, &found);
    while (s == ST_OK && count < TASK_LIMIT && (entry = readdir(dir)) != NULL) {
        size_t n = strlen(entry->d_name);
        int there;
        if (entry->d_name[0] == '.' || n >= sizeof found->id) continue;
        memcpy(found[count].id, entry->d_name, n + 1);
        s = peek(folder, entry->d_name, &there, &found[count].upstream);
        count += there && (every || found[count].upstream >= 0);
    }
    closedir(dir);
    if (s == ST_OK) qsort(found, (size_t)count, sizeof *found, found_order);
    for (int i = 0; i < count && s == ST_OK; i++) s = add_task(d, folder, found[i].id);
    mem_free(found);
    if (s == ST_OK && count == 0)
        s = fault(
            ST_INPUT,
            every
                ? "%s: no task was imported there (`mp2 data import`)"
                : "%s: no upstream task was imported there (`mp2 data import`); expected the names of others in tasks",
            folder);
    return s;
}

/* ---- the whole ---- */

/* Of the tasks first … last - 1. */
static status digest_tasks(const struct dataset *d, int first, int last, char out[33])
{
    const int32_t form[4] = {d->form.prompt, d->form.first_placeholder, d->form.max_length, d->form.reference};
    struct digest x;

    TRY(digest_init(&x));
    digest_add(&x, form, sizeof form);
    for (int i = first; i < last; i++) {
        digest_add(&x, d->member[i]->meta.id, strlen(d->member[i]->meta.id) + 1);
        digest_add(&x, d->member[i]->rows[SPLIT_TRAIN].shard.set, 16);
        for (int k = 0; k < SPLIT_COUNT; k++) digest_add(&x, d->member[i]->rows[k].shard.digest, 16);
    }
    digest_read_text(&x, out);
    digest_fini(&x);
    return ST_OK;
}

static status open_tasks(struct dataset *d, const char *folder, const struct option_list *tasks)
{
    if (d->form.prompt < 0 || d->form.max_length < 8 || d->form.reference < 0 || d->form.reference >= WORDING_COUNT)
        return fault(ST_INPUT, "an input form of %d prompt tokens, %d tokens in all", d->form.prompt,
                     d->form.max_length);
    if (!tasks || tasks->count == 0) TRY(add_found(d, folder, !tasks));
    for (size_t i = 0; tasks && i < tasks->count; i++) TRY(add_task(d, folder, tasks->items[i]));
    return digest_tasks(d, 0, d->count, d->digest);
}

status dataset_open(const char *folder, const struct option_list *tasks, const struct input_form *form,
                    struct dataset **out)
{
    status s;

    TRY(mem_alloc(1, sizeof **out, out));
    (*out)->form = *form;
    s = open_tasks(*out, folder, tasks);
    if (s != ST_OK) dataset_close(out);
    return s;
}

void dataset_close(struct dataset **dataset)
{
    struct dataset *d = *dataset;

    if (!d) return;
    for (int i = 0; i < d->count; i++) member_free(d->member[i]);
    mem_free(d->member);
    mem_free(d);
    *dataset = NULL;
}

/* ---- reading ---- */

static const struct rows *rows_of(const struct dataset *d, int task, enum split split)
{
    return &d->member[task]->rows[split];
}

static int64_t shard_number(const struct rows *r, int64_t row)
{
    return r->kept ? r->kept[row] : row;
}

int dataset_tasks(const struct dataset *d)
{
    return d->count;
}

const struct task *dataset_task(const struct dataset *d, int task)
{
    return &d->member[task]->task;
}

const char *dataset_description(const struct dataset *d, int task, size_t *n)
{
    const struct shard *train = &d->member[task]->rows[SPLIT_TRAIN].shard;

    *n = train->meta_bytes;
    return train->meta;
}

int64_t dataset_rows(const struct dataset *d, int task, enum split split)
{
    return rows_of(d, task, split)->count;
}

int64_t dataset_dropped(const struct dataset *d, int task, enum split split)
{
    return rows_of(d, task, split)->dropped;
}

int64_t dataset_shortened(const struct dataset *d, int task, enum split split)
{
    return rows_of(d, task, split)->shortened;
}

int32_t dataset_length(const struct dataset *d, int task, enum split split, int64_t row)
{
    return rows_of(d, task, split)->length[row];
}

double dataset_majority(const struct dataset *d, int task, enum split split)
{
    return rows_of(d, task, split)->majority;
}

int dataset_label(const struct dataset *d, int task, enum split split, int64_t row)
{
    const struct rows *r = rows_of(d, task, split);
    struct shard_row words;

    shard_row(&r->shard, shard_number(r, row), &words);
    return words.label;
}

void dataset_input_digest(const struct dataset *d, int task, enum split split, int64_t row, unsigned char out[16])
{
    const struct rows *r = rows_of(d, task, split);
    const uint64_t *at = r->shard.index + shard_number(r, row);
    XXH128_canonical_t digest;

    /* After the label, which stands first. */
    XXH128_canonicalFromHash(&digest,
                             XXH3_128bits(r->shard.data + at[0] + 1, (at[1] - at[0] - 1) * sizeof *r->shard.data));
    memcpy(out, digest.digest, sizeof digest.digest);
}

static status make_example(const struct dataset *d, int task, enum split split, int64_t row, int window,
                           struct example_buffer *buffer, struct example *out)
{
    const struct rows *r = rows_of(d, task, split);
    int64_t number = shard_number(r, row);
    struct shard_row words;

    shard_row(&r->shard, number, &words);
    return input_make(&d->member[task]->rule, &words, number, window, buffer, out);
}

status dataset_example(const struct dataset *d, int task, enum split split, int64_t row, struct example_buffer *buffer,
                       struct example *out)
{
    return make_example(d, task, split, row, -1, buffer, out);
}

int dataset_windows(const struct dataset *d, int task, enum split split, int64_t row)
{
    const struct rows *r = rows_of(d, task, split);
    struct shard_row words;
    struct input_cut cut;

    shard_row(&r->shard, shard_number(r, row), &words);
    input_cut(&d->member[task]->rule, &words, &cut);
    return cut.windows;
}

status dataset_window(const struct dataset *d, int task, enum split split, int64_t row, int window,
                      struct example_buffer *buffer, struct example *out)
{
    return make_example(d, task, split, row, window, buffer, out);
}

status dataset_answer_f1(const struct dataset *d, int task, enum split split, int64_t row, int32_t first, int32_t last,
                         double *f1)
{
    const struct rows *r = rows_of(d, task, split);
    struct row_texts texts;

    texts_row(&r->texts, shard_number(r, row), &texts);
    if (last >= texts.tokens) return fault(ST_SYSTEM, "internal error: an answer behind the context");
    return answer_f1(&texts, first, last, f1);
}

const char *dataset_digest(const struct dataset *d)
{
    return d->digest;
}

status dataset_task_digest(const struct dataset *d, int task, char out[33])
{
    return digest_tasks(d, task, task + 1, out);
}

const char *dataset_vocabulary_digest(const struct dataset *d)
{
    return d->member[0]->meta.vocabulary;
}

int32_t dataset_vocabulary_size(const struct dataset *d)
{
    return d->member[0]->meta.vocabulary_size;
}
