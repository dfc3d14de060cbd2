/* A tokenizer.json of Hugging Face's tokenizers: the vocabulary of a WordPiece model, the tokens added to it, and its
 * clean-up. transformers 5 writes no vocab.txt beside it. */
#ifndef MP2_TEXT_TOKENIZER_JSON_H
#define MP2_TEXT_TOKENIZER_JSON_H

#include <jansson.h>

#include "coordinator/text/added_tokens.h"
#include "coordinator/text/char_table.h"

struct tokenizer_json {
    char *lines; /* the pieces in the order of their ids, as the lines of a vocab.txt; ends with a 0 */
    size_t bytes;
    struct clean_up clean;
    struct added_tokens added;
};

/* Local. ST_INPUT (reported, with path and what was found): no JSON, another model than WordPiece, another normalizer
 * or pre-tokenizer than BERT's, or a setting of theirs that is not followed here. file is for messages and outlives
 * out.
 */
status tokenizer_json_load(const char *path, struct tokenizer_json *out);
status tokenizer_json_parse(const char *file, const char *text, size_t n, struct tokenizer_json *out);
void tokenizer_json_fini(struct tokenizer_json *t);

/* ---- parts of such files, for tokenizer_config.c too ---- */

/* Local. The flag under key; absent: standard. ST_INPUT (reported) when it is neither true nor false. */
status tokenizer_flag(const char *file, const json_t *object, const char *key, int standard, int *out);
/* Local. The same where null has a meaning of its own: that of `standard`. */
status tokenizer_flag_or_null(const char *file, const json_t *object, const char *key, int standard, int *out);
/* Local. A whole number from 0, as a JSON value or as text; -1: it is none. */
int64_t tokenizer_id(const json_t *value);
/* Local. Add what a JSON object {"content", "normalized", …} describes; cleaned: where the file does not say. */
status tokenizer_put_token(const char *file, const json_t *object, int64_t id, int cleaned, struct added_tokens *list);

#endif
