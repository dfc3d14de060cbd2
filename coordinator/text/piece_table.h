/* Pieces of one text, numbered from 0, and the number of a piece given its text. */
#ifndef MP2_COORDINATOR_TEXT_PIECE_TABLE_H
#define MP2_COORDINATOR_TEXT_PIECE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct piece { uint32_t at, n; };   /* n bytes of the text from `at` */

/* text and pieces are filled by whoever owns the table; all are freed by mem_free. */
struct piece_table {
    char *text;                  /* the pieces, a 0 after each */
    struct piece *pieces;
    size_t count, room;
    int32_t *slots;              /* number + 1, 0: free; a hash table of mask + 1 slots, at most half of them taken */
    uint32_t mask;
};

/* Local. Make the slots, once all pieces are there. Of equal pieces the last is the one that is found. */
status piece_table_index(struct piece_table *t);

/* Local. -1 when there is no such piece. */
int32_t piece_table_find(const struct piece_table *t, const char *text, size_t n);

#endif
