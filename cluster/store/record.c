/* Journal records to and from protobuf. Encoding points the message's fields at the caller's memory, so a step's 5
 * MB are copied once, into the buffer. Decoding keeps the unpacked message as the memory that the plain struct
 * points into. */
#include "cluster/store/record.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "proto/journal.pb-c.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays in records are little-endian");

enum { RECORD_VERSION = 1, RECORD_HEADS_VERSION = 2 }; /* of a step with several heads, and the newest */

typedef Mp2__Journal__StepRecord step_message;
typedef Mp2__Journal__GroupRecord group_message;
typedef Mp2__Journal__EvalRecord eval_message;
typedef Mp2__Journal__EvalTask eval_task_message;
typedef Mp2__Journal__RunRecord run_message;

/* What a decoded record points into. */
struct decoded_record {
    ProtobufCMessage *message;
    void *array;
};

static status keep_array(ProtobufCMessage *message, size_t count, size_t size, void *array, void **memory)
{
    struct decoded_record *d;
    status s = mem_alloc(1, sizeof *d, &d);

    if (s == ST_OK) {
        d->message = message;
        s = mem_alloc(count, size, &d->array);
    }
    if (s != ST_OK) {
        mem_free(d);
        protobuf_c_message_free_unpacked(message, NULL);
        return s;
    }
    *(void **)array = d->array;
    *memory = d;
    return ST_OK;
}

static void forget(void **memory)
{
    struct decoded_record *d = *memory;

    if (!d) return;
    protobuf_c_message_free_unpacked(d->message, NULL);
    mem_free(d->array);
    mem_free(d);
    *memory = NULL;
}

void record_buffer_fini(struct record_buffer *b)
{
    mem_free(b->data);
    mem_free(b->scratch);
    *b = (struct record_buffer){0};
}

static status pack(const ProtobufCMessage *message, struct record_buffer *b)
{
    size_t bytes = protobuf_c_message_get_packed_size(message);

    if (bytes > b->room) {
        mem_free(b->data);
        b->room = 0;
        TRY(mem_alloc(bytes + bytes / 8, 1, &b->data));
        b->room = bytes + bytes / 8;
    }
    b->bytes = protobuf_c_message_pack(message, b->data);
    return ST_OK;
}

static status unpack(const char *where, const ProtobufCMessageDescriptor *type, const void *data, size_t bytes,
                     void *out)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, bytes, data);

    *(void **)out = message;
    return message ? ST_OK : fault(ST_INPUT, "%s: not a %s", where, type->short_name);
}

static status check_version(const char *where, ProtobufCMessage *message, uint32_t version, uint32_t most)
{
    const char *name = message->descriptor->short_name;

    if (version >= 1 && version <= most) return ST_OK;
    protobuf_c_message_free_unpacked(message, NULL);
    if (version == 0) return fault(ST_INPUT, "%s: %s without a version", where, name);
    return fault(ST_INPUT, "%s: %s of version %u, this program reads up to %d: use a newer mp2", where, name, version,
                 (int)most);
}

/* protobuf-c does not write to what it packs; its structs only lack the const. */
static char *text_of(const char *text)
{
    return text ? (char *)(uintptr_t)text : (char *)(uintptr_t)protobuf_c_empty_string;
}

static ProtobufCBinaryData bytes_of(const void *data, uint64_t count, size_t size)
{
    return (ProtobufCBinaryData){data ? (size_t)count * size : 0, (uint8_t *)(uintptr_t)data};
}

/* ---- steps ---- */

static void fill_group(const struct record_step *r, const struct record_group *g, group_message *m)
{
    mp2__journal__group_record__init(m);
    m->task = g->task;
    m->visit = g->visit;
    m->epoch = g->epoch;
    m->position = g->position;
    m->rows = g->rows;
    m->tokens = g->tokens;
    m->loss = g->loss;
    m->correct = g->correct;
    m->u = bytes_of(g->u, (uint64_t)r->layers * r->intrinsic, sizeof *g->u);
    m->gradient = bytes_of(g->gradient, r->layers * r->columns, sizeof *g->gradient);
    m->a_gradient = bytes_of(g->a_gradient, (uint64_t)r->layers * r->intrinsic, sizeof *g->a_gradient);
    m->slot_loss = bytes_of(g->slot_loss, g->rows, sizeof *g->slot_loss);
}

static uint32_t heads_of(uint32_t heads)
{
    return heads > 1 ? heads : 1;
}

