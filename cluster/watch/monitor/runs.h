/* The runs that `serve` shows: a thread each that follows its source and keeps the run's picture, guarded by a lock. */
#ifndef MP2_CLUSTER_WATCH_MONITOR_RUNS_H
#define MP2_CLUSTER_WATCH_MONITOR_RUNS_H

#include "cluster/watch/history.h"
#include "cluster/watch/monitor/source.h"
#include "cluster/watch/monitor/summary.h"

struct runs;

/* A run as its lock's holder sees it. */
struct run_view {
    char label[300]; /* the run's name, made unique by "#2", … ; the source while nothing is known */
    const char *spec;
    const struct history *history;
    const struct summary *summary;
    /* raised whenever the picture starts over: orders then start over for its readers */
    uint64_t picture;
    enum source_state state;
    struct repair_stats stats;
};

/* Local. Opens every source (a bad one is ST_INPUT) and starts the threads; created means they follow. */
status runs_new(const char *const *specs, int count, const struct follow_keys *keys, struct runs **out);
void runs_destroy(struct runs **runs);

int runs_count(const struct runs *runs);

/* Local, any thread. Lock run i (0 … count-1) and look; the view is good until runs_unlock. */
void runs_lock(struct runs *runs, int i, struct run_view *view);
void runs_unlock(struct runs *runs, int i);

#endif
