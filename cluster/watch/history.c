/* One store per topic. A store is a list of kept messages with one of three rules (thin, newest, latest per key); each
 * has a limit in messages and in bytes, so the whole is bounded: about 20 MiB at the very most, 2 MiB in a usual
 * run. */
#include "cluster/watch/history.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cluster/base/memory.h"

enum { TOPICS = 9, MESSAGE_LIMIT = 4 << 20, RECENT_COUNT = 2048, RECENT_BYTES = 2 << 20 };

enum rule {
    THIN,   /* every 2^k-th, and the latest */
    NEWEST, /* the last so many */
    LATEST  /* one per key */
};

struct kept {
    struct history_entry entry;
    uint64_t key;
    unsigned char *copy;
};

struct store {
    enum rule rule;
    size_t most, most_bytes;
    struct kept *items; /* oldest first */
    size_t count, room, bytes;
    uint64_t seen, stride; /* THIN: arrivals, and which are kept */
    int tail;              /* THIN: the last item is there only because it is the latest */
};

struct history {
    uint64_t order;
    struct store topic[TOPICS]; /* by body case - MP2__PROGRESS__BODY_RUN */
    struct store first_run;     /* with the configuration */
    struct store changes;       /* of workers' states */
    struct store recent;        /* everything, for repairs */
};

static const struct {
    enum rule rule;
    size_t most, most_bytes;
} rules[TOPICS] = {
    {NEWEST, 1, 4 << 20},    /* run */
    {THIN, 4096, 4 << 20},   /* step */
    {LATEST, 512, 1 << 20},  /* task */
    {THIN, 48, 6 << 20},     /* router */
    {LATEST, 1024, 1 << 20}, /* worker */
    {THIN, 512, 4 << 20},    /* eval */
    {NEWEST, 128, 1 << 20},  /* checkpoint */
    {NEWEST, 256, 1 << 20},  /* event */
    {NEWEST, 1, 1 << 16},    /* stream */
};

static void store_init(struct store *s, enum rule rule, size_t most, size_t most_bytes)
{
    s->rule = rule;
    s->most = most;
    s->most_bytes = most_bytes;
    s->stride = 1;
}

static void store_remove(struct store *s, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        s->bytes -= s->items[i].entry.size;
        mem_free(s->items[i].copy);
    }
    memmove(s->items + first, s->items + first + n, (s->count - first - n) * sizeof *s->items);
    s->count -= n;
}

static void store_clear(struct store *s)
{
    for (size_t i = 0; i < s->count; i++) mem_free(s->items[i].copy);
    s->count = s->bytes = 0;
    s->seen = 0;
    s->stride = 1;
    s->tail = 0;
}

/* Keep every other item, and double the stride. */
static void store_halve(struct store *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->count; i++)
        if (i % 2 == 0) {
            s->items[n++] = s->items[i];
        } else {
            s->bytes -= s->items[i].entry.size;
            mem_free(s->items[i].copy);
        }
    s->count = n;
    s->stride *= 2;
}

/* Make room according to the store's rule, before one more item of so many bytes is appended. */
static void store_make_room(struct store *s, uint64_t key, size_t size)
{
    if (s->rule == THIN) {
        if (s->tail) store_remove(s, s->count - 1, 1);
        while (s->count > 1 && (s->count >= s->most || s->bytes + size > s->most_bytes)) store_halve(s);
        s->tail = s->seen++ % s->stride != 0;
        return;
    }
    if (s->rule == LATEST)
        for (size_t i = 0; i < s->count; i++)
            if (s->items[i].key == key) {
                store_remove(s, i, 1);
                break;
            }
    /* An eighth at a time: the list moves rarely. */
    while (s->count && (s->count >= s->most || s->bytes + size > s->most_bytes)) store_remove(s, 0, s->count / 8 + 1);
}

static status store_add(struct store *s, uint64_t key, const struct history_entry *entry)
{
    struct kept k = {*entry, key, NULL};

    TRY(mem_alloc(entry->size, 1, &k.copy));
    memcpy(k.copy, entry->bytes, entry->size);
    k.entry.bytes = k.copy;
    store_make_room(s, key, entry->size);
    if (mem_grow(&s->items, &s->room, s->count + 1, sizeof *s->items) != ST_OK) {
        mem_free(k.copy);
        return ST_MEMORY;
    }
    s->items[s->count++] = k;
    s->bytes += entry->size;
    return ST_OK;
}

status history_new(struct history **out)
{
    struct history *h;

    TRY(mem_alloc(1, sizeof *h, &h));
    for (int i = 0; i < TOPICS; i++) store_init(&h->topic[i], rules[i].rule, rules[i].most, rules[i].most_bytes);
    store_init(&h->first_run, NEWEST, 1, 4 << 20);
    store_init(&h->changes, NEWEST, 2000, 1 << 20);
    store_init(&h->recent, NEWEST, RECENT_COUNT, RECENT_BYTES);
    *out = h;
    return ST_OK;
}

