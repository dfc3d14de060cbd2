/* Appending. The caller's thread writes to the file; the sync thread, one of the journal's own, calls fdatasync.
 * Between them stands a queue of (step, number) of the records that are written but not durable yet, under one lock:
 *
 *     append: write, queue.         sync:   take the queue's last number, fdatasync, drop what it covers, wake waiters.
 *
 * Records are written at a known offset, so a failed write is undone by cutting the file there. A failed fdatasync
 * is for good: the system may have thrown the pages away, and what the disk holds is known only after the next
 * opening. */
#include "cluster/store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
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
#include "cluster/store/journal_segment.h"

enum { CHECK_NS = 100 * 1000 * 1000 };

struct pending {
    uint64_t step, number;
    int64_t at_ns;
};

struct journal {
    char folder[PATH_MAX], path[PATH_MAX];
    struct journal_options options;
    int fd;       /* changed by the appender only, and only while nothing is pending */
    uint64_t end; /* of the segment's last whole record */
    uint64_t segment_first, segment_records;
    uint64_t last_step, last_number;
    uint64_t epoch;
    ino_t inode;            /* of the segment */
    int64_t checked_ns;     /* when the owner was looked for last */
    struct timespec listed; /* time of the folder when its segments were listed last */
    pthread_t keeper;
    int keeper_runs;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t work, durable;
    struct pending *queue; /* ascending; [head, count) is pending */
    size_t head, count, room;
    uint64_t durable_number, appended_step;
    uint64_t wanted_number; /* somebody waits for this one */
    int why;                /* errno of a failed fdatasync */
    int stop;
};

/* ---- the keeper ---- */

/* Under the lock: wait until there is something to make durable now. 0: stop, nothing is left. */
static int wait_for_work(struct journal *j)
{
    for (;;) {
        int64_t due;
        struct timespec until;

        if (j->head == j->count) {
            if (j->stop) return 0;
            pthread_cond_wait(&j->work, &j->lock);
            continue;
        }
        due = j->queue[j->head].at_ns + (int64_t)j->options.interval_ms * 1000000;
        if (j->stop || j->wanted_number > j->durable_number || clock_ns() >= due) return 1;
        until = (struct timespec){due / 1000000000, due % 1000000000};
        pthread_cond_timedwait(&j->work, &j->lock, &until);
    }
}

static void *sync_main(void *arg)
{
    struct journal *j = arg;

    pthread_mutex_lock(&j->lock);
    while (j->why == 0 && wait_for_work(j)) {
        uint64_t number = j->queue[j->count - 1].number;
        int fd = j->fd, why;

        pthread_mutex_unlock(&j->lock);
        why = fdatasync(fd) == 0 ? 0 : errno;
        pthread_mutex_lock(&j->lock);
        if (why == 0) {
            j->durable_number = number;
            while (j->head < j->count && j->queue[j->head].number <= number) j->head++;
        } else {
            j->why = why;
        }
        pthread_cond_broadcast(&j->durable);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

static status keeper_start(struct journal *j)
{
    pthread_condattr_t attributes;
    int why;

    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&j->work, &attributes);
    pthread_cond_init(&j->durable, NULL);
    pthread_condattr_destroy(&attributes);
    why = pthread_create(&j->keeper, NULL, sync_main, j);
    if (why != 0) {
        pthread_cond_destroy(&j->durable);
        pthread_cond_destroy(&j->work);
        pthread_mutex_destroy(&j->lock);
        return fault(ST_SYSTEM, "the journal's thread cannot be started: %s", strerror(why));
    }
    j->keeper_runs = 1;
    return ST_OK;
}

static void keeper_stop(struct journal *j)
{
    if (!j->keeper_runs) return;
    pthread_mutex_lock(&j->lock);
    j->stop = 1;
    pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->keeper, NULL);
    pthread_cond_destroy(&j->durable);
    pthread_cond_destroy(&j->work);
    pthread_mutex_destroy(&j->lock);
    j->keeper_runs = 0;
}

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
    j->appended_step = j->last_step;
    j->last_number = j->durable_number = scan->number - 1;
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

/* The epoch's first deed: a file of its own, behind the last record. Where it would have the last one's name (no step
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

status journal_open(const char *folder, uint64_t first_step, const struct journal_options *options,
                    struct journal **out)
{
    struct journal *j;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *j, &j));
    j->fd = -1;
    j->options = *options;
    s = file_join(j->folder, sizeof j->folder, "", folder);
    if (s == ST_OK) s = open_last_segment(j, first_step);
    if (s == ST_OK) s = keeper_start(j);
    if (s != ST_OK) {
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
    keeper_stop(j);
    if (close(j->fd) != 0 && s == ST_OK) s = fault(ST_IO, "%s: cannot be closed: %s", j->path, strerror(errno));
    mem_free(j->queue);
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

/* Under the lock: room for one more pending record, so that nothing can fail after the write. */
static status make_room(struct journal *j)
{
    if (j->head > 0 && j->count == j->room) {
        memmove(j->queue, j->queue + j->head, (j->count - j->head) * sizeof *j->queue);
        j->count -= j->head;
        j->head = 0;
    }
    return mem_grow(&j->queue, &j->room, j->count + 1, sizeof *j->queue);
}

