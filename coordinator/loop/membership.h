/* The workers as the stream shows them: who they are (asked once, at the start), their recent
 * activity, and their state: at work, late with an answer, lost. Coordinator's business; the others only give their
 * card and their reports. */
#ifndef MP2_COORDINATOR_LOOP_MEMBERSHIP_H
#define MP2_COORDINATOR_LOOP_MEMBERSHIP_H

#include <pthread.h>

#include "cluster/comm/comm.h"
#include "cluster/watch/progress.h"
#include "worker/member.h"

struct member_state {
    struct worker_info card;
    struct member_report last;
    Mp2__Worker__State state;
    double heard;        /* clock_now of its last answer */
    double busy, behind; /* seconds since the last message: computed; computed longer than the quickest worker */
    uint64_t units, units_told;
    int gone; /* the last word about a worker */
};

struct membership {
    struct comm *comm;
    int workers, first;           /* ranks first … first + workers - 1 */
    struct member_state *members; /* coordinator */
    struct progress *progress;
    struct process_watch *process_watch;
    pthread_mutex_t lock; /* of what the process_watch's thread and the step loop both use: members and what follows */
    double told;          /* clock_now of the last messages */
    double asked;         /* clock_now when the answers under way were asked for; 0: none are */
    double usual;         /* seconds that the slowest worker computes in a step; 0: not known yet */
    double usual_round;   /* seconds of the longest round of an evaluation; 0: not known yet */
    int round;            /* what is under way is such a round */
    int32_t *words;       /* (workers) of membership_agree */
    unsigned char *heard; /* (workers) those that are there */
    int64_t step, steps;  /* the last one done; how many since the last messages */
    /* every rank */
    struct exchange words_under_way; /* of membership_agree; kept, so that a step allocates nothing */
    int64_t mark, sent;              /* bytes it had sent when it last counted; counted and not reported yet */
    double memory, looked;           /* own resident bytes, and when they were looked up */
};

/* Collective. Every rank gives its card (threads and columns set by the caller); only the coordinator keeps them. */
status membership_open(struct comm *c, const struct worker_info *mine, struct membership *membership);
void membership_close(struct membership *membership);

/* Local, any rank. A step begins, and ends: what is sent outside of steps (checkpoints, evaluations) is not a step's.
 * On the coordinator answers are expected from the beginning on; whoever takes too long is shown as late. */
void membership_begin_step(struct membership *membership);
void membership_end_step(struct membership *membership);

/* Local, any rank. A round of an evaluation begins: answers are expected until membership_agree, and may take as long
 * as a round does. */
void membership_begin_round(struct membership *membership);

/* Collective. comm_agree that knows whom it waits for: a worker that does not come is shown as late. Ends a round. */
status membership_agree(struct membership *membership, status mine);

/* Local, any rank. This rank's report of a step that it computed for so many seconds. */
struct member_report member_report_here(struct membership *membership, double seconds);

/* ---- coordinator, local ---- */

/* The stream is open: tells who is there, and watches from now on whether the processes of this machine live
 * and answer. */
status membership_show(struct membership *membership, const char *reason, int64_t step, struct progress *progress);

/* Who (workers) has answered: call it again and again while answers are waited for. */
void membership_answered(struct membership *membership, const unsigned char *heard);

/* A step is done: everyone's report, and the units each was dealt. Tells the stream every few seconds. Returns the
 * bytes that all ranks sent since the step before. */
uint64_t membership_step(struct membership *membership, const struct member_report *reports, const int64_t *units,
                         int64_t step);

/* A state of all workers, with a reason, for stream and file. */
void membership_publish(struct membership *membership, Mp2__Worker__State state, const char *reason, int64_t step);

#endif
