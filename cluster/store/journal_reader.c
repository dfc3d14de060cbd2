/* Reading the journal from a step on, segment after segment. */
#include <inttypes.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/journal_segment.h"

struct journal_reader {
    char folder[PATH_MAX];
    uint64_t *firsts;      /* of the segments */
    size_t count, current; /* current == count: no segment is open */
    uint64_t from;
    uint64_t limit; /* number of the next segment's first record: what stands here from it on is void; 0: none */
    struct segment_scan scan;
};

/* Open the current segment. Its records end where the next one's begin, whatever a process of an older epoch has
 * appended since that took the journal over. */
static status open_segment(struct journal_reader *r)
{
    struct segment_scan next;

    r->limit = 0;
    if (r->current + 1 < r->count) {
        TRY(segment_scan_open(r->folder, r->firsts[r->current + 1], 0, &next));
        r->limit = next.first_number;
        segment_scan_close(&next);
    }
    return segment_scan_open(r->folder, r->firsts[r->current], 0, &r->scan);
}

status journal_reader_open(const char *folder, uint64_t from, struct journal_reader **out)
{
    struct journal_reader *r;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *r, &r));
    r->scan.fd = -1;
    r->from = from;
    s = segment_list(folder, &r->firsts, &r->count);
    if (s == ST_OK && r->count > 0 && from > 0 && r->firsts[0] > from)
        s = fault(ST_INPUT, "%s: begins with step %" PRIu64 ", expected step %" PRIu64 " or an earlier one", folder,
                  r->firsts[0], from);
    while (s == ST_OK && r->current + 1 < r->count && r->firsts[r->current + 1] <= from) r->current++;
    if (s == ST_OK) s = file_join(r->folder, sizeof r->folder, "", folder);
    if (s == ST_OK && r->count > 0) s = open_segment(r);
    if (s != ST_OK) {
        journal_reader_close(&r);
        return s;
    }
    *out = r;
    return ST_OK;
}

/* The segment has been read to its end; the next one must go on where it stopped. */
static status next_segment(struct journal_reader *r)
{
    uint64_t number = r->scan.number, step = r->scan.step;

    segment_scan_close(&r->scan);
    r->current++;
    if (r->current == r->count) return ST_END;
    TRY(open_segment(r));
    if (r->scan.first_number != number)
        return fault(ST_INPUT,
                     "%s: begins with record %" PRIu64 ", expected %" PRIu64 " (after step %" PRIu64
                     "): a segment is missing or was cut",
                     r->scan.path, r->scan.first_number, number, step);
    return ST_OK;
}

static status bad_record(struct journal_reader *r)
{
    if (r->current + 1 < r->count || segment_scan_is_damage(&r->scan)) return segment_scan_fault(&r->scan);
    r->current = r->count;
    return ST_END;
}

status journal_reader_next(struct journal_reader *r, struct journal_record *record)
{
    status why = ST_OK;

    while (r->current < r->count) {
        if (r->limit > 0 && r->scan.number >= r->limit) {
            TRY(next_segment(r));
            continue;
        }
        switch (segment_scan_next(&r->scan, record, &why)) {
        case SCAN_RECORD:
            if (record->step >= r->from) return ST_OK;
            break;
        case SCAN_END: TRY(next_segment(r)); break;
        case SCAN_BAD: return bad_record(r);
        case SCAN_FAILED: return why;
        }
    }
    return ST_END;
}

void journal_reader_close(struct journal_reader **reader)
{
    struct journal_reader *r = *reader;

    if (!r) return;
    segment_scan_close(&r->scan);
    mem_free(r->firsts);
    mem_free(r);
    *reader = NULL;
}

/* ---- verifying ---- */

static status check_padding(const struct segment_scan *scan, const struct journal_record *record)
{
    const unsigned char *payload = record->payload;
    size_t end = (size_t)record_room(record->bytes) - RECORD_HEADER_BYTES;

    for (size_t i = record->bytes; i < end; i++)
        if (payload[i] != 0)
            return fault(ST_INPUT,
                         "%s: offset %" PRIu64 ": found a byte that is not zero behind the record of step %" PRIu64,
                         scan->path, scan->offset - end + i, record->step);
    return ST_OK;
}

/* limit: number of the next segment's first record; 0: there is none. */
static status verify_segment(struct segment_scan *scan, uint64_t limit, struct journal_facts *facts)
{
    struct journal_record record;
    status why = ST_OK;

    while (limit == 0 || scan->number < limit) switch (segment_scan_next(scan, &record, &why)) {
        case SCAN_RECORD:
            facts->records++;
            facts->last_step = record.step;
            TRY(check_padding(scan, &record));
            break;
        case SCAN_BAD:
            if (limit > 0 || segment_scan_is_damage(scan)) return segment_scan_fault(scan);
            facts->torn = scan->size - scan->offset;
            return ST_OK;
        case SCAN_FAILED: return why;
        case SCAN_END:
            if (limit > 0)
                return fault(ST_INPUT, "%s: ends before record %" PRIu64 ", expected records up to %" PRIu64,
                             scan->path, scan->number, limit - 1);
            return ST_OK;
        }
    return ST_OK;
}

static status verify_all(const char *folder, const uint64_t *firsts, size_t count, struct journal_facts *facts)
{
    struct segment_scan scan = {.fd = -1}, next = {.fd = -1};
    uint64_t number = 0;
    status s = ST_OK;

    for (size_t i = 0; s == ST_OK && i < count; i++) {
        uint64_t limit = 0;

        s = segment_scan_open(folder, firsts[i], 0, &scan);
        if (s == ST_OK && i + 1 < count) {
            s = segment_scan_open(folder, firsts[i + 1], 0, &next);
            limit = next.first_number;
            segment_scan_close(&next);
        }
        if (s == ST_OK && number > 0 && scan.first_number != number)
            s = fault(ST_INPUT, "%s: begins with record %" PRIu64 ", expected %" PRIu64, scan.path, scan.first_number,
                      number);
        if (s == ST_OK) s = verify_segment(&scan, limit, facts);
        number = scan.number;
        facts->bytes += scan.size;
        facts->epoch = scan.epoch;
        segment_scan_close(&scan);
    }
    return s;
}

status journal_verify(const char *folder, struct journal_facts *facts)
{
    uint64_t *firsts;
    size_t count;
    status s;

    *facts = (struct journal_facts){0};
    TRY(segment_list(folder, &firsts, &count));
    facts->segments = count;
    facts->first_step = count > 0 ? firsts[0] : 0;
    s = verify_all(folder, firsts, count, facts);
    mem_free(firsts);
    return s;
}
