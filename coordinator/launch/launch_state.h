/* What a supervisor knows that outlives it: RUN/launch/state.json, replaced whole, and RUN/launch/epochs.jsonl, a line
 * an epoch. A new supervisor goes on from them; `mp2 launch --status` shows them. */
#ifndef MP2_COORDINATOR_LAUNCH_LAUNCH_STATE_H
#define MP2_COORDINATOR_LAUNCH_LAUNCH_STATE_H

#include <stdint.h>
#include <stdio.h>

#include "coordinator/launch/epoch.h"
#include "coordinator/launch/pulse.h"
#include "coordinator/launch/quarantine.h"
#include "coordinator/launch/roster.h"

enum launch_phase { LAUNCH_RUNNING, LAUNCH_WAITING, LAUNCH_BACKOFF, LAUNCH_ENDED };

struct launch_state {
    enum launch_phase phase;
    char why[REASON_BYTES]; /* of the phase */
    char command[64];       /* pretrain, … */
    uint64_t epoch;         /* the newest one's number */
    int64_t failures;       /* epochs that were lost or failed, all together */
    double since;           /* Unix seconds: of the phase */
    double recovery;        /* seconds from the last loss seen to the first step after it; 0: not known */
    struct pulse_usual usual;
};

/* An epoch that is over. */
struct epoch_line {
    uint64_t epoch, step;     /* step: the last one told of */
    double began, first_step; /* Unix seconds; first_step 0: none */
    double ended, recovery;   /* recovery: seconds from the end of the epoch before to the first step; 0: none */
    int status;               /* mpirun's */
    const char *hosts, *why;
};

/* Local. folder: RUN/launch. Times of wards are made Unix seconds: offset = Unix time - the caller's clock. */
status launch_state_save(const char *folder, const struct launch_state *state, const struct roster *roster,
                         const struct hosts *used, struct quarantine *q, double offset);
/* Local. Missing: as it was given. What is no state is warned of and not used. */
status launch_state_load(const char *folder, struct launch_state *state, struct quarantine *q, double offset);
status launch_state_add_epoch(const char *folder, const struct epoch_line *line);

/* Local. For people: how the run's supervisor stands, the hosts, the newest epochs. ST_INPUT (reported): never
 * launched. */
status launch_state_print(const char *run, FILE *to);

#endif
