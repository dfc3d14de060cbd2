/* Appending, and the segments that it goes to. Records are written at a known offset, so a failed write is undone by
 * cutting the file there. What is written becomes durable on the journal's own thread (flusher.h). */
#include "cluster/store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/flusher.h"
#include "cluster/store/journal_segment.h"
#include "cluster/store/mirror.h"

enum { CHECK_NS = 100 * 1000 * 1000 };

struct journal {
    char folder[PATH_MAX], path[PATH_MAX];
    struct journal_options options;
    int fd;
    uint64_t end; /* of the segment's last whole record */
    uint64_t segment_first, segment_records;
    uint64_t last_step, last_number;
    uint64_t epoch;
    ino_t inode;            /* of the segment */
    int64_t checked_ns;     /* when the owner was last checked */
    struct timespec listed; /* time of the folder when its segments were listed last */
    struct flusher *flusher;
    struct mirror *mirror; /* NULL: none */
};

/* ---- opening ---- */

static status cut_file(const char *path, int fd, uint64_t end)
{
    if (ftruncate(fd, (off_t)end) != 0 || fdatasync(fd) != 0)
        return fault(ST_IO, "%s: cannot be cut to %" PRIu64 " bytes: %s", path, end, strerror(errno));
    return ST_OK;
}

/* Read a segment to its end; a torn tail is cut off when the segment is the last one. */
static status scan_to_end(struct segment_scan *scan)
{
    struct journal_record record;
    status why = ST_OK;

    for (;;) switch (segment_scan_next(scan, &record, &why)) {
        case SCAN_RECORD: break;
        case SCAN_END: return ST_OK;
        case SCAN_BAD:
            if (segment_scan_is_damage(scan)) return segment_scan_fault(scan);
            log_warn("journal-cut", "path=%s offset=%" PRIu64 " bytes=%" PRIu64 " step=%" PRIu64 " found=\"%s\"",
                     scan->path, scan->offset, scan->size - scan->offset, scan->step, scan->problem);
            return cut_file(scan->path, scan->fd, scan->offset);
        case SCAN_FAILED: return why;
        }
}

static status note_inode(struct journal *j, int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0) return fault(ST_IO, "%s: cannot be looked at: %s", j->folder, strerror(errno));
    j->inode = st.st_ino;
    return ST_OK;
}

/* Make a segment that was read to its end the one that is appended to. */
static status adopt_scan(struct journal *j, struct segment_scan *scan)
{
    TRY(note_inode(j, scan->fd));
    memcpy(j->path, scan->path, sizeof j->path);
    j->fd = scan->fd;
    scan->fd = -1;
    j->end = scan->offset;
    j->segment_first = scan->first_step;
    j->segment_records = scan->number - scan->first_number;
    if (scan->step > j->last_step) j->last_step = scan->step;
    j->last_number = scan->number - 1;
    return ST_OK;
}

/* Read segment first to its end, durably. */
static status scan_segment(const struct journal *j, uint64_t first, struct segment_scan *scan)
{
    status s;

    TRY(segment_scan_open(j->folder, first, 1, scan));
    s = scan_to_end(scan);
    if (s == ST_OK && fdatasync(scan->fd) != 0)
        s = fault(ST_IO, "%s: cannot be made durable: %s", scan->path, strerror(errno));
    if (s != ST_OK) segment_scan_close(scan);
    return s;
}

static status adopt(struct journal *j, uint64_t first)
{
    struct segment_scan scan;
    status s;

    TRY(scan_segment(j, first, &scan));
    s = adopt_scan(j, &scan);
    segment_scan_close(&scan);
    return s;
}

/* The epoch's first action: a file of its own, after the last record. Where it would have the last one's name (no step
 * since that began) the few records move into it. */
static status begin_epoch(struct journal *j, struct segment_scan *last)
{
    uint64_t first = last->step + 1;

    if (first > last->first_step) TRY(segment_create(j->folder, first, last->number, j->epoch));
    else TRY(segment_claim(last, j->epoch));
    return adopt(j, first > last->first_step ? first : last->first_step);
}

