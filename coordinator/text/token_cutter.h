/* Cuts added tokens out of a text, as Hugging Face's tokenizers does: from left to right, the longest of those that
 * begin at a place. Raw tokens are looked for in the text as it is written; cleaned ones, in what lies between, in the
 * text after clean-up, so that <E1> is found in "<e1>" where letters become lower case. */
#ifndef MP2_TEXT_TOKEN_CUTTER_H
#define MP2_TEXT_TOKEN_CUTTER_H

#include "coordinator/text/added_tokens.h"
#include "coordinator/text/char_table.h"

struct token_cutter;

struct token_cut {
    size_t start, end;
    int32_t id;
}; /* bytes of the text */

/* Local. tokens[i] has the id ids[i]; nothing of the arrays is kept. ST_INPUT (reported): a token that cannot be found
 * as the library finds it (whole words only; cleaned, and empty, beside white space or taken apart by clean-up). */
status token_cutter_new(const struct added_token *tokens, const int32_t *ids, size_t count,
                        const struct clean_up *clean, struct token_cutter **out);
void token_cutter_destroy(struct token_cutter **cutter);

/* Local. The first raw token in the bytes [from, to) of text; 0 when there is none. Safe from several threads. */
int token_cutter_raw(const struct token_cutter *cutter, const char *text, size_t from, size_t to,
                     struct token_cut *out);
/* The same for cleaned tokens; [from, to) has no raw one. */
int token_cutter_cleaned(const struct token_cutter *cutter, const char *text, size_t from, size_t to,
                         struct token_cut *out);

#endif
