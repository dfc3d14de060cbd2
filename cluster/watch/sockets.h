/* The publisher's sockets: made, bound and guarded here; what goes through them is publish.c's business. */
#ifndef MP2_CLUSTER_WATCH_SOCKETS_H
#define MP2_CLUSTER_WATCH_SOCKETS_H

#include <stdint.h>

#include "cluster/watch/address.h"
#include "cluster/watch/curve.h"

/* Peers whose handshake is under way, and failed ones who have not left yet. */
struct door {
    int knocking, sent_away;
};

struct sockets {
    void *context, *pub, *router;
    void *zap;         /* answers who may connect */
    void *monitors[2]; /* of pub and router: who comes and goes */
    struct door doors[2];
    int bound;
    char address[300], snapshot_address[300];
};

/* Local. All sockets, not bound yet. pair NULL: no CURVE. The calling thread's priority is the I/O thread's. */
status sockets_open(const struct curve_pair *pair, struct sockets *s);

/* Local. Bind both. s->bound stays 0, with ST_OK, when the port is taken: try again later. */
status sockets_bind(struct sockets *s, const struct address *at);

/* Local. Answer one waiting ZAP request; allowed NULL: no CURVE, everybody may; *refused counts those who may not. */
void sockets_answer_zap(struct sockets *s, const struct curve_list *allowed, uint64_t *refused);

/* Local. Read the waiting events; how many peers came and did not get in. */
uint64_t sockets_failures(struct sockets *s);

/* Waits up to a second for what was sent to leave. */
void sockets_close(struct sockets *s);

#endif
