#include "cluster/store/flusher.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

struct pending {
    uint64_t step, number;
    int64_t at_ns;
};

struct flusher {
    int interval_ms;
    pthread_t thread;
    pthread_mutex_t lock; /* what follows */
    pthread_cond_t work, durable;
    int fd, mirror_fd;     /* changed only while nothing is pending; but a mirror may be given up */
    struct pending *queue; /* ascending; [head, count) is pending */
    size_t head, count, room;
    uint64_t durable_number, appended_step;
    uint64_t wanted_number; /* a caller waits for this one */
    int why, mirror_why;    /* errno of a failed fdatasync */
    int stop;
};

/* ---- the thread ---- */

/* Under the lock: wait until there is something to make durable now. 0: stop, nothing is left. */
static int wait_for_work(struct flusher *f)
{
    for (;;) {
        int64_t due;
        struct timespec until;

        if (f->head == f->count) {
            if (f->stop) return 0;
            pthread_cond_wait(&f->work, &f->lock);
            continue;
        }
        due = f->queue[f->head].at_ns + (int64_t)f->interval_ms * 1000000;
        if (f->stop || f->wanted_number > f->durable_number || clock_ns() >= due) return 1;
        until = (struct timespec){due / 1000000000, due % 1000000000};
        pthread_cond_timedwait(&f->work, &f->lock, &until);
    }
}

static void *thread_main(void *arg)
{
    struct flusher *f = arg;

    pthread_mutex_lock(&f->lock);
    while (f->why == 0 && wait_for_work(f)) {
        uint64_t number = f->queue[f->count - 1].number;
        int fd = f->fd, mirror_fd = f->mirror_fd, why, mirror_why;

        pthread_mutex_unlock(&f->lock);
        why = fdatasync(fd) == 0 ? 0 : errno;
        mirror_why = mirror_fd < 0 || fdatasync(mirror_fd) == 0 ? 0 : errno;
        pthread_mutex_lock(&f->lock);
        if (mirror_why != 0) {
            f->mirror_why = mirror_why;
            f->mirror_fd = -1;
        }
        if (why == 0) {
            f->durable_number = number;
            while (f->head < f->count && f->queue[f->head].number <= number) f->head++;
        } else {
            f->why = why;
        }
        pthread_cond_broadcast(&f->durable);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* ---- beginning and end ---- */

static void discard(struct flusher *f)
{
    pthread_cond_destroy(&f->durable);
    pthread_cond_destroy(&f->work);
    pthread_mutex_destroy(&f->lock);
    mem_free(f->queue);
    mem_free(f);
}

static void set_file(struct flusher *f, const struct flushed *file)
{
    f->fd = file->fd;
    f->mirror_fd = file->mirror_fd;
    f->mirror_why = 0;
    f->appended_step = file->step;
    f->durable_number = file->number;
}

status flusher_new(int interval_ms, const struct flushed *file, struct flusher **out)
{
    pthread_condattr_t attributes;
    struct flusher *f;
    int why;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *f, &f));
    f->interval_ms = interval_ms;
    set_file(f, file);
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&f->work, &attributes);
    pthread_cond_init(&f->durable, NULL);
    pthread_condattr_destroy(&attributes);
    why = pthread_create(&f->thread, NULL, thread_main, f);
    if (why != 0) {
        discard(f);
        return fault(ST_SYSTEM, "the journal's thread cannot be started: %s", strerror(why));
    }
    *out = f;
    return ST_OK;
}

void flusher_destroy(struct flusher **flusher)
{
    struct flusher *f = *flusher;

    if (!f) return;
    pthread_mutex_lock(&f->lock);
    f->stop = 1;
    pthread_cond_signal(&f->work);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    discard(f);
    *flusher = NULL;
}

/* ---- the caller ---- */

/* Under the lock: room for one more pending record, so that nothing can fail after the write. */
static status make_room(struct flusher *f)
{
    if (f->head > 0 && f->count == f->room) {
        memmove(f->queue, f->queue + f->head, (f->count - f->head) * sizeof *f->queue);
        f->count -= f->head;
        f->head = 0;
    }
    return mem_grow(&f->queue, &f->room, f->count + 1, sizeof *f->queue);
}

status flusher_admit(struct flusher *f, uint64_t *durable, int *why)
{
    status s;

    pthread_mutex_lock(&f->lock);
    *why = f->why;
    *durable = f->durable_number;
    s = f->why == 0 ? make_room(f) : ST_OK;
    pthread_mutex_unlock(&f->lock);
    return s;
}

void flusher_add(struct flusher *f, uint64_t step, uint64_t number)
{
    pthread_mutex_lock(&f->lock);
    f->appended_step = step;
    f->queue[f->count++] = (struct pending){step, number, clock_ns()};
    pthread_cond_signal(&f->work);
    pthread_mutex_unlock(&f->lock);
}

/* Under the lock: number of the last pending record of a step <= step; 0: none is pending. */
static uint64_t pending_number(const struct flusher *f, uint64_t step)
{
    for (size_t i = f->count; i > f->head; i--)
        if (f->queue[i - 1].step <= step) return f->queue[i - 1].number;
    return 0;
}

int flusher_wait(struct flusher *f, uint64_t step)
{
    uint64_t number;
    int why;

    pthread_mutex_lock(&f->lock);
    number = pending_number(f, step);
    if (number > f->wanted_number) {
        f->wanted_number = number;
        pthread_cond_signal(&f->work);
    }
    while (f->why == 0 && f->durable_number < number) pthread_cond_wait(&f->durable, &f->lock);
    why = f->durable_number < number ? f->why : 0;
    pthread_mutex_unlock(&f->lock);
    return why;
}

uint64_t flusher_step(struct flusher *f)
{
    uint64_t step;

    pthread_mutex_lock(&f->lock);
    if (f->head == f->count) step = f->appended_step;
    else step = f->queue[f->head].step > 0 ? f->queue[f->head].step - 1 : 0;
    pthread_mutex_unlock(&f->lock);
    return step;
}

void flusher_switch(struct flusher *f, const struct flushed *file)
{
    pthread_mutex_lock(&f->lock);
    set_file(f, file);
    pthread_mutex_unlock(&f->lock);
}

void flusher_refuse(struct flusher *f, int why)
{
    pthread_mutex_lock(&f->lock);
    f->why = why;
    pthread_mutex_unlock(&f->lock);
}

int flusher_mirror_failure(struct flusher *f)
{
    int why;

    pthread_mutex_lock(&f->lock);
    why = f->mirror_why;
    pthread_mutex_unlock(&f->lock);
    return why;
}

void flusher_drop_mirror(struct flusher *f)
{
    pthread_mutex_lock(&f->lock);
    f->mirror_fd = -1;
    pthread_mutex_unlock(&f->lock);
}
