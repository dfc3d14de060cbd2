/* A list of words, for whole-word masking of text that is written without spaces: forward maximum matching over
 * pieces. The list is a UTF-8 file, a word a line; what comes after a space or tab (frequencies, as jieba's
 * dictionaries have them) is not read. A word of one piece, or with a piece the vocabulary lacks, is no help and left
 * out. */
#ifndef MP2_COORDINATOR_MLM_WORD_LIST_H
#define MP2_COORDINATOR_MLM_WORD_LIST_H

#include "coordinator/text/vocabulary.h"

struct word_list;

/* Local. ST_INPUT (reported): no such file, invalid UTF-8, or no word of use in it. */
status word_list_load(const char *path, const struct vocabulary *v, struct word_list **out);
void word_list_destroy(struct word_list **w);

/* Local. How many words there are; 32 digits over them in the file's order. */
int64_t word_list_count(const struct word_list *w);
const char *word_list_digest(const struct word_list *w);

/* Local. From the left, the longest word that fits; its pieces but the first get TOKEN_JOINED (masking.h). Pieces that
 * carry it already (##ing) stay as they are; joined pieces may be part of a longer word. */
void word_list_mark(const struct word_list *w, int32_t *tokens, int64_t n);

#endif
