/* The texts behind the rows of an extractive task: SPLIT.texts beside SPLIT.shard, a row for a row of it, in a shard's
 * container (shard.h). Answers are scored by them (answer.h): token ids do not tell unknown characters apart. A row is
 *     tokens of the context, its bytes, accepted answers, the bytes of each, tokens x (first byte, end), and the texts
 * in words of 32 bits; answers are in the order of the shard's. What a resumed run must find again is the shards
 * alone. */
#ifndef MP2_DATA_TEXTS_H
#define MP2_DATA_TEXTS_H

#include "coordinator/data/shard.h"
#include "coordinator/text/wordpiece.h"

struct text {
    const char *text;
    size_t n;
};

struct row_texts {
    const char *context;
    int32_t tokens, context_bytes, answers;
    const int32_t *span; /* tokens x (first byte, end) */
    const int32_t *answer_bytes;
    const char *answer; /* one after the other */
};

/* Local. A row's words into *words, which grows. ST_INPUT (reported) when a text has 2 GiB or more. */
status texts_pack(struct text context, const struct token_list *tokens, const struct text *answers, int count,
                  int32_t **words, size_t *room, size_t *n);

/* Local. Check every row against the shard beside it. ST_INPUT (reported). */
status texts_check(const struct shard *texts, const char *path, const struct shard *beside, int context);

/* Local. A row of checked texts. */
void texts_row(const struct shard *texts, int64_t row, struct row_texts *out);

#endif
