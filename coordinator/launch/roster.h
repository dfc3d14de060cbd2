/* Which hosts an epoch is to have: of those on offer, without the drained and the quarantined, up to a number of
 * workers. Changes of the offer count when they have stayed for the settle time, so that a list that flickers changes
 * nothing. Pure bookkeeping: the caller gives the time in seconds. */
#ifndef MP2_COORDINATOR_LAUNCH_ROSTER_H
#define MP2_COORDINATOR_LAUNCH_ROSTER_H

#include "coordinator/launch/hosts.h"
#include "coordinator/launch/quarantine.h"

struct roster_options {
    int most;      /* workers; 0: no limit */
    double settle; /* seconds */
};

struct roster {
    struct roster_options options;
    struct hosts offered; /* the last list seen */
    struct hosts settled; /* the one that counts */
    double changed;       /* when offered became what it is */
    int known;            /* a list has been seen */
    struct hosts drained; /* names alone */
};

void roster_fini(struct roster *r);
/* Local. The list as it is now. The first one counts at once. */
status roster_offer(struct roster *r, const struct hosts *list, double now);
/* Local. Time passes: 1 when the list that counts has changed. */
status roster_settle(struct roster *r, double now, int *changed);
/* Local. The hosts to use now, in the list's order; the last one may be cut to fit options.most. */
status roster_pick(struct roster *r, struct quarantine *q, double now, struct hosts *out);

#endif