static status adopt_last(struct journal *j, uint64_t first)
{
    struct segment_scan scan;
    status s;

    TRY(scan_segment(j, first, &scan));
    if (j->options.epoch > 0 && j->options.epoch < scan.epoch)
        s = fault(ST_INPUT, "%s: epoch %" PRIu64 " is over: epoch %" PRIu64 " has the run", j->folder, j->options.epoch,
                  scan.epoch);
    else {
        j->epoch = j->options.epoch > 0 ? j->options.epoch : scan.epoch;
        s = j->epoch == scan.epoch ? adopt_scan(j, &scan) : begin_epoch(j, &scan);
    }
    segment_scan_close(&scan);
    return s;
}

static status open_last_segment(struct journal *j, uint64_t first_step)
{
    uint64_t *firsts, last;
    size_t count;

    TRY(file_make_folder(j->folder));
    TRY(segment_list(j->folder, &firsts, &count));
    last = count > 0 ? firsts[count - 1] : first_step;
    mem_free(firsts);
    if (count > 0) return adopt_last(j, last);
    j->epoch = j->options.epoch;
    TRY(segment_create(j->folder, first_step, 1, j->epoch));
    return adopt(j, last);
}

/* Where both copies stand; nothing is pending. */
static struct flushed standing(const struct journal *j)
{
    return (struct flushed){.fd = j->fd,
                            .mirror_fd = j->mirror ? mirror_fd(j->mirror) : -1,
                            .step = j->last_step,
                            .number = j->last_number};
}

status journal_open(const char *folder, uint64_t first_step, const struct journal_options *options,
                    struct journal **out)
{
    int mirrored = options->mirror && options->mirror[0];
    struct journal *j;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *j, &j));
    j->fd = -1;
    j->options = *options;
    s = file_join(j->folder, sizeof j->folder, "", folder);
    if (s == ST_OK && mirrored) s = mirror_restore(options->mirror, folder, options->begun);
    if (s == ST_OK) s = open_last_segment(j, first_step);
    if (s == ST_OK && mirrored) s = mirror_open(options->mirror, folder, &j->mirror);
    if (s == ST_OK) {
        const struct flushed file = standing(j);

        s = flusher_new(options->interval_ms, &file, &j->flusher);
    }
    if (s != ST_OK) {
        mirror_close(&j->mirror);
        if (j->fd >= 0) close(j->fd);
        mem_free(j);
        return s;
    }
    *out = j;
    return ST_OK;
}

status journal_close(struct journal **journal)
{
    struct journal *j = *journal;
    status s;

    if (!j) return ST_OK;
    s = journal_wait_durable(j, UINT64_MAX);
    flusher_destroy(&j->flusher);
    mirror_close(&j->mirror);
    if (close(j->fd) != 0 && s == ST_OK) s = fault(ST_IO, "%s: cannot be closed: %s", j->path, strerror(errno));
    mem_free(j);
    *journal = NULL;
    return s;
}

/* ---- appending ---- */

static status write_vectors(int fd, struct iovec *v, int n, uint64_t offset)
{
    while (n > 0) {
        ssize_t done = pwritev(fd, v, n, (off_t)offset);

        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return ST_IO;
        if (done == 0 && v->iov_len > 0) {
            errno = ENOSPC;
            return ST_IO;
        }
        offset += (uint64_t)done;
        for (; n > 0 && (size_t)done >= v->iov_len; v++, n--) done -= (ssize_t)v->iov_len;
        if (n > 0) {
            v->iov_base = (char *)v->iov_base + done;
            v->iov_len -= (size_t)done;
        }
    }
    return ST_OK;
}

static status durability_fault(const struct journal *j, int why)
{
    return fault(ST_IO, "%s: cannot be made durable: %s", j->path, strerror(why));
}

