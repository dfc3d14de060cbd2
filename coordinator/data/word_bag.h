/* Bags of words, as the `squad` metric compares answers: in lower case, without ASCII punctuation and the articles a,
 * an, the. Words are the tokenizer's before it cuts them into pieces: a Chinese character or a punctuation mark is
 * one, accents go. */
#ifndef MP2_DATA_WORD_BAG_H
#define MP2_DATA_WORD_BAG_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "coordinator/data/task.h"

/* {0} is an empty one; it may be filled again and again. */
struct word_bag {
    char *bytes;  /* the words, one after the other */
    size_t *ends; /* where each ends */
    size_t count, byte_room, end_room;
};
void word_bag_fini(struct word_bag *bag);

/* Local. The words of a text of n bytes of UTF-8. */
status word_bag_of_text(const char *text, size_t n, struct word_bag *out);

/* Local. The words of tokens, as their roles tell them: a token and the "##" pieces after it. All unknown ones are
 * equal. */
status word_bag_of_tokens(const struct token_roles *roles, const int32_t *ids, int count, struct word_bag *out);

/* Local. F1 of precision and recall of the words that both have, counted as often as both have them; 0 when there are
 * none. */
double word_bag_f1(const struct word_bag *a, const struct word_bag *b);

#endif
