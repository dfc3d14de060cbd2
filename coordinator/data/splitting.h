/* Which row belongs to which split: what is published stays, what is missing is drawn from train by content, and
 * nothing is in two splits (configs/tasks/README.md, "Splits"; worker/README.md, Q26). A function of the rows' contents
 * alone: no seed, and the order of rows in the files does not matter. */
#ifndef MP2_COORDINATOR_DATA_SPLITTING_H
#define MP2_COORDINATOR_DATA_SPLITTING_H

#include <stddef.h>
#include <stdint.h>

#include "coordinator/data/catalogue.h"
#include "coordinator/data/sample.h"
#include "coordinator/data/tally.h"

struct split_row {
    size_t at, n;             /* the row's words, in the importer's memory */
    size_t texts_at, texts_n; /* extraction: likewise those of its texts */
    struct token_count count;
    unsigned char content[16], group[16];
    unsigned char split; /* enum split: published, then final */
    unsigned char dropped;
};

/* A drawn split has at most this many rows. */
enum { SPLIT_DRAW_LIMIT = 12288 };

/* Local. Rows of a later split whose content is in an earlier one of test, dev, pool, train are dropped and counted;
 * then missing splits are drawn. drawn[split] is 1 for those. Repeats inside a split stay; they are noted. */
status splitting_run(const struct entry *entry, struct split_row *rows, size_t count, struct tally *tally,
                     int drawn[SPLIT_COUNT]);

#endif
