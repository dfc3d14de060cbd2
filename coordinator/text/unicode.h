/* What BERT's clean-up does with a code point, as Hugging Face's tokenizers does it. That library mixes versions of
 * Unicode: categories as of Unicode 8, decompositions as of 9, lower case as of 17. So these are tables of our own
 * (unicode_classes.c, unicode_decompositions.c, made by tests/reference/make_unicode.py) and the same on every machine,
 * whatever Unicode library is installed. */
#ifndef MP2_COORDINATOR_TEXT_UNICODE_H
#define MP2_COORDINATOR_TEXT_UNICODE_H

#include <stddef.h>
#include <stdint.h>

enum unicode_class {
    UNICODE_LETTER,     /* whatever the others are not: part of a word */
    UNICODE_DROP,       /* control, format and private characters, U+0000, U+FFFD: removed, and do not part words */
    UNICODE_SPACE,      /* parts words */
    UNICODE_CHINESE,    /* a word of its own */
    UNICODE_MARK,       /* nonspacing mark: removed after decomposition */
    UNICODE_PUNCTUATION /* a word of its own */
};

struct unicode_class_range {
    uint32_t first, last;
    enum unicode_class what;
};
struct unicode_combining_range {
    uint32_t first, last;
    int order;
};
struct unicode_lower_range {
    uint32_t first, last;
    int step;
    int32_t delta;
};
struct unicode_decomposition {
    uint32_t from, to[4];
}; /* complete; unused places are 0 */

/* Sorted by code point. Hangul syllables are not in the last one: they follow a rule. */
extern const struct unicode_class_range unicode_classes[];
extern const struct unicode_combining_range unicode_combinings[];
extern const struct unicode_lower_range unicode_lowers[];
extern const struct unicode_decomposition unicode_decompositions[];
extern const size_t unicode_classes_count, unicode_combinings_count, unicode_lowers_count, unicode_decompositions_count;

/* Local. */
enum unicode_class unicode_class_of(uint32_t c);

/* Local. The canonical combining class; 0 for starters. */
int unicode_combining(uint32_t c);

/* Local. The lower case letter, c itself where there is none. (The one letter whose lower case is two characters,
 * U+0130, never gets here: it is decomposed before.) */
uint32_t unicode_lower(uint32_t c);

/* Local. The canonical decomposition, in order, 1 to 4 characters; returns how many. */
int unicode_decompose(uint32_t c, uint32_t out[4]);

/* Local. 1 when no character from first to last is in any table: all are letters that stay as they are. */
int unicode_is_plain(uint32_t first, uint32_t last);

/* Local. White space as a line of vocab.txt is trimmed by it. */
int unicode_is_space(uint32_t c);

#endif
