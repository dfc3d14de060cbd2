/* state.pb to and from the plain struct. The last field is a checksum over all bytes before it: protobuf itself
 * would take many damaged messages for good ones. */
#include "cluster/store/state.h"

#include <limits.h>
#include <string.h>

#include <xxhash.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "proto/state.pb-c.h"

enum { STATE_VERSION = 1, CHECK_BYTES = 10, STATE_BYTES_MOST = 64 << 20 };

/* Field 1000, 64 bits wide: its key as a varint. */
static const unsigned char check_key[2] = {0xc1, 0x3e};

typedef Mp2__State__State state_message;
typedef Mp2__State__Task task_message;
typedef Mp2__State__Value value_message;
typedef Mp2__State__File file_message;

/* protobuf-c does not write to what it packs; its structs only lack the const. */
static char *text_of(const char *text)
{
    return text ? (char *)(uintptr_t)text : (char *)(uintptr_t)protobuf_c_empty_string;
}

/* ---- encoding ---- */

/* The messages inside a state's message, in arrays of their own. */
struct nested_state {
    task_message *tasks, **task_list;
    value_message *values, **value_list;
    file_message *files, **file_list;
};

static void nested_fini(struct nested_state *n)
{
    mem_free(n->tasks);
    mem_free(n->task_list);
    mem_free(n->values);
    mem_free(n->value_list);
    mem_free(n->files);
    mem_free(n->file_list);
}

static status nested_alloc(const struct state *s, struct nested_state *n)
{
    *n = (struct nested_state){0};
    TRY(mem_alloc(s->task_count, sizeof *n->tasks, &n->tasks));
    TRY(mem_alloc(s->task_count, sizeof *n->task_list, &n->task_list));
    TRY(mem_alloc(s->value_count, sizeof *n->values, &n->values));
    TRY(mem_alloc(s->value_count, sizeof *n->value_list, &n->value_list));
    TRY(mem_alloc(s->file_count, sizeof *n->files, &n->files));
    return mem_alloc(s->file_count, sizeof *n->file_list, &n->file_list);
}

static void fill_value(const struct state_value *v, value_message *m)
{
    mp2__state__value__init(m);
    m->name = text_of(v->name);
    switch (v->type) {
    case STATE_WHOLE:
        m->value_case = MP2__STATE__VALUE__VALUE_WHOLE;
        m->whole = v->whole;
        break;
    case STATE_REAL:
        m->value_case = MP2__STATE__VALUE__VALUE_REAL;
        m->real = v->real;
        break;
    case STATE_TEXT:
        m->value_case = MP2__STATE__VALUE__VALUE_TEXT;
        m->text = text_of(v->text);
        break;
    }
}

static void fill_nested(const struct state *s, struct nested_state *n)
{
    for (size_t i = 0; i < s->task_count; i++) {
        mp2__state__task__init(n->task_list[i] = &n->tasks[i]);
        n->tasks[i].name = text_of(s->tasks[i].name);
        n->tasks[i].label_set = text_of(s->tasks[i].label_set);
        n->tasks[i].first_loss = s->tasks[i].first_loss;
    }
    for (size_t i = 0; i < s->value_count; i++) fill_value(&s->values[i], n->value_list[i] = &n->values[i]);
    for (size_t i = 0; i < s->file_count; i++) {
        mp2__state__file__init(n->file_list[i] = &n->files[i]);
        n->files[i].name = text_of(s->files[i].name);
        n->files[i].bytes = s->files[i].bytes;
        n->files[i].chunk = STATE_CHUNK_BYTES;
        n->files[i].n_sums = s->files[i].sum_count;
        n->files[i].sums = s->files[i].sums;
    }
}

