/* Text for masked-language-model training, tokenised once into two files of a folder: train.ids and heldout.ids. A document is
 * held out by the hash of its own bytes, so the split depends on nothing else. Documents stand one behind the other, each
 * closed by [SEP]; a sequence is [CLS], the next tokens of that stream, [SEP]: every sequence is full, nothing is padded. */
#ifndef MP2_COORDINATOR_MLM_TEXT_H
#define MP2_COORDINATOR_MLM_TEXT_H

#include "cluster/base/file.h"
#include "cluster/base/options.h"
#include "cluster/base/random.h"
#include "coordinator/text/vocabulary.h"
#include "coordinator/mlm/word_list.h"

enum documents { DOCUMENTS_LINE, DOCUMENTS_BLOCK };   /* a document: a line; the lines up to an empty one */

struct mlm_source {
    const struct option_list *texts;   /* as corpus_open takes them */
    enum documents documents;
    double heldout;                    /* share of documents, [0,1) */
    const struct vocabulary *vocabulary;
    const struct word_list *words;     /* pieces of its words are joined; NULL: pieces like ##ing alone */
    const char *digest;                /* 32 digits: of all that the files depend on, the caller's words */
};

/* One of the two files, mapped. words: ids, with TOKEN_JOINED (masking.h) where a piece goes on with a word. */
struct mlm_text { struct file_map map; const int32_t *words; int64_t tokens; };

/* Local. Make both files in an existing folder; kept as they are when they carry the digest already. ST_INPUT (said): no text,
 * invalid UTF-8, a vocabulary without the special tokens. */
status mlm_text_make(const struct mlm_source *source, const char *folder);

/* Local. 1 when folder holds both files with this source's digest. */
int mlm_text_made(const struct mlm_source *source, const char *folder);

/* Local. name: "train.ids" or "heldout.ids". ST_INPUT (said) when it is damaged or carries another digest. */
status mlm_text_open(const char *folder, const char *name, const char *digest, struct mlm_text *out);
void mlm_text_close(struct mlm_text *t);

/* Local. How many sequences of so many tokens there are; sequence `index` into tokens (length). */
int64_t mlm_text_sequences(const struct mlm_text *t, int32_t length);

struct mlm_special { int32_t cls, sep, mask, vocabulary; };
status mlm_special_find(const struct vocabulary *v, struct mlm_special *out);
void mlm_text_sequence(const struct mlm_text *t, const struct mlm_special *s, int64_t index, int32_t length, int32_t *tokens);

#endif
