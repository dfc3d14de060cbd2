/* The assignment of slots to workers. How many slots each worker gets is chosen greedily by load; which ones, by
 * splitting the tree like a buddy allocator: a count is a sum of powers of two, handed out from the largest down. A
 * worker with 11 of 32 slots holds blocks of 8, 2 and 1. */
#include "coordinator/loop/dealing.h"

#include "cluster/base/memory.h"

static int32_t reverse_bits(int32_t value, int bits)
{
    int32_t out = 0;

    for (int b = 0; b < bits; b++) out |= (value >> b & 1) << (bits - 1 - b);
    return out;
}

void dealing_order(int batch, const int32_t *lengths, int32_t *order)
{
    int32_t size = 1;
    int bits = 0, next = 0;

    while (size < batch) size *= 2, bits++;
    /* Rank by length: the number of examples that are longer, or equally long and earlier. Quadratic: a batch is
     * small. */
    for (int32_t place = 0; place < size; place++) {
        int32_t slot = reverse_bits(place, bits);

        if (slot >= batch) continue;
        for (int i = 0; i < batch; i++) {
            int before = 0;
            for (int j = 0; j < batch; j++) before += lengths[j] > lengths[i] || (lengths[j] == lengths[i] && j < i);
            if (before == next) {
                order[slot] = i;
                break;
            }
        }
        next++;
    }
}

/* Blocks of the group, from `from` on, that no worker holds yet have worker -1. Split the smallest one that is large
 * enough. */
static status take_block(struct deal *p, size_t from, int worker, int32_t size, int *taken)
{
    size_t best = p->count;

    *taken = 0;
    for (size_t i = from; i < p->count; i++)
        if (p->blocks[i].worker < 0 && p->blocks[i].node.size >= size &&
            (best == p->count || p->blocks[i].node.size < p->blocks[best].node.size))
            best = i;
    if (best == p->count) return ST_OK;
    while (p->blocks[best].node.size > size) {
        struct tree_node right = p->blocks[best].node;

        right.size /= 2;
        right.first += right.size;
        p->blocks[best].node.size /= 2;
        TRY(deal_add(p, p->blocks[best].group, -1, right));
    }
    p->blocks[best].worker = worker;
    *taken = 1;
    return ST_OK;
}

/* Cover the batch with as few aligned blocks as possible, none with empty slots. */
static status free_blocks(struct deal *p, int group, int batch)
{
    int32_t first = 0, size = 1;

    while (size * 2 <= batch) size *= 2;
    for (; size > 0; size /= 2)
        if (batch - first >= size) {
            TRY(deal_add(p, group, -1, (struct tree_node){first, size}));
            first += size;
        }
    return ST_OK;
}

static status deal_group(struct deal *p, int group, int batch, int workers, int32_t *quota)
{
    size_t from = p->count;
    int32_t size = 1;

    TRY(free_blocks(p, group, batch));
    while (size * 2 <= batch) size *= 2;
    for (; size > 0; size /= 2)
        for (int w = 0; w < workers; w++)
            while (quota[w] >= size) {
                int taken;

                TRY(take_block(p, from, w, size, &taken));
                if (!taken) break; /* no block of this size is left: use two halves */
                quota[w] -= size;
            }
    return ST_OK;
}

status dealing_assign(struct deal *p, int groups, int batch, int workers, const double *cost, const double *speed)
{
    deal_clear(p, groups, batch, workers);
    TRY(mem_grow(&p->load, &p->load_room, (size_t)workers, sizeof *p->load));
    TRY(mem_grow(&p->quota, &p->quota_room, (size_t)workers, sizeof *p->quota));
    for (int w = 0; w < workers; w++) p->load[w] = 0;
    for (int g = 0; g < groups; g++) {
        for (int w = 0; w < workers; w++) p->quota[w] = 0;
        for (int i = 0; i < batch; i++) {
            int least = 0;

            for (int w = 1; w < workers; w++)
                if ((p->load[w] + cost[g]) / speed[w] < (p->load[least] + cost[g]) / speed[least]) least = w;
            p->load[least] += cost[g];
            p->quota[least]++;
        }
        TRY(deal_group(p, g, batch, workers, p->quota));
    }
    deal_sort(p);
    return ST_OK;
}
