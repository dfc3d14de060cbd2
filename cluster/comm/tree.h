/* The fixed binary tree over which sums are taken (cluster/README.md, "Tree of sums"). Leaves 0 … n-1; a node (first,
 * size) with size a power of two and first a multiple of it is the sum of its halves, left + right; where the right
 * half lies beyond n it is the left half alone: an absent leaf is absent, not zero. So the root's bits depend on the
 * leaves alone, whoever added what.
 *
 * A struct tree_sum receives nodes in any order of disjoint ranges that are each consecutive, keeps the fewest nodes
 * that cover what came, and owns one buffer a node. */
#ifndef MP2_CLUSTER_COMM_TREE_H
#define MP2_CLUSTER_COMM_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct tree_node {
    int32_t first, size;
}; /* leaves [first, first + size) clipped to the tree's n */

enum tree_number { TREE_FLOAT, TREE_DOUBLE };

struct tree_sum {
    int32_t leaves;
    enum tree_number number;
    size_t length;           /* numbers in a node's vector */
    struct tree_node *nodes; /* sorted by first */
    void **vectors;          /* nodes' sums; 64-byte aligned, owned */
    size_t count, room, vector_room;
    void **spare; /* buffers of merged nodes, used again: nothing is allocated after the first steps */
    size_t spare_count, spare_room;
};

void tree_sum_init(struct tree_sum *t, int32_t leaves, enum tree_number number, size_t length);
void tree_sum_fini(struct tree_sum *t);
/* Forget the nodes, keep the memory; leaves may change. */
void tree_sum_clear(struct tree_sum *t, int32_t leaves);

/* Have memory for so many vectors at hand, the nodes' own included. */
status tree_sum_reserve(struct tree_sum *t, size_t vectors);

/* A zeroed vector for a new node, to be filled and given to tree_sum_add. */
status tree_sum_take(struct tree_sum *t, void **vector);
/* The same, not cleared: it holds what an earlier sum left there, or zeros. For vectors that are written in full. */
status tree_sum_take_unset(struct tree_sum *t, void **vector);
/* Give node and its vector (from tree_sum_take); merged with its sibling as soon as both are here. */
status tree_sum_add(struct tree_sum *t, struct tree_node node, void *vector);

/* NULL until the node that covers all leaves is complete. */
const void *tree_sum_root(const struct tree_sum *t);

/* Local. The sum of plain numbers along the tree. */
double tree_total(const double *leaves, int32_t count);

/* The plan of merges, for callers that keep the vectors themselves: nodes (count, sorted by first leaf, disjoint) come
 * one after the other; when node `at` has come, the sum of `from` is added to that of `into` (all three: places in the
 * list as it was given). Every node that is never `from` ends as one that remains, in this order; the result says how
 * many, nodes holds them. merges: room for count; count less the result are written. NULL: not wanted. */
struct tree_merge {
    int32_t at, into, from;
};
size_t tree_merge_plan(int32_t leaves, struct tree_node *nodes, size_t count, struct tree_merge *merges);

/* The nodes that remain when the given ones (count, sorted or not) are merged as above: what a holder of these leaves
 * sends. Written back to nodes; returns how many. Every rank computes it alike from the plan. */
size_t tree_merge_nodes(int32_t leaves, struct tree_node *nodes, size_t count);

#endif
