/* The workers as the stream shows them: who they are (gathered once, at the start), what they did recently, and their
 * state: at work, late with an answer, lost. Kept by the coordinator; the other ranks only send their description
 * ("card") and their reports. */
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
    double busy, behind; /* seconds since the last message: of computing; of computing longer than the fastest worker */
    uint64_t units, units_told;
    int gone; /* lost: its final state */
};

struct membership {
    struct comm *comm;
    int workers, first;           /* ranks first … first + workers - 1 */
    struct member_state *members; /* coordinator */
    struct progress *progress;
    struct process_watch *process_watch;
    pthread_mutex_t lock; /* protects what process_watch's thread and the step loop share: members and what follows */
    double told;          /* clock_now of the last messages */
    double asked;         /* clock_now when the pending answers were requested; 0: none are pending */
    double usual;         /* computing seconds of the slowest worker in a step; 0: not known yet */
    double usual_round;   /* seconds of the longest round of an evaluation; 0: not known yet */
    int round;            /* the answers pending are those of such a round */
    int32_t *words;       /* (workers) of membership_agree */
    unsigned char *heard; /* (workers) those that have answered */
    int64_t step, steps;  /* the last step done; the number of steps since the last messages */
    /* every rank */
    struct exchange words_under_way; /* of membership_agree; kept open, so that a step allocates nothing */
    int64_t mark, sent;              /* bytes sent when last counted; counted but not reported yet */
    double memory, looked;           /* own resident bytes, and when they were read */
};

/* Collective. Every rank sends its card (threads and columns set by the caller); only the coordinator keeps them. */
status membership_open(struct comm *c, const struct worker_info *mine, struct membership *membership);
void membership_close(struct membership *membership);

/* Local, any rank. A step begins, and ends: bytes sent outside of steps (checkpoints, evaluations) do not count for a
 * step. On the coordinator, answers are expected from the beginning of the step; workers that take too long are shown
 * as late. */
void membership_begin_step(struct membership *membership);
void membership_end_step(struct membership *membership);

/* Local, any rank. A round of an evaluation begins: answers are expected until membership_agree, and may take as long
 * as a round does. */
void membership_begin_round(struct membership *membership);

/* Collective. comm_agree that knows which workers are missing and shows them as late. Ends a round. */
status membership_agree(struct membership *membership, status mine);

/* Local, any rank. This rank's report of a step, with its computing time in seconds. */
struct member_report member_report_here(struct membership *membership, double seconds);

/* ---- coordinator, local ---- */

/* Call when the stream is open: publishes the workers, and from now on monitors whether the processes of this machine
 * live and answer. */
status membership_show(struct membership *membership, const char *reason, int64_t step, struct progress *progress);

/* Which (workers) have answered: call it repeatedly while waiting for answers. */
void membership_answered(struct membership *membership, const unsigned char *heard);

/* A step is done: all workers' reports, and the units assigned to each. Publishes every few seconds. Returns the bytes
 * that all ranks have sent since the previous step. */
uint64_t membership_step(struct membership *membership, const struct member_report *reports, const int64_t *units,
                         int64_t step);

/* Set a state for all workers, with a reason, in stream and file. */
void membership_publish(struct membership *membership, Mp2__Worker__State state, const char *reason, int64_t step);

#endif
