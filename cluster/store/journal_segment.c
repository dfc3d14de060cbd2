/* Segment files: see journal_segment.h for the format. Lengths are believed only after a header's own checksum has been
 * checked and compared with the size of the file, so memory is bounded by the file. */
#include "cluster/store/journal_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/numbered.h"

static const char segment_magic[8] = "MP2JRNL\n";

enum { RECORD_MAGIC = 0x44524352, RECORD_VERSION = 1, SEARCH_BYTES = 1 << 20 };

struct segment_header {
    char magic[8];
    uint32_t version, header_bytes;
    uint64_t first_step, first_number, epoch, zero[2], check;
};

_Static_assert(sizeof(struct segment_header) == SEGMENT_HEADER_BYTES, "segment header");
_Static_assert(sizeof(struct record_header) == RECORD_HEADER_BYTES, "record header");

static uint64_t check_of(const void *header)
{
    return XXH3_64bits(header, 56);
}

status segment_list(const char *folder, uint64_t **first_steps, size_t *count)
{
    return numbered_list(folder, "segment-", ".bin", first_steps, count);
}

status segment_newest(const char *folder, uint64_t *first_step)
{
    return numbered_largest(folder, "segment-", ".bin", first_step);
}

status segment_path(const char *folder, uint64_t first_step, char out[PATH_MAX])
{
    char name[64];

    snprintf(name, sizeof name, "segment-%" PRIu64 ".bin", first_step);
    return file_join(out, PATH_MAX, folder, name);
}

static struct segment_header header_of(uint64_t first_step, uint64_t first_number, uint64_t epoch)
{
    struct segment_header h = {.version = epoch > 0 ? SEGMENT_VERSION : 1,
                               .header_bytes = SEGMENT_HEADER_BYTES,
                               .first_step = first_step,
                               .first_number = first_number,
                               .epoch = epoch};

    memcpy(h.magic, segment_magic, sizeof h.magic);
    h.check = check_of(&h);
    return h;
}

status segment_create(const char *folder, uint64_t first_step, uint64_t first_number, uint64_t epoch)
{
    struct segment_header h = header_of(first_step, first_number, epoch);
    char path[PATH_MAX];

    TRY(segment_path(folder, first_step, path));
    return file_replace(path, &h, sizeof h);
}

void record_header_fill(struct record_header *h, uint32_t kind, uint64_t step, uint64_t number, uint64_t durable,
                        const void *payload, size_t bytes)
{
    *h = (struct record_header){.magic = RECORD_MAGIC,
                                .kind = kind,
                                .step = step,
                                .number = number,
                                .durable = durable,
                                .bytes = bytes,
                                .payload_check = XXH3_64bits(payload, bytes),
                                .version = RECORD_VERSION};
    h->header_check = check_of(h);
}

uint64_t record_room(uint64_t payload_bytes)
{
    return RECORD_HEADER_BYTES + (payload_bytes + RECORD_ALIGNMENT - 1) / RECORD_ALIGNMENT * RECORD_ALIGNMENT;
}

