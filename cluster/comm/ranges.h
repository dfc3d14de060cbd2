/* One array of numbers, the same length on all workers, of which each owns a range (blocks.h): the sum of arrays that
 * workers make, one for each slot of a deal, goes to the owners of the ranges, along the deal's tree; updated ranges go
 * back to everybody. The same bits for any number of workers and any deal.
 *
 * An array becomes final part by part (a gradient layer by layer, the last first). A part that is final is added to
 * what its node of the tree has so far; when the node is complete the part leaves for its owners at once, while the
 * rest is still being computed. Who adds what is planned once: a step allocates nothing. Messages leave from and arrive
 * in the arrays themselves.
 *
 *     TRY(ranges_plan(&r, &deal, parts, count, pool));
 *     in every step: ranges_begin(&r);
 *     for each own slot, ascending: array = ranges_array(&r);
 *         … write a part …; ranges_done(&r); … the next …; ranges_done(&r);
 *     TRY(ranges_sum(&r, &own)); */
#ifndef MP2_CLUSTER_COMM_RANGES_H
#define MP2_CLUSTER_COMM_RANGES_H

#include "cluster/base/pool.h"
#include "cluster/base/status.h"
#include "cluster/comm/blocks.h"
#include "cluster/comm/comm.h"
#include "cluster/comm/deal.h"
#include "cluster/comm/tree.h"

struct ranges_part {
    int64_t first, last;
}; /* elements [first, last) of the array */
struct ranges_add {
    float *into;
    const float *from;
};

/* An own slot. */
struct ranges_leaf {
    float *array;            /* of a worker's `arrays`: free for another slot once it has been added to its sibling */
    int32_t first_add, adds; /* the additions that a part of it causes */
    float *node; /* the array of the node that is complete with it and leaves; NULL: it waits for another slot */
};

/* A partial sum that is added up here: the own range of a node of any worker. incoming: the same, where it comes from
 * another. */
struct ranges_node {
    struct tree_node node;
    int worker;
    float *own, *incoming;
};

struct ranges {
    struct comm *comm;
    struct blocks blocks;
    int64_t first, last; /* the own range */
    struct exchange exchange;
    /* of the plan */
    struct pool *pool;
    struct ranges_part *parts;
    int part_count;
    struct ranges_leaf *leaves;
    struct ranges_add *adds, *end_adds; /* in slots' arrays; between nodes */
    struct ranges_node *nodes;          /* by slot */
    int32_t leaf_count, node_count, end_count;
    float **arrays; /* of slots, then of nodes that come from others; owned */
    int32_t array_count;
    /* of the step */
    int32_t leaf; /* being written, counted from 1 */
    int part;     /* of it that is not final yet */
};

/* Local. columns of b: the array's length. */
void ranges_init(struct ranges *r, struct comm *c, const struct blocks *b);
void ranges_fini(struct ranges *r);

/* Local. Once. deal: of one group, sorted by slot, every slot dealt. parts: of every array, in the order in which they
 * become final; together the whole. pool adds; it stays the caller's. All workers pass the same deal and parts. */
status ranges_plan(struct ranges *r, const struct deal *deal, const struct ranges_part *parts, int count,
                   struct pool *pool);

/* A step, on every worker; the coordinator without columns takes no part (and returns at once). All of it on one
 * thread. Local: what others will send is expected from here on. */
void ranges_begin(struct ranges *r);
/* Local. The next own slot's array, to be written in full: it holds what an earlier sum left there, or zeros. */
float *ranges_array(struct ranges *r);
/* Local. The next part of this array is final. */
void ranges_done(struct ranges *r);
/* Local. Let messages move; cheap. */
void ranges_progress(struct ranges *r);
/* Collective over the workers. *own: the sum's own range; it stays until the next step. A worker that cannot bring its
 * arrays to this point must end the run (comm_abort): others wait for them. */
status ranges_sum(struct ranges *r, const float **own);

/* Collective over the workers. Every worker's own range of whole is right; then all of it is, everywhere. */
status ranges_gather(struct ranges *r, float *whole);

#endif