status record_encode_step(const struct record_step *r, struct record_buffer *b)
{
    step_message m = MP2__JOURNAL__STEP_RECORD__INIT;
    group_message *groups;

    TRY(mem_grow(&b->scratch, &b->scratch_room, r->group_count * (sizeof *groups + sizeof *m.groups), 1));
    groups = b->scratch;
    m.groups = (group_message **)(void *)(groups + r->group_count);
    m.version = r->heads > 1 ? RECORD_HEADS_VERSION : RECORD_VERSION;
    m.step = r->step;
    m.layers = r->layers;
    m.intrinsic = r->intrinsic;
    m.columns = r->columns;
    m.hidden = r->hidden;
    m.n_groups = r->group_count;
    for (size_t i = 0; i < r->group_count; i++) {
        fill_group(r, &r->groups[i], &groups[i]);
        m.groups[i] = &groups[i];
    }
    m.heads = r->heads > 1 ? r->heads : 0;
    m.head_gradient = bytes_of(r->head_gradient, 2 * (uint64_t)heads_of(r->heads) * r->hidden,
                               sizeof *r->head_gradient);
    m.skipped = (Mp2__Journal__SkipReason)r->skipped;
    m.skip_text = text_of(r->skip_text);
    return pack(&m.base, b);
}

/* An array field has count elements of size bytes; absent is fine where the step was skipped. */
static int array_fits(const ProtobufCBinaryData *field, uint64_t rows, uint64_t columns, size_t size, int may_lack)
{
    uint64_t bytes;

    if (field->len == 0 && may_lack) return 1;
    if (__builtin_mul_overflow(rows, columns, &bytes) || __builtin_mul_overflow(bytes, size, &bytes)) return 0;
    return field->len == bytes;
}

static const void *array_of(const ProtobufCBinaryData *field)
{
    return field->len > 0 ? field->data : NULL;
}

static const char *step_problem(const step_message *m)
{
    int skipped = m->skipped != MP2__JOURNAL__SKIP_REASON__APPLIED;

    if ((int)m->skipped < RECORD_APPLIED || (int)m->skipped > RECORD_GRADIENT_NOT_FINITE)
        return "an unknown skip reason";
    if (!skipped && m->n_groups == 0) return "no group";
    if (!array_fits(&m->head_gradient, 2 * (uint64_t)heads_of(m->heads), m->hidden, sizeof(double), skipped))
        return "a head gradient of another size";
    for (size_t i = 0; i < m->n_groups; i++) {
        const group_message *g = m->groups[i];

        if (!array_fits(&g->u, m->layers, m->intrinsic, sizeof(float), skipped)) return "u of another size";
        if (!array_fits(&g->gradient, m->layers, m->columns, sizeof(float), skipped)) return "G of another size";
        if (!array_fits(&g->a_gradient, m->layers, m->intrinsic, sizeof(double), skipped)) return "A G of another size";
        if (!array_fits(&g->slot_loss, 1, g->rows, sizeof(float), 1)) return "losses of another number than rows";
    }
    return NULL;
}

status record_decode_step(const char *where, const void *data, size_t bytes, struct record_step *out)
{
    const char *problem;
    step_message *m;

    *out = (struct record_step){0};
    TRY(unpack(where, &mp2__journal__step_record__descriptor, data, bytes, &m));
    TRY(check_version(where, &m->base, m->version, RECORD_HEADS_VERSION));
    problem = step_problem(m);
    if (problem) {
        uint64_t step = m->step;
        protobuf_c_message_free_unpacked(&m->base, NULL);
        return fault(ST_INPUT, "%s: record of step %llu has %s", where, (unsigned long long)step, problem);
    }
    TRY(keep_array(&m->base, m->n_groups, sizeof *out->groups, &out->groups, &out->memory));
    out->step = m->step;
    out->layers = m->layers;
    out->intrinsic = m->intrinsic;
    out->columns = m->columns;
    out->hidden = m->hidden;
    out->heads = heads_of(m->heads);
    out->group_count = m->n_groups;
    out->head_gradient = array_of(&m->head_gradient);
    out->skipped = (enum record_skip)m->skipped;
    out->skip_text = m->skip_text[0] ? m->skip_text : NULL;
    for (size_t i = 0; i < m->n_groups; i++) {
        const group_message *g = m->groups[i];

        out->groups[i] = (struct record_group){.task = g->task,
                                               .visit = g->visit,
                                               .epoch = g->epoch,
                                               .position = g->position,
                                               .rows = g->rows,
                                               .tokens = g->tokens,
                                               .loss = g->loss,
                                               .correct = g->correct,
                                               .u = array_of(&g->u),
                                               .gradient = array_of(&g->gradient),
                                               .a_gradient = array_of(&g->a_gradient),
                                               .slot_loss = array_of(&g->slot_loss)};
    }
    return ST_OK;
}

