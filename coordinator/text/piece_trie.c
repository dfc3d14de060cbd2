#include "coordinator/text/piece_trie.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { FIRST_EDGES = 1024 };

static status new_node(struct piece_trie *t)
{
    if (t->node_count >= PIECE_NODE_LIMIT)
        return fault(ST_INPUT, "the vocabulary's pieces have more than %d different beginnings", PIECE_NODE_LIMIT);
    TRY(mem_grow(&t->ids, &t->id_room, t->node_count + 1, sizeof *t->ids));
    t->ids[t->node_count++] = -1;
    return ST_OK;
}

status piece_trie_init(struct piece_trie *t)
{
    memset(t, 0, sizeof *t);
    TRY(mem_alloc(FIRST_EDGES, sizeof *t->edges, &t->edges));
    t->mask = FIRST_EDGES - 1;
    TRY(new_node(t));
    return new_node(t);
}

void piece_trie_fini(struct piece_trie *t)
{
    mem_free(t->edges);
    mem_free(t->ids);
    memset(t, 0, sizeof *t);
}

static void put_edge(struct piece_trie *t, struct piece_edge edge)
{
    uint32_t slot = piece_slot(t, edge.key);

    while (t->edges[slot].to != 0) slot = (slot + 1) & t->mask;
    t->edges[slot] = edge;
}

/* At most half of the table is used, so that a search that fails ends soon. */
static status grow_edges(struct piece_trie *t)
{
    struct piece_edge *old = t->edges, *bigger;
    uint32_t old_mask = t->mask;

    if (2 * t->node_count <= t->mask) return ST_OK;
    TRY(mem_alloc(2 * ((size_t)old_mask + 1), sizeof *bigger, &bigger));
    t->edges = bigger;
    t->mask = 2 * old_mask + 1;
    for (uint32_t i = 0; i <= old_mask; i++)
        if (old[i].to != 0) put_edge(t, old[i]);
    mem_free(old);
    return ST_OK;
}

status piece_trie_add(struct piece_trie *t, uint32_t root, const char *text, size_t n, int32_t id)
{
    uint32_t node = root;

    for (size_t i = 0; i < n; i++) {
        uint32_t next = piece_step(t, node, (unsigned char)text[i]);
        if (next == 0) {
            TRY(grow_edges(t));
            next = t->node_count;
            TRY(new_node(t));
            put_edge(t, (struct piece_edge){node << 8 | (unsigned char)text[i], next});
        }
        node = next;
    }
    t->ids[node] = id;
    return ST_OK;
}
