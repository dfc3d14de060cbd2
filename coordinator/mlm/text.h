/* Text for masked-language-model training, tokenised once into two files of a folder: train.ids and heldout.ids. A
 * document is held out by the hash of its own bytes, so the split depends on nothing else. Documents stand one after
 * the other, each closed by [SEP] (worker/train/token_text.h reads them). */
#ifndef MP2_COORDINATOR_MLM_TEXT_H
#define MP2_COORDINATOR_MLM_TEXT_H

#include "cluster/base/file.h"
#include "cluster/base/options.h"
#include "cluster/base/random.h"
#include "cluster/store/run_folder.h"
#include "coordinator/text/vocabulary.h"
#include "coordinator/mlm/word_list.h"
#include "worker/train/token_text.h"

enum documents { DOCUMENTS_LINE, DOCUMENTS_BLOCK }; /* a document: a line; the lines up to an empty one */

struct mlm_source {
    const struct option_list *texts; /* as corpus_open takes them */
    enum documents documents;
    double heldout; /* share of documents, [0,1) */
    const struct vocabulary *vocabulary;
    const struct word_list *words; /* pieces of its words are joined; NULL: pieces like ##ing alone */
    const char *digest;            /* 32 digits: of all that the files depend on, the caller's words */
    struct run_folder *folder;     /* asked for a stop; NULL: signals alone ask for one */
};

/* Local. Make both files in an existing folder; kept as they are when they carry the digest already. ST_INPUT
 * (reported): no text, invalid UTF-8, a vocabulary without the special tokens. ST_END: a stop was asked for, nothing is
 * made. */
status mlm_text_make(const struct mlm_source *source, const char *folder);

/* Local. 1 when folder holds both files with this source's digest. */
int mlm_text_made(const struct mlm_source *source, const char *folder);

/* Local. The special tokens that training needs. ST_INPUT (reported) when one is missing. */
status mlm_special_find(const struct vocabulary *v, struct special_tokens *out);

#endif
