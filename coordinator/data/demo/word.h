/* The demo grammar's helpers: words, lists of words, dice, and texts put together from frames.
 *
 * A list is one string, its items separated by spaces: "球队 教练 前锋". An item may have two forms, "提高/提升". A
 * frame is an item with places for words: "$0和$1很受关注". All tables of the grammar are such strings, so that a table
 * is what one reads.
 *
 * A dice is a stream of random numbers that also keeps a sum over the content words it was used to pick (not over
 * frames): the row's combination. Half of all combinations belong to the unlabelled text, the other half to the tasks'
 * rows, so that no combination of words of any row has been seen in the text. */
#ifndef MP2_COORDINATOR_DATA_DEMO_WORD_H
#define MP2_COORDINATOR_DATA_DEMO_WORD_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/random.h"

struct demo_word {
    const char *s;
    int n;
}; /* a piece of a table; n bytes */

enum { DEMO_TEXT = 640 };
struct demo_text {
    char s[DEMO_TEXT];
    int n;
};

struct demo_dice {
    struct random_key key;
    uint64_t next, combination;
};

/* Local. A dice for a stream (task, split, row); streams are independent. */
struct demo_dice demo_dice_at(struct random_key key, uint32_t a, uint32_t b, uint32_t c);
/* Local. 0 … n-1. */
int demo_below(struct demo_dice *d, int n);
/* Local. True with a probability of percent / 100. */
int demo_chance(struct demo_dice *d, int percent);
/* Local. 0 or 1: to which half the words picked so far belong. */
int demo_half(const struct demo_dice *d);

int demo_count(const char *list);
struct demo_word demo_item(const char *list, int at);        /* empty when there is no such item */
int demo_index(const char *list, struct demo_word w);        /* -1 when not in the list */
struct demo_word demo_form(struct demo_word item, int form); /* of "a/b": a or b; an item of one form is itself */
struct demo_word demo_as_word(const char *s);
int demo_same(struct demo_word a, struct demo_word b);

/* Local. One item, counted into the combination (pick) or not (frame). */
struct demo_word demo_pick(struct demo_dice *d, const char *list);
struct demo_word demo_frame(struct demo_dice *d, const char *list);
/* Local. n different items in random order. n <= 8 and <= the list's length. */
void demo_pick_some(struct demo_dice *d, const char *list, int n, struct demo_word *out);
/* Local. An item other than w, which is in the list; counted. */
struct demo_word demo_pick_other(struct demo_dice *d, const char *list, struct demo_word w);
/* Local. Random order of 0 … n-1, n <= 64. */
void demo_order(struct demo_dice *d, int n, int *out);

/* Local. Append; a text that is full stays as it is (tables are small: tests see that it never happens). */
void demo_add(struct demo_text *t, struct demo_word w);
void demo_adds(struct demo_text *t, const char *s);
/* Local. Append a frame, $0 … $9 replaced by w[0] … w[9]. */
void demo_say(struct demo_text *t, struct demo_word frame, const struct demo_word *w);

#endif
