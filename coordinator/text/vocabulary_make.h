/* A vocabulary from a corpus, for people without one: BERT's layout, characters by frequency, learned pieces. */
#ifndef MP2_COORDINATOR_TEXT_VOCABULARY_MAKE_H
#define MP2_COORDINATOR_TEXT_VOCABULARY_MAKE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/options.h"
#include "cluster/base/status.h"

struct vocabulary_plan {
    struct option_list texts;
    const char *vocab;  /* the file to write */
    int64_t size;       /* rows at most */
    int64_t least;      /* occurrences of a character or pair that becomes a piece */
    int64_t characters; /* of the corpus, at most */
    int64_t unused;     /* [unused] rows after [PAD] */
    struct {
        int64_t first, count;
    } placeholder;      /* ids that are [unused] rows for prompts */
    const char *always; /* characters that become pieces whether they occur or not */
    int64_t words;      /* different words held in memory */
};

/* The table for the reader of options; offsets are those of struct vocabulary_plan. */
extern const struct option vocabulary_plan_options[];
extern const size_t vocabulary_plan_option_count;

struct vocabulary_made {
    int64_t rows, characters, pieces, unused;
    int64_t seen, covered; /* characters of the corpus, and those that became pieces */
    int64_t lines, words;  /* words: different ones */
};

/* Local. Read the corpus once, learn, write plan->vocab (all or nothing). Same texts and plan, same bytes. */
status vocabulary_make(const struct vocabulary_plan *plan, struct vocabulary_made *made);

#endif
