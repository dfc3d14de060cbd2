#include "worker/train/token_text.h"

#include <string.h>

#include "cluster/base/log.h"

static const char magic[16] = "mp2 ids 2\n";

void token_text_header(const char *digest, char out[TOKEN_TEXT_HEADER])
{
    memset(out, 0, TOKEN_TEXT_HEADER);
    memcpy(out, magic, sizeof magic);
    memcpy(out + sizeof magic, digest, strnlen(digest, 32));
}

status token_text_open(const char *folder, const char *name, const char *digest, struct token_text *out)
{
    char path[4096], wanted[TOKEN_TEXT_HEADER];

    TRY(file_join(path, sizeof path, folder, name));
    TRY(file_map_open(path, &out->map));
    token_text_header(digest, wanted);
    if (out->map.size < TOKEN_TEXT_HEADER || (out->map.size - TOKEN_TEXT_HEADER) % sizeof(int32_t) != 0 ||
        memcmp(out->map.data, wanted, sizeof wanted) != 0) {
        file_map_close(&out->map);
        return fault(ST_INPUT, "%s: not the text of this run (damaged, or another vocabulary or corpus); remove it",
                     path);
    }
    out->tokens = (const int32_t *)(const void *)(out->map.data + TOKEN_TEXT_HEADER);
    out->count = (int64_t)((out->map.size - TOKEN_TEXT_HEADER) / sizeof(int32_t));
    return ST_OK;
}

void token_text_close(struct token_text *t)
{
    if (t->map.data) file_map_close(&t->map);
    *t = (struct token_text){0};
}

int64_t token_text_sequences(const struct token_text *t, int32_t length)
{
    return t->count / (length - 2);
}

void token_text_sequence(const struct token_text *t, const struct special_tokens *s, int64_t index, int32_t length,
                         int32_t *tokens)
{
    tokens[0] = s->cls;
    memcpy(tokens + 1, t->tokens + index * (length - 2), (size_t)(length - 2) * sizeof *tokens);
    tokens[length - 1] = s->sep;
}
