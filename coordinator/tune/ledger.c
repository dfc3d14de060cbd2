/* A record's payload: seconds of work so far, then the values. Its kind is the entry's; step is its place, from 1. */
#include "coordinator/tune/ledger.h"

#include <stdint.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/journal.h"

enum { DIGEST_BYTES = 40 }; /* a whole number of words */

struct ledger_entry {
    uint32_t kind;
    size_t at, count;
}; /* its values start at values[at] */

struct ledger {
    char folder[4096];
    struct journal *journal;
    struct ledger_entry *entries;
    size_t count, room, next;
    double *values;
    size_t value_count, value_room;
    double *payload;
    size_t payload_room;
    double seconds, opened; /* seconds of those before; when this one began */
};

static status damaged(const struct ledger *l, uint64_t number)
{
    return fault(ST_INPUT, "%s: record %llu is none of a search; remove the folder to begin anew", l->folder,
                 (unsigned long long)number);
}

static status keep_record(struct ledger *l, const struct journal_record *r)
{
    size_t count = r->bytes / sizeof(double);
    const double *payload = r->payload;

    if (r->bytes % sizeof(double) != 0 || count < 2 || r->step != l->count + 2) return damaged(l, r->number);
    TRY(mem_grow(&l->entries, &l->room, l->count + 1, sizeof *l->entries));
    TRY(mem_grow(&l->values, &l->value_room, l->value_count + count - 1, sizeof *l->values));
    l->entries[l->count++] = (struct ledger_entry){r->kind, l->value_count, count - 1};
    memcpy(l->values + l->value_count, payload + 1, (count - 1) * sizeof *payload);
    l->value_count += count - 1;
    l->seconds = payload[0];
    return ST_OK;
}

/* *ours: it begins with the digest. */
static status read_all(struct ledger *l, const char digest[DIGEST_BYTES], int *ours)
{
    struct journal_reader *reader;
    struct journal_record r;
    status s;

    *ours = 1;
    TRY(journal_reader_open(l->folder, 1, &reader));
    while ((s = journal_reader_next(reader, &r)) == ST_OK && *ours) {
        if (r.step == 1)
            *ours = r.kind == LEDGER_BEGIN && r.bytes == DIGEST_BYTES && memcmp(r.payload, digest, DIGEST_BYTES) == 0;
        else s = keep_record(l, &r);
        if (s != ST_OK) break;
    }
    journal_reader_close(&reader);
    return s == ST_END ? ST_OK : s;
}

static status begin_journal(struct ledger *l, const char digest[DIGEST_BYTES])
{
    const struct journal_options options = {.interval_ms = 200};
    int ours;

    TRY(journal_open(l->folder, 1, &options, &l->journal));
    TRY(read_all(l, digest, &ours));
    if (!ours) {
        log_warn("search-anew", "path=%s why=\"its journal is of another configuration\"", l->folder);
        TRY(journal_close(&l->journal));
        TRY(file_remove_tree(l->folder));
        TRY(journal_open(l->folder, 1, &options, &l->journal));
    }
    if (journal_last_step(l->journal) > 0) return ST_OK;
    return journal_append(l->journal, 1, LEDGER_BEGIN, digest, DIGEST_BYTES);
}

status ledger_open(const char *folder, const char *digest, struct ledger **out)
{
    char text[DIGEST_BYTES] __attribute__((aligned(8))) = "";
    struct ledger *l;
    status s;

    *out = NULL;
    if (strlen(folder) >= sizeof l->folder || strlen(digest) >= sizeof text)
        return fault(ST_INPUT, "%s: a path too long", folder);
    TRY(mem_alloc(1, sizeof *l, &l));
    strcpy(l->folder, folder);
    strcpy(text, digest);
    l->opened = clock_now();
    s = begin_journal(l, text);
    if (s != ST_OK) {
        (void)ledger_close(&l);
        return s;
    }
    *out = l;
    return ST_OK;
}

status ledger_close(struct ledger **out)
{
    struct ledger *l = *out;
    status s = ST_OK;

    if (!l) return ST_OK;
    if (l->journal) s = journal_close(&l->journal);
    mem_free(l->entries);
    mem_free(l->values);
    mem_free(l->payload);
    mem_free(l);
    *out = NULL;
    return s;
}

status ledger_next(struct ledger *l, enum ledger_kind kind, size_t count, double *values)
{
    const struct ledger_entry *e = &l->entries[l->next];

    if (l->next == l->count) return ST_END;
    if (e->kind != (uint32_t)kind || e->count != count) return damaged(l, l->next + 2);
    memcpy(values, l->values + e->at, count * sizeof *values);
    l->next++;
    return ST_OK;
}

status ledger_add(struct ledger *l, enum ledger_kind kind, size_t count, const double *values)
{
    if (l->next < l->count) return fault(ST_SYSTEM, "internal error: a search that forgot what it was told");
    TRY(mem_grow(&l->payload, &l->payload_room, count + 1, sizeof *l->payload));
    l->payload[0] = ledger_seconds(l);
    memcpy(l->payload + 1, values, count * sizeof *values);
    TRY(journal_append(l->journal, journal_last_step(l->journal) + 1, (uint32_t)kind, l->payload,
                       (count + 1) * sizeof *l->payload));
    return ST_OK;
}

double ledger_seconds(const struct ledger *l)
{
    return l->seconds + clock_now() - l->opened;
}