/* *durable: the newest durable record's number. Fails when the journal has failed before. */
static status admit_record(struct journal *j, uint64_t step, uint64_t *durable)
{
    int why;

    if (step < j->last_step)
        return fault(ST_SYSTEM, "%s: record of step %" PRIu64 " after one of step %" PRIu64, j->path, step,
                     j->last_step);
    TRY(flusher_admit(j->flusher, durable, &why));
    return why == 0 ? ST_OK : durability_fault(j, why);
}

status journal_check_owner(struct journal *j)
{
    struct stat st;
    uint64_t last;

    if (stat(j->folder, &st) == 0) j->listed = st.st_mtim;
    TRY(segment_newest(j->folder, &last));
    if (last > j->segment_first || (stat(j->path, &st) == 0 && st.st_ino != j->inode))
        return fault(ST_PEER, "%s: a newer epoch than %" PRIu64 " has taken the run over; this one ends", j->folder,
                     j->epoch);
    return ST_OK;
}

/* Now and then, and without listing a folder that has not changed. */
static status glance_at_owner(struct journal *j)
{
    int64_t now = clock_ns();
    struct stat st;

    if (now - j->checked_ns < CHECK_NS) return ST_OK;
    j->checked_ns = now;
    if (stat(j->folder, &st) == 0 && st.st_mtim.tv_sec == j->listed.tv_sec && st.st_mtim.tv_nsec == j->listed.tv_nsec)
        return ST_OK;
    return journal_check_owner(j);
}

static void write_mirror(struct journal *j, const struct iovec *parts, int n)
{
    int why;

    if (!j->mirror) return;
    why = flusher_mirror_failure(j->flusher);
    if (why != 0) mirror_lose(j->mirror, why);
    mirror_write(j->mirror, parts, n, j->end);
    if (mirror_fd(j->mirror) < 0) flusher_drop_mirror(j->flusher);
}

status journal_append(struct journal *j, uint64_t step, uint32_t kind, const void *payload, size_t bytes)
{
    static const unsigned char zeros[RECORD_ALIGNMENT];
    struct record_header header;
    struct iovec v[3], parts[3];
    uint64_t durable = 0;

    TRY(glance_at_owner(j));
    TRY(admit_record(j, step, &durable));
    record_header_fill(&header, kind, step, j->last_number + 1, durable, payload, bytes);
    v[0] = (struct iovec){&header, sizeof header};
    v[1] = (struct iovec){(void *)(uintptr_t)payload, bytes};
    v[2] = (struct iovec){(void *)(uintptr_t)zeros, record_room(bytes) - sizeof header - bytes};
    memcpy(parts, v, sizeof parts);
    if (write_vectors(j->fd, v, 3, j->end) != ST_OK) {
        int why = errno;

        if (ftruncate(j->fd, (off_t)j->end) != 0)
            log_error("journal-cut", "path=%s offset=%" PRIu64 " why=\"%s\"", j->path, j->end, strerror(errno));
        return fault(ST_IO, "%s: the record of step %" PRIu64 " (%zu bytes) cannot be written: %s", j->path, step,
                     bytes, strerror(why));
    }
    write_mirror(j, parts, 3);
    j->end += record_room(bytes);
    j->last_step = step;
    j->last_number++;
    j->segment_records++;
    flusher_add(j->flusher, step, j->last_number);
    return ST_OK;
}

status journal_wait_durable(struct journal *j, uint64_t step)
{
    int why = flusher_wait(j->flusher, step);

    return why == 0 ? ST_OK : durability_fault(j, why);
}

uint64_t journal_durable_step(struct journal *j)
{
    return flusher_step(j->flusher);
}

const char *journal_mirror_news(struct journal *j)
{
    return j->mirror ? mirror_news(j->mirror) : NULL;
}

uint64_t journal_last_step(const struct journal *j)
{
    return j->last_step;
}

/* ---- segments ---- */

