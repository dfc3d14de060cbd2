/* Hosts that fail again and again, and hosts that do not answer. Pure bookkeeping: the caller gives the time in
 * seconds.
 *
 * A failure of an epoch that can be laid at a host's door is a strike. So many strikes without a good while between
 * them, and the host is left out for a cool-down, which doubles with every time. A host that was cut off or could not
 * be reached is left out until a probe finds it there again. */
#ifndef MP2_COORDINATOR_LAUNCH_QUARANTINE_H
#define MP2_COORDINATOR_LAUNCH_QUARANTINE_H

#include "coordinator/launch/hosts.h"

enum { REASON_BYTES = 200 };

struct quarantine_options {
    int strikes;      /* until a host is left out; 0: never */
    double cool_down; /* seconds; doubled every time, an hour at most */
    double forget;    /* seconds without a failure after which strikes are forgotten */
};

struct ward {
    char name[HOST_BYTES];
    int strikes, times; /* since the last good while; how often it was left out */
    double last;        /* the last failure */
    double until;       /* left out until then; 0: not */
    int silent;         /* to be probed before it is used again */
    double from;        /* it answered and is used from then on; 0: does not matter */
    double probed;      /* when a probe was begun last */
    char reason[REASON_BYTES];
};

struct quarantine {
    struct quarantine_options options;
    struct ward *wards;
    size_t count, room;
};

void quarantine_fini(struct quarantine *q);
/* Local. A failure that is this host's. silent: it does not answer, as far as one knows. 1 in *out_now: with this one
 * it is left out for a cool-down. */
status quarantine_strike(struct quarantine *q, const char *host, double now, int silent, const char *reason,
                         int *out_now);
/* Local. A host may be unreachable; no strike. */
status quarantine_doubt(struct quarantine *q, const char *host, const char *reason);
/* Local. It answered, and may be used from then on: at once where nothing is under way without it. */
void quarantine_answered(struct quarantine *q, const char *host, double from);
/* Local. 1: not to be used now. Where the time of a cool-down is over it is forgotten, with its strikes. */
int quarantine_holds(struct quarantine *q, const char *host, double now);
/* Local. What is known of a host; NULL: nothing. */
struct ward *quarantine_find(struct quarantine *q, const char *host);

#endif
