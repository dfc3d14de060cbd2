/* What WordPiece does with each code point, looked up directly: clean-up, decomposition, removal of accents, lower case
 * and, for characters that are words of their own, the id. Pages of 256 entries; equal pages are kept once. */
#ifndef MP2_COORDINATOR_TEXT_CHAR_TABLE_H
#define MP2_COORDINATOR_TEXT_CHAR_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

/* What is done with a text before it is cut into words, as BERT's tokenizer has it; control characters always go. */
struct clean_up {
    int lower;   /* letters become lower case */
    int strip;   /* characters are decomposed, and accents and other nonspacing marks removed */
    int chinese; /* every Chinese character is a word of its own */
};
extern const struct clean_up clean_up_standard; /* all of it: a lower-case vocabulary */

/* Local. What one character becomes before lower case: itself, or its decomposition, 1 to 4 characters; returns how
 * many. */
int clean_up_parts(const struct clean_up *clean, uint32_t c, uint32_t out[4]);
/* Local. 1 when clean-up removes it: a mark of a decomposition. */
int clean_up_drops(const struct clean_up *clean, uint32_t c);

enum char_kind {
    CHAR_LETTER,  /* part of a word; value: the code point it becomes, 0: itself */
    CHAR_SPACE,   /* ends a word */
    CHAR_SINGLE,  /* a word of its own; value: the id */
    CHAR_BRACKET, /* as CHAR_SINGLE; a special token may begin here */
    CHAR_DROP,    /* removed */
    CHAR_SEVERAL, /* becomes several characters: see clean_up_parts */
    CHAR_CLUSTER  /* becomes, perhaps with others, a mark that is not removed: its order among marks matters */
};

enum { CHAR_KIND_SHIFT = 29, CHAR_PAGE = 256, CHAR_PAGES = 0x110000 / CHAR_PAGE };

struct char_table {
    const uint32_t *pages[CHAR_PAGES]; /* CHAR_PAGE entries: kind << CHAR_KIND_SHIFT | value */
    void **owned;
    size_t owned_count, owned_room;
};

/* Where the ids of words of one character come from: id gives that of a text, -1 when there is none; unknown is
 * [UNK]'s. */
struct char_ids {
    int32_t (*id)(const void *arg, const char *text, size_t n);
    const void *arg;
    int32_t unknown;
};

/* Local. ids is read here alone; NULL: the value of a word of one character is that character. */
status char_table_new(const struct char_ids *ids, const struct clean_up *clean, struct char_table **out);
void char_table_destroy(struct char_table **t);

static inline uint32_t char_entry(const struct char_table *t, uint32_t c)
{
    return t->pages[c / CHAR_PAGE][c % CHAR_PAGE];
}

static inline enum char_kind char_entry_kind(uint32_t entry)
{
    return (enum char_kind)(entry >> CHAR_KIND_SHIFT);
}

static inline uint32_t char_entry_value(uint32_t entry)
{
    return entry & ((1u << CHAR_KIND_SHIFT) - 1);
}

#endif
