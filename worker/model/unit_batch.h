/* A unit: consecutive examples of a group's batch, packed row after row without padding, as the encoder reads them.
 * Example e is in slot first_slot + e of the batch (cluster/README.md, "Tree of sums") and owns rows [row[e], row[e] +
 * length[e]). If products are exact only per example (matmul.h), every example starts at a multiple of MATMUL_GRAIN
 * rows. */
#ifndef MP2_WORKER_MODEL_UNIT_BATCH_H
#define MP2_WORKER_MODEL_UNIT_BATCH_H

#include <stdint.h>

#include "cluster/base/status.h"
#include "worker/kernel/kernels.h"

struct unit_batch {
    int32_t examples; /* E */
    int32_t first_slot;
    int32_t rows;            /* T: rows used, gaps between aligned examples included */
    int32_t tokens;          /* sum of lengths: tokens actually computed */
    int32_t *row;            /* (E) first row */
    int32_t *length;         /* (E) */
    int32_t *start, *end;    /* (E) target positions in the example */
    int32_t *ids;            /* (T) token ids; 0 in gaps */
    struct row_place *place; /* (T) slot and position in the example; position 0 in gaps */
    int32_t most_examples, most_rows, align;
};

/* Local. Room for most_examples examples in most_rows rows. align: every example starts at a multiple of align rows
 * (encoder_row_align). */
status unit_batch_init(struct unit_batch *b, int32_t most_examples, int32_t most_rows, int32_t align);
void unit_batch_fini(struct unit_batch *b);

/* Local. Forget the examples; the next one added gets this slot. */
void unit_batch_clear(struct unit_batch *b, int32_t first_slot);

/* Local. Append an example of length ids. width >= length: as in the reference, it is padded to width with [PAD] = 0,
 * treated as real tokens (worker/README.md, Q1); width 0: no padding. start, end: targets, -1 if there are none.
 * Returns 0 and changes nothing if there is no room; 1 otherwise. */
int unit_batch_add(struct unit_batch *b, const int32_t *ids, int32_t length, int32_t width, int32_t start, int32_t end);

/* Local. Rows that an example of that many tokens occupies in a batch with that alignment. */
int32_t unit_batch_rows(int32_t tokens, int32_t align);

#endif