static status durability_fault(const struct journal *j, int why)
{
    return fault(ST_IO, "%s: cannot be made durable: %s", j->path, strerror(why));
}

/* *durable: the newest durable record's number. Fails when the journal has failed before. */
static status admit_record(struct journal *j, uint64_t step, uint64_t *durable)
{
    status s;
    int why;

    if (step < j->last_step)
        return fault(ST_SYSTEM, "%s: record of step %" PRIu64 " after one of step %" PRIu64, j->path, step,
                     j->last_step);
    pthread_mutex_lock(&j->lock);
    why = j->why;
    *durable = j->durable_number;
    s = why == 0 ? make_room(j) : ST_OK;
    pthread_mutex_unlock(&j->lock);
    return why == 0 ? s : durability_fault(j, why);
}

static void enqueue(struct journal *j, uint64_t step)
{
    pthread_mutex_lock(&j->lock);
    j->appended_step = step;
    j->queue[j->count++] = (struct pending){step, j->last_number, clock_ns()};
    pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->lock);
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

status journal_append(struct journal *j, uint64_t step, uint32_t kind, const void *payload, size_t bytes)
{
    static const unsigned char zeros[RECORD_ALIGNMENT];
    struct record_header header;
    struct iovec v[3];
    uint64_t durable = 0;

    TRY(glance_at_owner(j));
    TRY(admit_record(j, step, &durable));
    record_header_fill(&header, kind, step, j->last_number + 1, durable, payload, bytes);
    v[0] = (struct iovec){&header, sizeof header};
    v[1] = (struct iovec){(void *)(uintptr_t)payload, bytes};
    v[2] = (struct iovec){(void *)(uintptr_t)zeros, record_room(bytes) - sizeof header - bytes};
    if (write_vectors(j->fd, v, 3, j->end) != ST_OK) {
        int why = errno;

        if (ftruncate(j->fd, (off_t)j->end) != 0)
            log_error("journal-cut", "path=%s offset=%" PRIu64 " why=\"%s\"", j->path, j->end, strerror(errno));
        return fault(ST_IO, "%s: the record of step %" PRIu64 " (%zu bytes) cannot be written: %s", j->path, step,
                     bytes, strerror(why));
    }
    j->end += record_room(bytes);
    j->last_step = step;
    j->last_number++;
    j->segment_records++;
    enqueue(j, step);
    return ST_OK;
}

/* Under the lock: number of the last pending record of a step <= step; 0: none is pending. */
static uint64_t pending_number(const struct journal *j, uint64_t step)
{
    for (size_t i = j->count; i > j->head; i--)
        if (j->queue[i - 1].step <= step) return j->queue[i - 1].number;
    return 0;
}

status journal_wait_durable(struct journal *j, uint64_t step)
{
    uint64_t number;
    int why;

    pthread_mutex_lock(&j->lock);
    number = pending_number(j, step);
    if (number > j->wanted_number) {
        j->wanted_number = number;
        pthread_cond_signal(&j->work);
    }
    while (j->why == 0 && j->durable_number < number) pthread_cond_wait(&j->durable, &j->lock);
    why = j->durable_number < number ? j->why : 0;
    pthread_mutex_unlock(&j->lock);
    return why == 0 ? ST_OK : durability_fault(j, why);
}

uint64_t journal_durable_step(struct journal *j)
{
    uint64_t step;

    pthread_mutex_lock(&j->lock);
    if (j->head == j->count) step = j->appended_step;
    else step = j->queue[j->head].step > 0 ? j->queue[j->head].step - 1 : 0;
    pthread_mutex_unlock(&j->lock);
    return step;
}

uint64_t journal_last_step(const struct journal *j)
{
    return j->last_step;
}

/* ---- segments ---- */

status journal_roll(struct journal *j, uint64_t first_step)
{
    int old = j->fd;
    status s;

    TRY(journal_check_owner(j));
    if (j->segment_records == 0 || first_step <= j->segment_first) return ST_OK;
    if (first_step < j->last_step)
        return fault(ST_SYSTEM, "%s: a segment from step %" PRIu64 " cannot follow it", j->path, first_step);
    TRY(journal_wait_durable(j, UINT64_MAX));
    TRY(segment_create(j->folder, first_step, j->last_number + 1, j->epoch));
    pthread_mutex_lock(&j->lock);
    s = adopt(j, first_step);
    if (s != ST_OK) j->why = EIO; /* the new segment is there: nothing may follow in the old one */
    pthread_mutex_unlock(&j->lock);
    if (s != ST_OK) return s;
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
