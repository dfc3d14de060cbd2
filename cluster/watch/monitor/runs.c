/* Threads write under the lock of their run; readers lock runs in order of their number. The names have a lock of their
 * own, taken last, because a run's label depends on the others'. */
#include "cluster/watch/monitor/runs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { WAIT_MS = 100 };

struct run {
    struct source *source;
    struct history *history;
    struct summary summary;
    uint64_t picture;
    pthread_mutex_t lock; /* of all but source, which is the thread's; its state is copied here */
    enum source_state state;
    struct repair_stats stats;
    pthread_t thread;
    int started;
    struct runs *all;
    char name[256]; /* under all->names */
};

struct runs {
    int count;
    atomic_int stop;
    pthread_mutex_t names;
    struct run *run;
};

static void on_reset(void *arg)
{
    struct run *r = arg;

    pthread_mutex_lock(&r->lock);
    history_clear(r->history);
    summary_clear(&r->summary);
    r->picture++;
    pthread_mutex_unlock(&r->lock);
}

/* Keep the name that the summary knows now; the run's lock is held. */
static void note_name(struct run *r)
{
    pthread_mutex_lock(&r->all->names);
    if (summary_name(&r->summary)[0]) snprintf(r->name, sizeof r->name, "%s", summary_name(&r->summary));
    pthread_mutex_unlock(&r->all->names);
}

static void on_message(void *arg, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    struct run *r = arg;

    pthread_mutex_lock(&r->lock);
    if (history_add(r->history, m, bytes, size) != ST_OK || summary_take(&r->summary, m, bytes, size) != ST_OK)
        log_warn("message-lost", "why=memory");
    note_name(r);
    pthread_mutex_unlock(&r->lock);
}

static void *follow_run(void *arg)
{
    struct run *r = arg;

    while (!atomic_load(&r->all->stop)) {
        /* What was wrong has been reported; a file that is being replaced is whole at the next look. */
        if (source_wait(r->source, WAIT_MS) != ST_OK) sleep(1);
        pthread_mutex_lock(&r->lock);
        r->state = source_state(r->source);
        source_stats(r->source, &r->stats);
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

static status start_run(struct run *r, const char *spec, const struct follow_keys *keys)
{
    const struct repair_sink sink = {r, on_reset, on_message};

    TRY(history_new(&r->history));
    TRY(source_open(spec, keys, &sink, &r->source));
    r->state = source_state(r->source);
    if (pthread_create(&r->thread, NULL, follow_run, r) != 0) return fault(ST_SYSTEM, "no thread for %s", spec);
    r->started = 1;
    return ST_OK;
}

status runs_new(const char *const *specs, int count, const struct follow_keys *keys, struct runs **out)
{
    struct runs *all;
    status s = ST_OK;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *all, &all));
    if (mem_alloc((size_t)count, sizeof *all->run, &all->run) != ST_OK) {
        mem_free(all);
        return ST_MEMORY;
    }
    all->count = count;
    pthread_mutex_init(&all->names, NULL);
    for (int i = 0; i < count; i++) {
        pthread_mutex_init(&all->run[i].lock, NULL);
        summary_init(&all->run[i].summary);
        all->run[i].all = all;
        snprintf(all->run[i].name, sizeof all->run[i].name, "%s", specs[i]);
    }
    for (int i = 0; s == ST_OK && i < count; i++) s = start_run(&all->run[i], specs[i], keys);
    if (s != ST_OK) runs_destroy(&all);
    *out = all;
    return s;
}

void runs_destroy(struct runs **runs)
{
    struct runs *all = *runs;

    if (!all) return;
    atomic_store(&all->stop, 1);
    for (int i = 0; i < all->count; i++) {
        struct run *r = &all->run[i];
        if (r->started) pthread_join(r->thread, NULL);
        source_close(&r->source);
        history_destroy(&r->history);
        summary_fini(&r->summary);
        pthread_mutex_destroy(&r->lock);
    }
    pthread_mutex_destroy(&all->names);
    mem_free(all->run);
    mem_free(all);
    *runs = NULL;
}

int runs_count(const struct runs *runs)
{
    return runs->count;
}

void runs_lock(struct runs *all, int i, struct run_view *view)
{
    struct run *r = &all->run[i];
    int same = 1;

    pthread_mutex_lock(&r->lock);
    pthread_mutex_lock(&all->names);
    for (int k = 0; k < i; k++) same += strcmp(all->run[k].name, r->name) == 0;
    if (same > 1) snprintf(view->label, sizeof view->label, "%s#%d", r->name, same);
    else snprintf(view->label, sizeof view->label, "%s", r->name);
    pthread_mutex_unlock(&all->names);
    view->spec = source_spec(r->source);
    view->history = r->history;
    view->summary = &r->summary;
    view->picture = r->picture;
    view->state = r->state;
    view->stats = r->stats;
}

void runs_unlock(struct runs *all, int i)
{
    pthread_mutex_unlock(&all->run[i].lock);
}
