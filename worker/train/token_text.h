/* Tokenised text for masked-language-model training: one memory-mapped file, documents one after another, each ended by
 * [SEP]. A sequence is [CLS], the next tokens of that stream, [SEP]: every sequence is full, nothing is padded.
 * coordinator/mlm/text.h writes the files. */
#ifndef MP2_WORKER_TRAIN_TOKEN_TEXT_H
#define MP2_WORKER_TRAIN_TOKEN_TEXT_H

#include <stdint.h>

#include "cluster/base/file.h"
#include "cluster/base/status.h"

/* A token has this bit set if it continues the previous token's word; the rest is its id. */
enum { TOKEN_JOINED = 1 << 30 };
static inline int32_t token_id(int32_t token)
{
    return token & (TOKEN_JOINED - 1);
}

/* A file's header: a magic text, then the digest of everything its tokens depend on. */
enum { TOKEN_TEXT_HEADER = 64 };

struct token_text {
    struct file_map map;
    const int32_t *tokens;
    int64_t count;
};

/* Ids of the special tokens, and the size of the vocabulary. */
struct special_tokens {
    int32_t cls, sep, mask, vocabulary;
};

/* Local. The header of a file with this digest (32 digits). */
void token_text_header(const char *digest, char out[TOKEN_TEXT_HEADER]);

/* Local. ST_INPUT (reported) if folder/name is damaged or has another digest. */
status token_text_open(const char *folder, const char *name, const char *digest, struct token_text *out);
void token_text_close(struct token_text *t);

/* Local. The number of sequences of that many tokens; read sequence `index` into tokens (length). */
int64_t token_text_sequences(const struct token_text *t, int32_t length);
void token_text_sequence(const struct token_text *t, const struct special_tokens *s, int64_t index, int32_t length,
                         int32_t *tokens);

#endif
