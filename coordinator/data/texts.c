#include "coordinator/data/texts.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { HEAD = 3 };

status texts_pack(struct text context, const struct token_list *tokens, const struct text *answers, int count,
                  int32_t **words, size_t *room, size_t *n)
{
    size_t head = HEAD + (size_t)count + 2 * tokens->count, bytes = context.n;
    int32_t *at;
    char *to;

    for (int i = 0; i < count; i++) bytes += answers[i].n;
    if (bytes >= INT32_MAX)
        return fault(ST_INPUT, "a context and its answers of %zu bytes, expected less than 2 GiB", bytes);
    *n = head + (bytes + sizeof **words - 1) / sizeof **words;
    TRY(mem_grow(words, room, *n, sizeof **words));
    (*words)[*n - 1] = 0;
    at = *words;
    *at++ = (int32_t)tokens->count;
    *at++ = (int32_t)context.n;
    *at++ = count;
    for (int i = 0; i < count; i++) *at++ = (int32_t)answers[i].n;
    for (size_t i = 0; i < tokens->count; i++) {
        *at++ = (int32_t)tokens->items[i].start;
        *at++ = (int32_t)tokens->items[i].end;
    }
    to = (char *)at;
    memcpy(to, context.text, context.n);
    to += context.n;
    for (int i = 0; i < count; to += answers[i++].n) memcpy(to, answers[i].text, answers[i].n);
    return ST_OK;
}

void texts_row(const struct shard *texts, int64_t row, struct row_texts *out)
{
    const int32_t *at = texts->data + texts->index[row];

    *out = (struct row_texts){.tokens = at[0], .context_bytes = at[1], .answers = at[2], .answer_bytes = at + HEAD};
    out->span = out->answer_bytes + out->answers;
    out->context = (const char *)(out->span + 2 * (size_t)out->tokens);
    out->answer = out->context + out->context_bytes;
}

static int row_fits(const struct shard *texts, int64_t row, const struct shard_row *beside, int context)
{
    const int32_t *at = texts->data + texts->index[row];
    uint64_t words = texts->index[row + 1] - texts->index[row], bytes;
    struct row_texts t;

    if (words < HEAD || at[0] != beside->field[context].count || at[1] < 0 || at[2] != beside->items ||
        words < HEAD + (uint64_t)at[2] + 2 * (uint64_t)at[0])
        return 0;
    texts_row(texts, row, &t);
    bytes = (uint64_t)t.context_bytes;
    for (int32_t i = 0; i < t.answers; i++) {
        if (t.answer_bytes[i] < 0) return 0;
        bytes += (uint64_t)t.answer_bytes[i];
    }
    for (int32_t i = 0; i < t.tokens; i++)
        if (t.span[2 * i] < 0 || t.span[2 * i + 1] < t.span[2 * i] || t.span[2 * i + 1] > t.context_bytes) return 0;
    return words == HEAD + (uint64_t)at[2] + 2 * (uint64_t)at[0] + (bytes + sizeof *at - 1) / sizeof *at;
}

status texts_check(const struct shard *texts, const char *path, const struct shard *beside, int context)
{
    int fits = texts->rows == beside->rows && memcmp(texts->set, beside->set, sizeof texts->set) == 0;

    for (int64_t i = 0; i < texts->rows && fits; i++) {
        struct shard_row row;

        shard_row(beside, i, &row);
        fits = row_fits(texts, i, &row, context);
    }
    return fits ? ST_OK
                : fault(ST_INPUT, "%s: is of another import than the shard beside it; import the task again", path);
}
