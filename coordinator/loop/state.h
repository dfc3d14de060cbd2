/* What loop.c and resume.c share: the loop's own state. */
#ifndef MP2_COORDINATOR_LOOP_STATE_H
#define MP2_COORDINATOR_LOOP_STATE_H

#include "cluster/base/bar.h"
#include "cluster/store/run_folder.h"
#include "coordinator/loop/loop.h"

enum order_kind { ORDER_STEP, ORDER_EVALUATE, ORDER_CHECKPOINT, ORDER_REPLAY, ORDER_END };

struct order {
    int32_t kind, status, full;
    int32_t stopped; /* of ORDER_END: cleanly, before the end */
    int64_t step;
};

struct loop {
    struct comm *comm;
    const struct job *job;
    const struct loop_options *o;
    struct loop_result *result;
    int64_t step;                 /* committed */
    struct membership membership; /* complete on the coordinator; on other ranks for their reports */
    int64_t broken_at; /* the first step computed with another precision, instruction set or library; 0: none */
    struct made_with {
        char precision[16], isa[32], libraries[256];
    } made_with;              /* the run so far; coordinator */
    int64_t evaluated, saved; /* steps of the last regular evaluation and checkpoint */
    int final_done;
    int64_t skipped; /* consecutive */
    /* coordinator */
    struct journal *journal;
    struct progress *progress;
    struct record_buffer buffer;
    struct state_value *values; /* of a checkpoint's state: those of the job and of the loop */
    struct bar bar;
    double started; /* Unix seconds: start of this process's part of the run */
    int64_t resumed_from;
    double last_commit;
    uint64_t saved_bytes; /* of the last checkpoint */
    double saved_seconds; /* to write it */
    double loss;          /* smoothed, for the bar */
    int64_t told;         /* the last step in metrics.jsonl */
    struct lost {
        void *data;
        size_t bytes;
    } * lost; /* steps missing there: packed messages */
    size_t lost_count, lost_room;
    status failed; /* a failure on the coordinator alone: ends the run cleanly */
};

/* Collective. The coordinator's order to all ranks. */
status loop_order(struct loop *l, struct order *order);

/* Coordinator, local. Publish a Run message; whole: with configuration and tasks. */
void loop_post_run(struct loop *l, Mp2__Run__State state, int whole);

/* Local (resume.c). Forget the steps missing in metrics.jsonl. */
void loop_drop_lost(struct loop *l);

/* Collective (resume.c). Load the newest checkpoint, replay the journal, open metrics and stream. ST_END: a stop was
 * requested during the replay; nothing is lost, the journal holds all steps. */
status loop_begin(struct loop *l);

#endif
