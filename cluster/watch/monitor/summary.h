/* What a run is doing now: the latest message of every kind, and rates. The terminal, the web page's tiles and
 * Prometheus are all fed from here, through the one table of metric.h. Built from messages alone; bounded. */
#ifndef MP2_CLUSTER_WATCH_MONITOR_SUMMARY_H
#define MP2_CLUSTER_WATCH_MONITOR_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "proto/progress.pb-c.h"

enum { SUMMARY_TASKS = 512, SUMMARY_WORKERS = 1024, SUMMARY_EVENTS = 64 };

struct summary {
    /* Envelopes with their bodies, or NULL; owned. */
    Mp2__Progress *run, *first_run, *step, *eval, *checkpoint, *stream;
    Mp2__Progress *tasks[SUMMARY_TASKS], *workers[SUMMARY_WORKERS], *events[SUMMARY_EVENTS];
    size_t task_count, worker_count, event_count; /* events: oldest first */
    double loss;                                  /* mean of recent steps (weight 0.05 for the newest) */
    double tokens_per_second, flops_per_second, steps_per_second; /* likewise */
    uint64_t steps_seen, skipped;
    uint64_t speed_steps; /* steps the rates are made of */
};

/* Local. init: an empty one; clear frees what it holds and empties it; fini does the same for good. */
void summary_init(struct summary *s);
void summary_fini(struct summary *s);
void summary_clear(struct summary *s);

/* Local. bytes: the message packed. */
status summary_take(struct summary *s, const Mp2__Progress *m, const unsigned char *bytes, size_t size);

/* Local. The run's name, "" when nothing is known. */
const char *summary_name(const struct summary *s);

/* Local. Units done and wanted (steps, …); remaining seconds by the recent rate, NaN when not known. */
uint64_t summary_done(const struct summary *s);
uint64_t summary_total(const struct summary *s);
double summary_remaining(const struct summary *s);

/* Local. Names of states, in lower case: "running", "lost". */
const char *summary_run_state(const struct summary *s);
const char *summary_worker_state(Mp2__Worker__State state);

#endif