static void fill_state(const struct state *s, struct nested_state *n, state_message *m)
{
    mp2__state__state__init(m);
    m->version = STATE_VERSION;
    m->kind = text_of(s->kind);
    m->step = s->step;
    m->seed = s->seed;
    m->config_digest = text_of(s->config_digest);
    m->vocabulary_digest = text_of(s->vocabulary_digest);
    m->encoder_digest = text_of(s->encoder_digest);
    m->precision = text_of(s->precision);
    m->instruction_set = text_of(s->instruction_set);
    m->libraries = text_of(s->libraries);
    m->broken_at = s->broken_at;
    m->n_tasks = s->task_count;
    m->tasks = n->task_list;
    m->layers = s->layers;
    m->modules = s->modules;
    m->intrinsic = s->intrinsic;
    m->prompt_tokens = s->prompt_tokens;
    m->hidden = s->hidden;
    m->tau = s->tau;
    m->n_placeholders = s->placeholder_count;
    m->placeholders = s->placeholders;
    m->separator = text_of(s->separator);
    m->best_score = s->best_score;
    m->best_step = s->best_step;
    m->n_values = s->value_count;
    m->values = n->value_list;
    m->n_files = s->file_count;
    m->files = n->file_list;
}

status state_encode(const struct state *s, void **data, size_t *bytes)
{
    struct nested_state n;
    state_message m;
    unsigned char *out;
    status result;
    uint64_t check;

    result = nested_alloc(s, &n);
    if (result != ST_OK) goto done;
    fill_nested(s, &n);
    fill_state(s, &n, &m);
    *bytes = mp2__state__state__get_packed_size(&m) + CHECK_BYTES;
    result = mem_alloc(*bytes, 1, data);
    if (result != ST_OK) goto done;
    out = *data;
    mp2__state__state__pack(&m, out);
    check = XXH3_64bits(out, *bytes - CHECK_BYTES);
    memcpy(out + *bytes - CHECK_BYTES, check_key, sizeof check_key);
    memcpy(out + *bytes - sizeof check, &check, sizeof check);
done:
    nested_fini(&n);
    return result;
}

/* ---- decoding ---- */

struct decoded_state {
    state_message *message;
    struct state_task *tasks;
    struct state_value *values;
    struct state_file *files;
};

void state_fini(struct state *s)
{
    struct decoded_state *d = s->memory;

    if (d) {
        mp2__state__state__free_unpacked(d->message, NULL);
        mem_free(d->tasks);
        mem_free(d->values);
        mem_free(d->files);
        mem_free(d);
    }
    *s = (struct state){0};
}

static int check_holds(const unsigned char *data, size_t bytes)
{
    uint64_t check;

    if (bytes < CHECK_BYTES || memcmp(data + bytes - CHECK_BYTES, check_key, sizeof check_key) != 0) return 0;
    memcpy(&check, data + bytes - sizeof check, sizeof check);
    return check == XXH3_64bits(data, bytes - CHECK_BYTES);
}

/* What makes a message unfit; NULL: nothing. A file's name must stay inside the checkpoint's folder. */
static const char *file_problem(const state_message *m)
{
    for (size_t i = 0; i < m->n_files; i++) {
        const file_message *f = m->files[i];
        uint64_t chunks = f->bytes / STATE_CHUNK_BYTES + (f->bytes % STATE_CHUNK_BYTES != 0);

        if (f->name[0] == 0 || f->name[0] == '.' || strchr(f->name, '/') || strlen(f->name) > NAME_MAX)
            return "a file of a forbidden name";
        if (f->chunk != STATE_CHUNK_BYTES) return "checksums over chunks of another size";
        if (f->n_sums != chunks) return "checksums of another number than the file's chunks";
        if (f->bytes > INT64_MAX / 2) return "a file of an impossible size";
    }
    return NULL;
}

