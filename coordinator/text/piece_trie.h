/* The pieces of a vocabulary as a trie over bytes, for the longest match from a place on. Edges stand in one hash
 * table: the few thousand that words of a text use stay in the cache. Pieces at the start of a word hang from
 * PIECE_START, pieces within (## …) from PIECE_WITHIN. */
#ifndef MP2_COORDINATOR_TEXT_PIECE_TRIE_H
#define MP2_COORDINATOR_TEXT_PIECE_TRIE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

enum { PIECE_START = 0, PIECE_WITHIN = 1, PIECE_NODE_LIMIT = 1 << 24 };

struct piece_edge {
    uint32_t key, to;
}; /* key: node << 8 | byte; to 0: free */

struct piece_trie {
    struct piece_edge *edges;
    uint32_t mask;
    int32_t *ids; /* a node's piece, -1 when none ends there */
    size_t id_room;
    uint32_t node_count;
};

/* Local. An empty one; ST_MEMORY (reported): then, too, fini frees what there is. */
status piece_trie_init(struct piece_trie *t);
void piece_trie_fini(struct piece_trie *t);

/* Local. Add n >= 1 bytes under a root; a piece that is there already gets the new id. */
status piece_trie_add(struct piece_trie *t, uint32_t root, const char *text, size_t n, int32_t id);

static inline uint32_t piece_slot(const struct piece_trie *t, uint32_t key)
{
    return (key * 0x9e3779b1u) >> 7 & t->mask;
}

/* The node after a byte; 0 when there is none (no edge leads to PIECE_START). */
static inline uint32_t piece_step(const struct piece_trie *t, uint32_t node, unsigned char byte)
{
    uint32_t key = node << 8 | byte, slot = piece_slot(t, key);

    while (t->edges[slot].to != 0) {
        if (t->edges[slot].key == key) return t->edges[slot].to;
        slot = (slot + 1) & t->mask;
    }
    return 0;
}

#endif
