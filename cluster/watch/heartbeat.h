/* The sign of life of a run that `mp2 launch` keeps going: RUN/launch/heartbeat, one JSON object, replaced whole some
 * times a second while messages are posted. Small and reopened with every look, so that it crosses NFS. The writer
 * follows the messages that go to metrics.jsonl and stream anyway; the supervisor reads.
 *
 * A mark is a message that says the run got on: a step, an evaluation, a checkpoint, a change of state. Messages about
 * workers are signs of life and no marks. */
#ifndef MP2_CLUSTER_WATCH_HEARTBEAT_H
#define MP2_CLUSTER_WATCH_HEARTBEAT_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "proto/progress.pb-c.h"

enum { HEARTBEAT_SUSPECTS = 8 };

/* What the coordinator is at. */
enum heartbeat_phase {
    HEARTBEAT_START, /* before the first step: loading, replay */
    HEARTBEAT_STEPS,
    HEARTBEAT_EVALUATION,
    HEARTBEAT_CHECKPOINT,
    HEARTBEAT_FINISHED,
    HEARTBEAT_STOPPED,
    HEARTBEAT_FAILED,
    HEARTBEAT_PHASES
};

struct heartbeat {
    uint64_t epoch;      /* of mp2 launch */
    uint64_t beat, mark; /* grow with every message, with every mark */
    uint64_t step;       /* the last one told of */
    double time, moved;  /* Unix seconds: when written; of the last mark */
    double first_step;   /* Unix seconds: the first step of this process; 0: none yet */
    enum heartbeat_phase phase;
    int introduced; /* writer: a Run message has been seen */
    /* Workers whose answer is overdue or whose process is gone, in the order in which that was seen. */
    struct suspect {
        uint32_t rank;
        int lost;
    } suspects[HEARTBEAT_SUSPECTS];
    size_t suspect_count;
};

/* Local. "start", "steps", … */
const char *heartbeat_phase_name(enum heartbeat_phase phase);

/* Local. Take a message into account. 1: it changed the phase, the suspects or brought the first step, and is worth
 * writing at once. */
int heartbeat_take(struct heartbeat *h, const Mp2__Progress *message);

/* Local. Replace the file; not synced: who reads it after a power cut wants another one. */
status heartbeat_write(const char *path, const struct heartbeat *h);
/* Local. 1 and *out; 0: there is none that can be read (not reported). */
int heartbeat_read(const char *path, struct heartbeat *out);

#endif