static status copy_nested(const state_message *m, struct decoded_state *d)
{
    TRY(mem_alloc(m->n_tasks, sizeof *d->tasks, &d->tasks));
    TRY(mem_alloc(m->n_values, sizeof *d->values, &d->values));
    TRY(mem_alloc(m->n_files, sizeof *d->files, &d->files));
    for (size_t i = 0; i < m->n_tasks; i++)
        d->tasks[i] = (struct state_task){m->tasks[i]->name, m->tasks[i]->label_set, m->tasks[i]->first_loss};
    for (size_t i = 0; i < m->n_values; i++) {
        const value_message *v = m->values[i];

        d->values[i] = (struct state_value){.name = v->name, .type = STATE_WHOLE, .text = ""};
        if (v->value_case == MP2__STATE__VALUE__VALUE_WHOLE) d->values[i].whole = v->whole;
        if (v->value_case == MP2__STATE__VALUE__VALUE_REAL) d->values[i].type = STATE_REAL, d->values[i].real = v->real;
        if (v->value_case == MP2__STATE__VALUE__VALUE_TEXT) d->values[i].type = STATE_TEXT, d->values[i].text = v->text;
    }
    for (size_t i = 0; i < m->n_files; i++)
        d->files[i] = (struct state_file){m->files[i]->name, m->files[i]->bytes, m->files[i]->n_sums,
                                          m->files[i]->sums};
    return ST_OK;
}

static void expose(const state_message *m, struct decoded_state *d, struct state *out)
{
    *out = (struct state){.kind = m->kind,
                          .step = m->step,
                          .seed = m->seed,
                          .config_digest = m->config_digest,
                          .vocabulary_digest = m->vocabulary_digest,
                          .encoder_digest = m->encoder_digest,
                          .precision = m->precision,
                          .instruction_set = m->instruction_set,
                          .libraries = m->libraries,
                          .broken_at = m->broken_at,
                          .task_count = m->n_tasks,
                          .tasks = d->tasks,
                          .layers = m->layers,
                          .modules = m->modules,
                          .intrinsic = m->intrinsic,
                          .prompt_tokens = m->prompt_tokens,
                          .hidden = m->hidden,
                          .tau = m->tau,
                          .placeholder_count = m->n_placeholders,
                          .placeholders = m->placeholders,
                          .separator = m->separator,
                          .best_score = m->best_score,
                          .best_step = m->best_step,
                          .value_count = m->n_values,
                          .values = d->values,
                          .file_count = m->n_files,
                          .files = d->files,
                          .memory = d};
}

static status check_message(const char *where, const state_message *m)
{
    const char *problem;

    if (m->version > STATE_VERSION)
        return fault(ST_INPUT, "%s: checkpoint version %u, this program reads up to %d: use a newer mp2", where,
                     m->version, STATE_VERSION);
    problem = m->version == 0 ? "no version" : file_problem(m);
    if (problem) return fault(ST_INPUT, "%s: a state with %s", where, problem);
    return ST_OK;
}

status state_decode(const char *where, const void *data, size_t bytes, struct state *out)
{
    struct decoded_state *d;
    state_message *m;
    status s;

    *out = (struct state){0};
    if (!check_holds(data, bytes))
        return fault(ST_INPUT, "%s: damaged (%zu bytes, the checksum does not hold)", where, bytes);
    m = mp2__state__state__unpack(NULL, bytes, data);
    if (!m) return fault(ST_INPUT, "%s: not the state of a checkpoint", where);
    s = check_message(where, m);
    if (s == ST_OK) s = mem_alloc(1, sizeof *d, &d);
    if (s != ST_OK) {
        mp2__state__state__free_unpacked(m, NULL);
        return s;
    }
    d->message = m;
    expose(m, d, out);
    s = copy_nested(m, d);
    if (s == ST_OK) expose(m, d, out);
    else state_fini(out);
    return s;
}

status state_load(const char *folder, struct state *out)
{
    char path[PATH_MAX], *data;
    size_t bytes;
    status s;

    *out = (struct state){0};
    TRY(file_join(path, sizeof path, folder, "state.pb"));
    TRY(file_read(path, STATE_BYTES_MOST, &data, &bytes));
    s = state_decode(path, data, bytes, out);
    mem_free(data);
    return s;
}

const struct state_value *state_find(const struct state *s, const char *name)
{
    for (size_t i = 0; i < s->value_count; i++)
        if (strcmp(s->values[i].name, name) == 0) return &s->values[i];
    return NULL;
}
