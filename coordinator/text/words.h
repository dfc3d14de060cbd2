/* The words of a text as WordPiece sees them, for counting: cleaned up, decomposed, without accents, in lower case. */
#ifndef MP2_COORDINATOR_TEXT_WORDS_H
#define MP2_COORDINATOR_TEXT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "coordinator/text/char_table.h"

enum { WORD_CHARS_MOST = 100 }; /* a longer word is [UNK] and is not given */

/* alone: the character that is a word of its own (Chinese, punctuation), and n is 0; else 0 and text are n bytes. */
struct word {
    const char *text;
    size_t n;
    uint32_t alone;
};
typedef status word_use(void *arg, const struct word *word);

/* Local. chars: a table without a vocabulary. Special tokens are not looked for, invalid UTF-8 is left out, and marks
 * that stay keep the text's order. */
status words_each(const struct char_table *chars, const char *text, size_t n, word_use *use, void *arg);

#endif
