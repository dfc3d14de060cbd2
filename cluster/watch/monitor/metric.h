/* The one table of what can be measured: name, type, unit, help, and where the number comes from. It feeds Prometheus
 * (/metrics), the web page's tiles (/api/runs) and the terminal, so the three cannot disagree. */
#ifndef MP2_CLUSTER_WATCH_MONITOR_METRIC_H
#define MP2_CLUSTER_WATCH_MONITOR_METRIC_H

#include <stdio.h>

#include "cluster/watch/monitor/summary.h"

enum metric_scope { METRIC_RUN, METRIC_TASK, METRIC_WORKER };

struct metric {
    const char *name;  /* Prometheus conventions: mp2_ prefix, base units, counters end in _total */
    const char *type;  /* gauge, counter */
    const char *unit;  /* for people: "s", "tokens/s", "B", "" */
    const char *label; /* for people: "tokens per second" */
    const char *help;
    enum metric_scope scope;
    double (*value)(const struct summary *s, size_t i); /* i: task or worker; NaN: not known, left out */
};

extern const struct metric metric_table[];
extern const size_t metric_count;

/* Local. NULL when there is no such metric. */
const struct metric *metric_find(const char *name);

/* One run of a page of Prometheus metrics. label: the run's name, unique on the page; up: whether its stream is
 * heard. */
struct metric_run {
    const char *label;
    const struct summary *summary;
    int up;
    uint64_t gaps;
};

/* Local. The page in Prometheus' text format, version 0.0.4; every metric once, with all runs. */
void metric_page(const struct metric_run *runs, size_t count, FILE *to);

/* Local. [{"name":…,"type":…,"unit":…,"label":…,"help":…,"value":…},…]: those of scope run that are known. */
void metric_json(const struct summary *s, FILE *to);

/* Local. A text as a JSON string with its quotes. */
void metric_json_text(const char *text, FILE *to);

#endif
