/* Which worker holds which slots of a step's batches: known to every rank, so that each knows what it will receive. */
#ifndef MP2_CLUSTER_COMM_DEAL_H
#define MP2_CLUSTER_COMM_DEAL_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/comm/tree.h"

struct deal_block {
    int32_t group, worker;
    struct tree_node node; /* slots [first, first + size), all below batch */
};

struct deal {
    int32_t groups, batch, workers;
    struct deal_block *blocks; /* by group, then by first slot; owned */
    size_t count, room;
    struct tree_node *nodes; /* scratch of deal_nodes, batch of them */
    size_t node_room;
    double *load; /* scratch of the plan, workers of each */
    int32_t *quota;
    size_t load_room, quota_room;
};

/* Local. Start anew; memory is used again. */
void deal_clear(struct deal *d, int groups, int batch, int workers);
status deal_add(struct deal *d, int group, int worker, struct tree_node node);
/* Local. By group and slot. */
void deal_sort(struct deal *d);
void deal_fini(struct deal *d);

/* Local. The merged nodes of a worker in a group (tree_merge_nodes): what it holds after adding up its slots. They stay
 * until the next call. */
status deal_nodes(struct deal *d, int group, int worker, const struct tree_node **nodes, size_t *count);

#endif
