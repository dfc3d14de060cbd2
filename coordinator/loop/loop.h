/* The step loop that every trainer runs in: steps, journal, evaluations, checkpoints, resuming, stopping
 * (coordinator/README.md, "What must always hold"). What a step computes is the job's business; when something happens
 * and what is durable is the loop's, so that `mp2 pretrain` and `mp2 mlm` cannot differ by accident.
 *
 * The coordinator decides what comes next and tells all ranks in an order of a few bytes; every rank then calls the
 * same function of the job. Steps are counted from 1: step N is done when its record is durable. */
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

/* What a step tells the loop; on the coordinator alone. Arrays live until the job's next step. */
struct job_step {
    const void *record; /* RECORD_STEP payload; NULL: the job's steps are computed again instead of replayed */
    size_t record_bytes;
    int skipped;        /* the loss or a gradient was not finite: recorded, not applied */
    status failed;      /* a failure of the coordinator's own after the ranks had agreed: ends the run in order */
    Mp2__Step *message; /* for metrics and stream; its step number, bytes and commit times are set by the loop */
    const struct member_report *reports; /* (workers) */
    const int64_t *units;                /* (workers) units each was dealt */
    int described;                       /* the run's description has changed: watchers are told again */
};

/* Who looks on while an evaluation is under way, and who may end it. */
struct eval_watch {
    struct membership *membership; /* told who has answered; NULL: nobody watches */
    struct run_folder *folder;     /* coordinator: asked for a stop; NULL: signals alone ask for one */
};

/* What an evaluation tells. */
struct job_eval {
    struct record_eval record; /* tasks, mean; best_* are set by the loop */
    Mp2__Eval *message;
    Mp2__Router *router;  /* how the routers stand; NULL: none */
    int higher_is_better; /* accuracy: 1; loss: 0 */
};

struct job {
    const char *command; /* "pretrain" */
    void *self;
    int recomputes; /* 1: steps leave no records (job_step.record is NULL); a run goes on from its newest checkpoint
                       alone */

    /* Every rank, local. Which threads and columns this rank has. */
    void (*introduce)(void *self, struct member_card *card);
    /* Collective. Compute step `step` up to its record; nothing of it counts yet. All ranks return the same status.
     * Workers report by member_report_here; the coordinator's membership may be told who has answered while it waits.
     */
    status (*step)(void *self, int64_t step, struct membership *membership, struct job_step *out);
    /* Collective, no messages. The step counts: apply its update (apply 0: it was skipped). */
    status (*commit)(void *self, int64_t step, int apply);
    /* Collective, no messages. Updates that wait for the next step's pass over memory are carried out now. */
    status (*flush)(void *self);
    /* Collective. Apply a step from its record; record is NULL on other ranks than the coordinator. message
     * (coordinator): what the record still knows of the step, for metrics that were lost. All ranks return the same
     * status. */
    status (*replay)(void *self, int64_t step, const struct journal_record *record, Mp2__Step **message);
    /* Collective. Score the dev rows; full: all rows whatever the configuration says. ST_END on all ranks: a stop was
     * asked for meanwhile (watch.folder), and what was scored is forgotten. */
    status (*evaluate)(void *self, int64_t step, int full, const struct eval_watch *watch, struct job_eval *out);
    /* Local. The tensors of a checkpoint with this rank's parts; the job's, until it is closed. */
    status (*tensors)(void *self, const struct checkpoint_tensor **list, size_t *count);
    /* Coordinator, local. Everything a checkpoint's state says but step, best score and files. Texts and arrays the
     * job's. */
    status (*state)(void *self, struct state *out);
    /* Every rank, local, after a checkpoint was loaded into the tensors: check that it is this run's, take over counts.
     */
    status (*restore)(void *self, const struct state *state);
    /* Coordinator, local. The Run message's fields about the job: config, tasks, sizes. */
    void (*describe)(void *self, Mp2__Run *run);
    /* Coordinator, local. A few words for the progress bar, after a step. May be NULL. */
    void (*brief)(void *self, char *out, size_t room);
};

struct loop_options {
    const char *run;           /* folder */
    struct run_folder *folder; /* coordinator: taken (loop_take_folder) */
    const char *config;        /* resolved configuration, YAML; coordinator */
    const char *precision;     /* what machine.precision: auto is, NULL or "" where it is not auto: told at the start */
    const char *config_digest;
    int64_t steps;      /* until this step is done */
    int64_t eval_every; /* 0: never */
    int eval_subset;    /* the regular evaluations look at a subset only */
    int eval_final;     /* a full one at the end */
    int64_t checkpoint_every;
    int checkpoints_kept;
    int sync_ms;
    int accept_break;    /* go on with another precision, instruction set or library version; the run says so
                          * from then on */
    int64_t skips;       /* most skipped steps in a row */
    size_t record_bytes; /* about, for the forecast of disk room */
    struct watch_config watch;
};

struct loop_result {
    int64_t step; /* last committed */
    int stopped;  /* in order, before the end; on all ranks */
    double best;  /* NAN: never evaluated */
    int64_t best_step;
};

/* Collective. Take the run's folder: before anything is read or written there, so that a second start finds it taken
 * and touches nothing. resume: 0: it must hold no run yet; 1: it must hold one; -1: either. The coordinator's to close
 * (run_folder_close) when all is written. */
status loop_take_folder(struct comm *c, const char *run, int resume, struct run_folder *folder);

/* Collective. Run the job from where its folder stands to the end, or to an orderly stop. */
status loop_run(struct comm *c, const struct job *job, const struct loop_options *options, struct loop_result *out);

#endif