status journal_roll(struct journal *j, uint64_t first_step)
{
    int old = j->fd;
    struct flushed at;
    status s;

    TRY(journal_check_owner(j));
    if (j->segment_records == 0 || first_step <= j->segment_first) return ST_OK;
    if (first_step < j->last_step)
        return fault(ST_SYSTEM, "%s: a segment from step %" PRIu64 " cannot follow it", j->path, first_step);
    TRY(journal_wait_durable(j, UINT64_MAX));
    TRY(segment_create(j->folder, first_step, j->last_number + 1, j->epoch));
    s = adopt(j, first_step);
    if (s != ST_OK) {
        flusher_refuse(j->flusher, EIO); /* the new segment is there: nothing may follow in the old one */
        return s;
    }
    if (j->mirror) mirror_follow(j->mirror);
    at = standing(j);
    flusher_switch(j->flusher, &at);
    if (close(old) != 0) return fault(ST_IO, "%s: a segment cannot be closed: %s", j->folder, strerror(errno));
    return ST_OK;
}

static status remove_segment(const char *folder, uint64_t first)
{
    char path[PATH_MAX];

    TRY(segment_path(folder, first, path));
    if (unlink(path) != 0) return fault(ST_IO, "%s: cannot be removed: %s", path, strerror(errno));
    return ST_OK;
}

status journal_prune(struct journal *j, uint64_t step)
{
    uint64_t *firsts;
    size_t count;
    status s;

    TRY(segment_list(j->folder, &firsts, &count));
    s = ST_OK;
    for (size_t i = 0; s == ST_OK && i + 1 < count && firsts[i + 1] <= step + 1; i++)
        s = remove_segment(j->folder, firsts[i]);
    mem_free(firsts);
    if (s == ST_OK && j->mirror) mirror_prune(j->mirror);
    return s == ST_OK ? file_sync_folder(j->folder) : s;
}

/* Cut a segment before its first record of a step above step. */
static status cut_segment(const char *folder, uint64_t first, uint64_t step)
{
    struct journal_record record;
    struct segment_scan scan;
    uint64_t end;
    status s = ST_OK;
    enum scan_result result;

    TRY(segment_scan_open(folder, first, 1, &scan));
    do {
        end = scan.offset;
        result = segment_scan_next(&scan, &record, &s);
    } while (result == SCAN_RECORD && record.step <= step);
    if (result == SCAN_BAD && segment_scan_is_damage(&scan)) s = segment_scan_fault(&scan);
    if (s == ST_OK && end < scan.size) s = cut_file(scan.path, scan.fd, end);
    segment_scan_close(&scan);
    return s;
}

status journal_cut_after(const char *folder, uint64_t step)
{
    uint64_t *firsts;
    size_t count;
    status s;

    TRY(segment_list(folder, &firsts, &count));
    s = ST_OK;
    for (; s == ST_OK && count > 1 && firsts[count - 1] > step + 1; count--)
        s = remove_segment(folder, firsts[count - 1]);
    if (s == ST_OK && count > 0) s = cut_segment(folder, firsts[count - 1], step);
    mem_free(firsts);
    return s == ST_OK ? file_sync_folder(folder) : s;
}

uint64_t journal_epoch(const char *folder)
{
    uint64_t *firsts, epoch = 0;
    size_t count;

    if (segment_list(folder, &firsts, &count) != ST_OK) return 0;
    if (count > 0) epoch = segment_epoch(folder, firsts[count - 1]);
    mem_free(firsts);
    return epoch;
}

uint64_t journal_forecast(size_t record_bytes, uint64_t steps_between, uint64_t checkpoints_kept)
{
    uint64_t total;

    /* The newest checkpoint is being written while the oldest one is still kept. */
    if (__builtin_mul_overflow(record_room(record_bytes), steps_between, &total) ||
        __builtin_mul_overflow(total, checkpoints_kept + 1, &total))
        return UINT64_MAX;
    return total;
}
