/* WordPiece: text to ids and byte offsets, identical to Hugging Face's BertTokenizerFast with the vocabulary's
 * clean-up. No hidden state: threads may share one vocabulary and encode at the same time. */
#ifndef MP2_COORDINATOR_TEXT_WORDPIECE_H
#define MP2_COORDINATOR_TEXT_WORDPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "coordinator/text/vocabulary.h"

/* A piece and the bytes [start, end) of the text it came from. Pieces of one decomposed character share its bytes. */
struct token {
    int32_t id;
    uint32_t start, end;
};

/* Grows by itself; {0} is an empty list. Setting count = 0 reuses it. */
struct token_list {
    struct token *items;
    size_t count, room;
};
void token_list_fini(struct token_list *list);

/* Local. Append the tokens of text (n bytes, at most 4 GiB - 1: ST_INPUT beyond; any bytes, NUL and \n included; each
 * maximal bad part of UTF-8 counts as U+FFFD, which is dropped). No [CLS] or [SEP] is added and nothing is cut.
 * Special tokens ([PAD] [UNK] [CLS] [SEP] [MASK], those that v has) and added tokens written in the text become their
 * ids. */
status wordpiece_encode(const struct vocabulary *v, const char *text, size_t n, struct token_list *out);

#endif