/* Bytes read at offset: n, or less at the end of the file; -1: errno tells. */
static ssize_t read_at(int fd, void *out, size_t n, uint64_t offset)
{
    size_t have = 0;

    while (have < n) {
        ssize_t got = pread(fd, (char *)out + have, n - have, (off_t)(offset + have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

uint64_t segment_epoch(const char *folder, uint64_t first_step)
{
    struct segment_header h = {.magic = {0}};
    char path[PATH_MAX];
    ssize_t got = -1;
    int fd;

    if (segment_path(folder, first_step, path) != ST_OK) return 0;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    got = read_at(fd, &h, sizeof h, 0);
    close(fd);
    return got == sizeof h && memcmp(h.magic, segment_magic, sizeof h.magic) == 0 && h.version > 1 ? h.epoch : 0;
}

static status check_segment_header(const struct segment_scan *scan, const struct segment_header *h, ssize_t got)
{
    if (got < (ssize_t)sizeof *h || memcmp(h->magic, segment_magic, sizeof h->magic) != 0)
        return fault(ST_INPUT, "%s: not a journal segment", scan->path);
    if (h->version > SEGMENT_VERSION)
        return fault(ST_INPUT, "%s: journal version %u, this program reads up to %d: use a newer mp2", scan->path,
                     h->version, SEGMENT_VERSION);
    if (h->version == 0 || h->header_bytes != sizeof *h || h->check != check_of(h))
        return fault(ST_INPUT, "%s: the segment's header is damaged", scan->path);
    if (h->first_step != scan->first_step || h->first_number == 0)
        return fault(ST_INPUT, "%s: holds the steps from %" PRIu64 ", expected from %" PRIu64, scan->path,
                     h->first_step, scan->first_step);
    return ST_OK;
}

status segment_scan_open(const char *folder, uint64_t first_step, int writable, struct segment_scan *scan)
{
    struct segment_header h = {.magic = {0}};
    struct stat st;
    ssize_t got;
    status s;

    *scan = (struct segment_scan){.fd = -1, .first_step = first_step};
    TRY(segment_path(folder, first_step, scan->path));
    scan->fd = open(scan->path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (scan->fd < 0) return fault(ST_INPUT, "%s: cannot be opened: %s", scan->path, strerror(errno));
    if (fstat(scan->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        segment_scan_close(scan);
        return fault(ST_INPUT, "%s: is not a plain file", scan->path);
    }
    got = read_at(scan->fd, &h, sizeof h, 0);
    s = check_segment_header(scan, &h, got);
    if (s != ST_OK) {
        segment_scan_close(scan);
        return s;
    }
    scan->size = (uint64_t)st.st_size;
    scan->offset = SEGMENT_HEADER_BYTES;
    scan->first_number = scan->number = h.first_number;
    scan->epoch = h.version > 1 ? h.epoch : 0;
    scan->step = first_step > 0 ? first_step - 1 : 0;
    return ST_OK;
}

void segment_scan_close(struct segment_scan *scan)
{
    if (scan->fd >= 0) close(scan->fd);
    mem_free(scan->payload);
    scan->fd = -1;
    scan->payload = NULL;
    scan->room = 0;
}

status segment_claim(struct segment_scan *scan, uint64_t epoch)
{
    struct segment_header h = header_of(scan->first_step, scan->first_number, epoch);
    char *copy;
    status s;

    TRY(mem_alloc(scan->offset, 1, &copy));
    if (read_at(scan->fd, copy, scan->offset, 0) != (ssize_t)scan->offset)
        s = fault(ST_IO, "%s: cannot be read: %s", scan->path, errno ? strerror(errno) : "it became shorter");
    else {
        memcpy(copy, &h, sizeof h);
        s = file_replace(scan->path, copy, scan->offset);
    }
    mem_free(copy);
    return s;
}

static int header_is_whole(const struct record_header *h)
{
    return h->magic == RECORD_MAGIC && h->header_check == check_of(h);
}

/* What keeps h from being the next record of the scan; NULL: nothing. */
static const char *header_problem(const struct segment_scan *scan, const struct record_header *h)
{
    uint64_t left = scan->size - scan->offset;

    if (!header_is_whole(h)) return "a damaged record header";
    if (h->number != scan->number) return "a record out of order";
    if (h->step < scan->step) return "a record of an earlier step";
    if (h->bytes > left || record_room(h->bytes) > left) return "a record that is cut off";
    return NULL;
}

enum scan_result segment_scan_next(struct segment_scan *scan, struct journal_record *record, status *why)
{
    struct record_header h;
    uint64_t padded;

    if (scan->offset == scan->size) return SCAN_END;
    scan->problem = "a record header that is cut off";
    if (scan->size - scan->offset < sizeof h) return SCAN_BAD;
    if (read_at(scan->fd, &h, sizeof h, scan->offset) != sizeof h) goto unreadable;
    scan->problem = header_problem(scan, &h);
    if (scan->problem) return SCAN_BAD;
    if (h.version > RECORD_VERSION) {
        *why = fault(ST_INPUT,
                     "%s: offset %" PRIu64 ": record version %u, this program reads up to %d: use a newer "
                     "mp2",
                     scan->path, scan->offset, h.version, RECORD_VERSION);
        return SCAN_FAILED;
    }
    padded = record_room(h.bytes) - sizeof h;
    *why = mem_grow(&scan->payload, &scan->room, padded + 1, 1);
    if (*why != ST_OK) return SCAN_FAILED;
    if (read_at(scan->fd, scan->payload, padded, scan->offset + sizeof h) != (ssize_t)padded) goto unreadable;
    scan->problem = "a damaged record";
    if (XXH3_64bits(scan->payload, h.bytes) != h.payload_check) return SCAN_BAD;
    *record = (struct journal_record){h.kind, h.step, h.number, scan->payload, h.bytes};
    scan->offset += sizeof h + padded;
    scan->number++;
    scan->step = h.step;
    return SCAN_RECORD;

unreadable:
    *why = fault(ST_IO, "%s: offset %" PRIu64 ": cannot be read: %s", scan->path, scan->offset,
                 errno ? strerror(errno) : "the file became shorter");
    return SCAN_FAILED;
}

/* Does buffer (n bytes) hold, at a multiple of 8, a whole header that vouches for the record `number`? */
static int vouched_in(const unsigned char *buffer, size_t n, uint64_t number)
{
    struct record_header h;

    for (size_t at = 0; at + sizeof h <= n; at += RECORD_ALIGNMENT) {
        memcpy(&h.magic, buffer + at, sizeof h.magic);
        if (h.magic != RECORD_MAGIC) continue;
        memcpy(&h, buffer + at, sizeof h);
        if (header_is_whole(&h) && h.number > number && h.durable >= number) return 1;
    }
    return 0;
}

int segment_scan_is_damage(struct segment_scan *scan)
{
    uint64_t at = scan->offset;
    int found = 0;

    if (mem_grow(&scan->payload, &scan->room, SEARCH_BYTES, 1) != ST_OK) return 1;
    while (!found && at < scan->size) {
        ssize_t got = read_at(scan->fd, scan->payload, SEARCH_BYTES, at);

        if (got < RECORD_HEADER_BYTES) break;
        found = vouched_in(scan->payload, (size_t)got, scan->number);
        at += SEARCH_BYTES - RECORD_HEADER_BYTES;
    }
    return found;
}

status segment_scan_fault(const struct segment_scan *scan)
{
    return fault(ST_INPUT,
                 "%s: offset %" PRIu64 ": found %s, expected record %" PRIu64 " (after step %" PRIu64
                 "), which had been durable. With the journal's folder moved away the run goes on from its newest "
                 "checkpoint and computes the steps after it again, to the same bits",
                 scan->path, scan->offset, scan->problem, scan->number, scan->step);
}
