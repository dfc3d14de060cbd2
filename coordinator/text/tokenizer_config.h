/* What stands beside a vocabulary in a Hugging Face folder: tokenizer_config.json, special_tokens_map.json,
 * added_tokens.json. Each may be missing. transformers reads them as follows, and so do we: tokenizer_config.json's
 * added_tokens_decoder, where there is one, is the whole list of added tokens; only without it do the other two files
 * count. */
#ifndef MP2_TEXT_TOKENIZER_CONFIG_H
#define MP2_TEXT_TOKENIZER_CONFIG_H

#include <jansson.h>

#include "coordinator/text/added_tokens.h"
#include "coordinator/text/char_table.h"

enum tokenizer_file { TOKENIZER_CONFIG, TOKENIZER_SPECIAL, TOKENIZER_ADDED, TOKENIZER_FILES };

/* {.clean = clean_up_standard} before the first file. */
struct tokenizer_config {
    struct mem_keep keep;
    struct clean_up clean;
    int lower_said;            /* 1: the file says whether letters become lower case */
    int backend;               /* 1: the class is that of tokenizers alone: tokenizer.json says how texts are cleaned */
    int listed;                /* 1: there is an added_tokens_decoder */
    struct added_tokens added; /* the list: with ids */
    struct added_tokens special; /* more special tokens, without ids */
    struct added_tokens unused;  /* what the other two files have, beside an added_tokens_decoder */
};

/* Local. Read those of the three files that a folder has. ST_INPUT (reported, with path and key): what cannot be
 * followed.
 */
status tokenizer_config_load(const char *folder, struct tokenizer_config *out);
/* Local. One file of the three, in their order; path is for messages. */
status tokenizer_config_take(struct tokenizer_config *c, enum tokenizer_file which, const char *path,
                             const json_t *root);
void tokenizer_config_fini(struct tokenizer_config *c);

/* Local. The file's name in a folder. */
const char *tokenizer_file_name(enum tokenizer_file which);

#endif
