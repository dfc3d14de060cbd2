/* Tokens that a folder adds to its vocabulary's pieces: entity markers, new words, more special tokens. They are cut
 * out of a text before it is cut into words (token_cutter.h). */
#ifndef MP2_TEXT_ADDED_TOKENS_H
#define MP2_TEXT_ADDED_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/memory.h"

struct added_token {
    const char *text; /* 0-terminated, n bytes of UTF-8 */
    size_t n;
    int64_t id;       /* as its file says, -1: it does not */
    int cleaned;      /* found in the text after clean-up ("normalized"), not as it is written */
    int whole_word;   /* only where no letter stands beside ("single_word") */
    const char *file; /* where it was read; outlives the list */
};

/* {0} is an empty list. */
struct added_tokens {
    struct mem_keep keep;
    struct added_token *items;
    size_t count, room;
};

/* Local. Add a copy of a token; one of the same text that is there already stays as it is. ST_INPUT (reported) when it
 * is empty, its id is out of bounds, or both have ids and they differ. */
status added_tokens_put(struct added_tokens *list, const struct added_token *token);
/* Local. The token of that text, NULL when there is none. */
const struct added_token *added_tokens_find(const struct added_tokens *list, const char *text, size_t n);
void added_tokens_fini(struct added_tokens *list);

#endif
