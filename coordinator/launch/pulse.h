/* Is an epoch still getting on? Every phase has its own usual time from mark to mark, learnt from the run itself and
 * kept from epoch to epoch; what takes much longer is overdue. Pure: the caller gives heartbeats and the time. */
#ifndef MP2_COORDINATOR_LAUNCH_PULSE_H
#define MP2_COORDINATOR_LAUNCH_PULSE_H

#include "cluster/watch/heartbeat.h"

enum { PULSE_STEPS = 64 };

/* What outlives an epoch. */
struct pulse_usual {
    double steps[PULSE_STEPS]; /* seconds a step, the newest ones */
    int step_count, step_next;
    double longest[HEARTBEAT_PHASES]; /* seconds that a phase took from mark to mark; 0: not known */
};

struct pulse_options {
    double least; /* seconds: nothing is overdue earlier */
    double first; /* seconds that a phase may take which is not known yet */
    int steady;   /* 1: steps take alike and are judged by their median; 0: by the longest so far, as other phases */
};

struct pulse {
    struct pulse_options options;
    struct pulse_usual *usual;
    struct heartbeat last; /* the newest one of this epoch */
    double began;          /* of the epoch */
    double heard, moved;   /* when the last beat and the last mark were seen */
    int alive;             /* a beat of this epoch has been seen */
};

/* Local. An epoch begins; usual lives longer. */
void pulse_begin(struct pulse *p, const struct pulse_options *options, struct pulse_usual *usual, double now);
/* Local. A heartbeat of this epoch, as often as one likes. */
void pulse_take(struct pulse *p, const struct heartbeat *h, double now);
/* Local. 1: overdue. why: one line (room bytes). */
int pulse_overdue(const struct pulse *p, double now, char *why, size_t room);
/* Local. Seconds that the phase under way may go without a mark. */
double pulse_patience(const struct pulse *p);
/* Local. Median of the newest steps' seconds; 0: none known. */
double pulse_median_step(const struct pulse_usual *usual);

#endif
