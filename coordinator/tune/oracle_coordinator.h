/* The coordinator's part of a loss oracle: it packs the training examples, and makes means of the losses that come
 * back. All functions are local. */
#ifndef MP2_COORDINATOR_TUNE_ORACLE_COORDINATOR_H
#define MP2_COORDINATOR_TUNE_ORACLE_COORDINATOR_H

#include "coordinator/tune/oracle.h"
#include "worker/oracle_messages.h"

struct oracle_coordinator {
    const struct oracle_facts *facts;
    int task;         /* whose rows are scored */
    double *received; /* losses as workers answer, worker after worker */
    size_t received_room;
    double *by_slot; /* the same in the order of slots, member after member */
    size_t by_slot_room;
};

/* Pack the training rows into facts (words). */
status oracle_coordinator_open(const struct oracle_options *o, struct oracle_facts *facts,
                               struct oracle_coordinator **out);
void oracle_coordinator_close(struct oracle_coordinator **coordinator);

/* Room for all workers' answers to a request: received. */
status oracle_coordinator_reserve(struct oracle_coordinator *c, const struct oracle_request *r);

/* The answers in `received` to mean losses (members of the request), along the tree of the examples' slots. */
void oracle_coordinator_means(struct oracle_coordinator *c, const struct oracle_request *r, double *losses);

#endif
