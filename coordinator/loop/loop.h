/* The step loop that every trainer runs in: steps, journal, evaluations, checkpoints, resuming, stopping
 * (coordinator/README.md, "What must always hold"). The job decides what a step computes; the loop decides when
 * something happens and what is durable, so that `mp2 pretrain` and `mp2 mlm` cannot differ by accident.
 *
 * The coordinator decides what comes next and tells all ranks in an order of a few bytes; every rank then calls the
 * same function of the job. Steps are counted from 1: step N counts when its record is with the operating
 * system (cluster/README.md, "Journal"). */
#ifndef MP2_COORDINATOR_LOOP_LOOP_H
#define MP2_COORDINATOR_LOOP_LOOP_H

#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/comm/comm.h"
#include "cluster/store/checkpoint.h"
#include "cluster/store/journal.h"
#include "cluster/store/record.h"
#include "cluster/store/run_folder.h"
#include "cluster/watch/progress.h"
#include "coordinator/loop/membership.h"

/* What a step returns to the loop; on the coordinator only. Arrays stay valid until the job's next step. */
struct job_step {
    const void *record; /* RECORD_STEP payload; NULL: the job's steps are computed again instead of replayed */
    size_t record_bytes;
    int skipped;        /* the loss or a gradient was not finite: recorded, not applied */
    status failed;      /* a failure on the coordinator alone, after the ranks had agreed: ends the run cleanly */
    Mp2__Step *message; /* for metrics and stream; its step number, bytes and commit times are set by the loop */
    const struct member_report *reports; /* (workers) */
    const int64_t *units;                /* (workers) units assigned to each */
    int described;                       /* the run's description has changed: publish it again */
};

/* Who observes a running evaluation, and who may stop it. */
struct eval_watch {
    struct membership *membership; /* told who has answered; NULL: not monitored */
    struct run_folder *folder;     /* coordinator: polled for a stop request; NULL: only signals can request one */
};

/* The result of an evaluation. */
struct job_eval {
    struct record_eval record; /* tasks, mean; best_* are set by the loop */
    Mp2__Eval *message;
    Mp2__Router *router;  /* state of the routers; NULL: none */
    int higher_is_better; /* accuracy: 1; loss: 0 */
};

struct job {
    const char *command; /* "pretrain" */
    void *self;
    int recomputes; /* 1: steps write no records (job_step.record is NULL); a run resumes from its newest checkpoint
                       only */

    /* Every rank, local. This rank's threads and columns. */
    void (*introduce)(void *self, struct worker_info *card);
    /* Collective. Compute step `step` up to its record; nothing is applied yet. All ranks return the same status.
     * Workers report through member_report_here; while it waits, the job may tell the coordinator's membership who has
     * answered. */
    status (*step)(void *self, int64_t step, struct membership *membership, struct job_step *out);
    /* Collective, no messages. The step is committed: apply its update (apply 0: it was skipped). */
    status (*commit)(void *self, int64_t step, int apply);
    /* Collective, no messages. Carry out now the updates that were deferred to the next step's pass over memory. */
    status (*flush)(void *self);
    /* Collective. Apply a step from its record; record is NULL on all ranks but the coordinator. message (coordinator):
     * filled with what the record contains about the step, to restore lost metrics. All ranks return the same
     * status. */
    status (*replay)(void *self, int64_t step, const struct journal_record *record, Mp2__Step **message);
    /* Collective. Score the dev rows; full: all rows, whatever the configuration says. ST_END on all ranks: a stop was
     * requested meanwhile (watch.folder), and the scores are discarded. */
    status (*evaluate)(void *self, int64_t step, int full, const struct eval_watch *watch, struct job_eval *out);
    /* Local. The tensors of a checkpoint with this rank's parts; owned by the job, until it is closed. */
    status (*tensors)(void *self, const struct checkpoint_tensor **list, size_t *count);
    /* Coordinator, local. Everything in a checkpoint's state except step, best score and files. Texts and arrays are
     * owned by the job. */
    status (*state)(void *self, struct state *out);
    /* Every rank, local, after a checkpoint was loaded into the tensors: check that it belongs to this run, take over
     * its counters. */
    status (*restore)(void *self, const struct state *state);
    /* Coordinator, local. Fill the Run message's fields about the job: config, tasks, sizes. */
    void (*describe)(void *self, Mp2__Run *run);
    /* Coordinator, local. A few words for the progress bar, after a step. May be NULL. */
    void (*brief)(void *self, char *out, size_t room);
};

struct loop_options {
    const char *run;           /* folder */
    struct run_folder *folder; /* coordinator: locked (loop_take_folder) */
    const char *config;        /* resolved configuration, YAML; coordinator */
    const char *precision; /* what machine.precision: auto was resolved to, NULL or "" if it is not auto; reported at
                              the start */
    const char *config_digest;
    int64_t steps;      /* the last step */
    int64_t eval_every; /* 0: never */
    int eval_subset;    /* regular evaluations use only a subset */
    int eval_final;     /* a full evaluation at the end */
    int64_t checkpoint_every;
    int checkpoints_kept;
    int sync_ms;
    int accept_break; /* continue with another precision, instruction set or library version; the run's description says
                         so from then on */
    int64_t skips;    /* maximum of consecutive skipped steps */
    size_t record_bytes; /* approximate, to estimate disk space */
    struct watch_config watch;
};

struct loop_result {
    int64_t step; /* last committed */
    int stopped;  /* cleanly, before the end; on all ranks */
    double best;  /* NAN: never evaluated */
    int64_t best_step;
};

/* Collective. Lock the run's folder before anything is read or written there, so that a second start finds it locked
 * and touches nothing. resume: 0: it must hold no run yet; 1: it must hold one; -1: either. The coordinator closes it
 * (run_folder_close) when everything is written. */
status loop_take_folder(struct comm *c, const char *run, int resume, struct run_folder *folder);

/* Collective. Run the job from the state in its folder to the end, or to a clean stop. */
status loop_run(struct comm *c, const struct job *job, const struct loop_options *options, struct loop_result *out);

#endif