void record_step_fini(struct record_step *r)
{
    forget(&r->memory);
    *r = (struct record_step){0};
}

/* ---- evaluations ---- */

status record_encode_eval(const struct record_eval *r, struct record_buffer *b)
{
    eval_message m = MP2__JOURNAL__EVAL_RECORD__INIT;
    eval_task_message *tasks;
    status s;

    TRY(mem_alloc(r->task_count, sizeof *tasks, &tasks));
    s = mem_alloc(r->task_count, sizeof *m.tasks, &m.tasks);
    if (s != ST_OK) goto done;
    m.version = RECORD_VERSION;
    m.step = r->step;
    m.mean = r->mean;
    m.best = r->best != 0;
    m.best_mean = r->best_mean;
    m.best_step = r->best_step;
    m.subset = r->subset != 0;
    m.n_tasks = r->task_count;
    for (size_t i = 0; i < r->task_count; i++) {
        mp2__journal__eval_task__init(&tasks[i]);
        tasks[i].task = r->tasks[i].task;
        tasks[i].rows = r->tasks[i].rows;
        tasks[i].score = r->tasks[i].score;
        tasks[i].loss = r->tasks[i].loss;
        m.tasks[i] = &tasks[i];
    }
    s = pack(&m.base, b);
done:
    mem_free(m.tasks);
    mem_free(tasks);
    return s;
}

status record_decode_eval(const char *where, const void *data, size_t bytes, struct record_eval *out)
{
    eval_message *m;

    *out = (struct record_eval){0};
    TRY(unpack(where, &mp2__journal__eval_record__descriptor, data, bytes, &m));
    TRY(check_version(where, &m->base, m->version, RECORD_VERSION));
    TRY(keep_array(&m->base, m->n_tasks, sizeof *out->tasks, &out->tasks, &out->memory));
    out->step = m->step;
    out->task_count = m->n_tasks;
    out->mean = m->mean;
    out->best = m->best;
    out->best_mean = m->best_mean;
    out->best_step = m->best_step;
    out->subset = m->subset;
    for (size_t i = 0; i < m->n_tasks; i++)
        out->tasks[i] = (struct record_eval_task){m->tasks[i]->task, m->tasks[i]->rows, m->tasks[i]->score,
                                                  m->tasks[i]->loss};
    return ST_OK;
}

void record_eval_fini(struct record_eval *r)
{
    forget(&r->memory);
    *r = (struct record_eval){0};
}

/* ---- starts and resumes ---- */

status record_encode_run(const struct record_run *r, struct record_buffer *b)
{
    run_message m = MP2__JOURNAL__RUN_RECORD__INIT;

    m.version = RECORD_VERSION;
    m.step = r->step;
    m.event = (Mp2__Journal__RunRecord__Event)r->event;
    m.config_digest = text_of(r->config_digest);
    m.precision = text_of(r->precision);
    m.instruction_set = text_of(r->instruction_set);
    m.libraries = text_of(r->libraries);
    m.build = text_of(r->build);
    m.ranks = r->ranks;
    return pack(&m.base, b);
}

status record_decode_run(const char *where, const void *data, size_t bytes, struct record_run *out)
{
    run_message *m;
    void *none;

    *out = (struct record_run){0};
    TRY(unpack(where, &mp2__journal__run_record__descriptor, data, bytes, &m));
    TRY(check_version(where, &m->base, m->version, RECORD_VERSION));
    if ((int)m->event < RECORD_START || (int)m->event > RECORD_BREAK) {
        protobuf_c_message_free_unpacked(&m->base, NULL);
        return fault(ST_INPUT, "%s: a run record of an unknown kind", where);
    }
    TRY(keep_array(&m->base, 0, 1, &none, &out->memory));
    out->step = m->step;
    out->event = (enum record_event)m->event;
    out->config_digest = m->config_digest;
    out->precision = m->precision;
    out->instruction_set = m->instruction_set;
    out->libraries = m->libraries;
    out->build = m->build;
    out->ranks = m->ranks;
    return ST_OK;
}

void record_run_fini(struct record_run *r)
{
    forget(&r->memory);
    *r = (struct record_run){0};
}
