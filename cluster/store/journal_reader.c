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