void history_clear(struct history *h)
{
    for (int i = 0; i < TOPICS; i++) store_clear(&h->topic[i]);
    store_clear(&h->first_run);
    store_clear(&h->changes);
    store_clear(&h->recent);
}

void history_destroy(struct history **history)
{
    struct history *h = *history;

    if (!h) return;
    history_clear(h);
    for (int i = 0; i < TOPICS; i++) mem_free(h->topic[i].items);
    mem_free(h->first_run.items);
    mem_free(h->changes.items);
    mem_free(h->recent.items);
    mem_free(h);
    *history = NULL;
}

/* Whether the worker's state differs from the last one kept for its rank. */
static int state_changed(const struct history *h, const Mp2__Worker *worker)
{
    const struct store *s = &h->topic[MP2__PROGRESS__BODY_WORKER - MP2__PROGRESS__BODY_RUN];
    Mp2__Progress *last;
    int changed = 1;

    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].key == worker->rank) {
            last = mp2__progress__unpack(NULL, s->items[i].entry.size, s->items[i].copy);
            if (!last) break;
            changed = last->body_case != MP2__PROGRESS__BODY_WORKER || last->worker->state != worker->state;
            mp2__progress__free_unpacked(last, NULL);
            break;
        }
    return changed;
}

status history_add(struct history *h, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    struct history_entry entry = {0, m->sequence, m->epoch, m->body_case, size, bytes};
    uint64_t key = 0;

    if (m->body_case < MP2__PROGRESS__BODY_RUN || m->body_case > MP2__PROGRESS__BODY_STREAM || size > MESSAGE_LIMIT)
        return ST_OK;
    entry.order = ++h->order;
    if (m->body_case == MP2__PROGRESS__BODY_TASK) key = XXH3_64bits(m->task->task, strlen(m->task->task));
    if (m->body_case == MP2__PROGRESS__BODY_WORKER) {
        key = m->worker->rank;
        if (state_changed(h, m->worker)) TRY(store_add(&h->changes, key, &entry));
    }
    if (m->body_case == MP2__PROGRESS__BODY_RUN && m->run->config[0]) TRY(store_add(&h->first_run, 0, &entry));
    if (m->body_case != MP2__PROGRESS__BODY_STREAM && m->sequence) TRY(store_add(&h->recent, 0, &entry));
    return store_add(&h->topic[m->body_case - MP2__PROGRESS__BODY_RUN], key, &entry);
}

static int by_order(const void *a, const void *b)
{
    uint64_t x = ((const struct history_entry *)a)->order, y = ((const struct history_entry *)b)->order;

    return (x > y) - (x < y);
}

static void gather(const struct store *s, uint64_t after, struct history_entry *out, size_t *n)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].entry.order > after) out[(*n)++] = s->items[i].entry;
}

status history_list(const struct history *h, uint64_t after, struct history_entry **entries, size_t *count)
{
    size_t most = h->first_run.count + h->changes.count, n = 0, unique = 0;
    struct history_entry *e;

    for (int i = 0; i < TOPICS; i++) most += h->topic[i].count;
    TRY(mem_alloc(most, sizeof *e, &e));
    for (int i = 0; i < TOPICS; i++) gather(&h->topic[i], after, e, &n);
    gather(&h->first_run, after, e, &n);
    gather(&h->changes, after, e, &n);
    qsort(e, n, sizeof *e, by_order);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || e[i].order != e[i - 1].order) e[unique++] = e[i];
    *entries = e;
    *count = unique;
    return ST_OK;
}

status history_since(const struct history *h, uint64_t epoch, uint64_t sequence, struct history_entry **entries,
                     size_t *count, int *known)
{
    const struct store *s = &h->recent;
    size_t first = s->count;

    *known = 0;
    *entries = NULL;
    *count = 0;
    while (first > 0 && s->items[first - 1].entry.epoch == epoch && s->items[first - 1].entry.sequence > sequence)
        first--;
    /* Complete when the one before is the asker's last, or none is newer and it has the newest. */
    if (first == 0 || s->items[first - 1].entry.epoch != epoch || s->items[first - 1].entry.sequence != sequence)
        return ST_OK;
    *known = 1;
    *count = s->count - first;
    TRY(mem_alloc(*count, sizeof **entries, entries));
    for (size_t i = 0; i < *count; i++) (*entries)[i] = s->items[first + i].entry;
    return ST_OK;
}

uint64_t history_order(const struct history *h)
{
    return h->order;
}

size_t history_bytes(const struct history *h)
{
    size_t bytes = h->first_run.bytes + h->changes.bytes + h->recent.bytes;

    for (int i = 0; i < TOPICS; i++) bytes += h->topic[i].bytes;
    return bytes;
}
