/* Counts of what happened to rows, by constant text: why rows were left out, and what was noted about others. */
#ifndef MP2_COORDINATOR_DATA_TALLY_H
#define MP2_COORDINATOR_DATA_TALLY_H

#include <stdint.h>

enum tally_kind { TALLY_BAD, TALLY_IGNORED, TALLY_DUPLICATE, TALLY_NOTE };

struct tally_line {
    const char *what;
    enum tally_kind kind;
    int64_t count;
    char first[320]; /* where it happened first, and what was found */
};

enum { TALLY_LIMIT = 48 };
struct tally {
    int lines;
    struct tally_line line[TALLY_LIMIT];
};

/* Local. Count one more. place and detail are kept of the first; detail may be "". */
void tally_add(struct tally *tally, enum tally_kind kind, const char *what, const char *place, const char *detail);

/* Local. Sum over the lines of a kind. */
int64_t tally_sum(const struct tally *tally, enum tally_kind kind);

/* "bad", "left out", "duplicate", "note". */
const char *tally_kind_text(enum tally_kind kind);

#endif
