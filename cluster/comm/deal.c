/* The list of dealt blocks. */
#include "cluster/comm/deal.h"

#include <stdlib.h>

#include "cluster/base/memory.h"

void deal_clear(struct deal *d, int groups, int batch, int workers)
{
    d->groups = groups;
    d->batch = batch;
    d->workers = workers;
    d->count = 0;
}

status deal_add(struct deal *d, int group, int worker, struct tree_node node)
{
    TRY(mem_grow(&d->blocks, &d->room, d->count + 1, sizeof *d->blocks));
    d->blocks[d->count++] = (struct deal_block){group, worker, node};
    return ST_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct deal_block *x = a, *y = b;

    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return x->node.first < y->node.first ? -1 : x->node.first > y->node.first;
}

void deal_sort(struct deal *d)
{
    if (d->count > 0) qsort(d->blocks, d->count, sizeof *d->blocks, by_place);
}

void deal_fini(struct deal *d)
{
    mem_free(d->blocks);
    mem_free(d->nodes);
    mem_free(d->load);
    mem_free(d->quota);
    *d = (struct deal){0};
}

status deal_nodes(struct deal *d, int group, int worker, const struct tree_node **nodes, size_t *count)
{
    size_t n = 0;

    TRY(mem_grow(&d->nodes, &d->node_room, (size_t)d->batch, sizeof *d->nodes));
    for (size_t i = 0; i < d->count; i++)
        if (d->blocks[i].group == group && d->blocks[i].worker == worker) d->nodes[n++] = d->blocks[i].node;
    *count = tree_merge_nodes(d->batch, d->nodes, n);
    *nodes = d->nodes;
    return ST_OK;
}
