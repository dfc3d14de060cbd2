/* What travels in a step (coordinator/README.md, "One step"): composed prompts to every worker, prompt gradients to
 * the owners of their columns, and from there to the coordinator. Sums run along the batch's tree, so the bits are the
 * same for any number of ranks and any deal. All functions are collective over the ranks of c. */
#ifndef MP2_CLUSTER_COMM_REDUCE_H
#define MP2_CLUSTER_COMM_REDUCE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/comm/blocks.h"
#include "cluster/comm/comm.h"
#include "cluster/comm/deal.h"
#include "cluster/comm/tree.h"

/* Buffers that grow once and stay. */
struct reduce {
    struct comm *comm;
    struct blocks blocks;
    int layers;
    struct exchange exchange;
    char *out, *in;
    size_t out_room, in_room;
    struct tree_sum slices;  /* the sum of this owner's columns */
    struct tree_sum grad_u;  /* a layer's sum over all blocks, at the coordinator */
    struct tree_node *nodes; /* (blocks) scratch */
};
void reduce_init(struct reduce *r, struct comm *c, const struct blocks *b, int layers);
void reduce_fini(struct reduce *r);

/* Every worker gives its columns of the prompts (groups, layers, local) and gets the whole (groups, layers, columns).
 * A coordinator without columns passes NULL for both and takes no part. */
status reduce_gather_prompts(struct reduce *r, int groups, const float *local, float *whole);

/* Every worker holds, for each group, partial sums over the slots it was dealt: partial[g] with vectors (layers,
 * columns). Owners get the root's columns: grad (groups, layers, local). */
status reduce_scatter_grad(struct reduce *r, struct deal *deal, struct tree_sum *const *partial, float *grad);

/* Owners give their columns (groups, layers, local); the coordinator gets the whole (groups, layers, columns). */
status reduce_gather_grad(struct reduce *r, int groups, const float *local, float *whole);

/* The other way: the coordinator has the whole, owners get their columns. For replay. */
status reduce_scatter_to_owners(struct reduce *r, int groups, const float *whole, float *local);

/* Every worker holds nodes of one tree over deal's slots (partial[g], vectors of `length` floats); the coordinator
 * gets each group's root in out (groups, length). For the head's gradient. */
status reduce_sum_to_coordinator(struct reduce *r, struct deal *deal, struct tree_sum *const *partial, size_t length,
                                 float *out);

/* Every owner holds, for each layer, nodes over its blocks (grad_u[l], vectors of `length` doubles, the same nodes in
 * every layer); the coordinator gets the roots (layers, length). */
status reduce_grad_u(struct reduce *r, struct tree_sum *grad_u, size_t length, double *out);

#endif
