/* Some markers, at times some thousand new words: a walk finds one of them soon enough. */
#include "coordinator/text/added_tokens.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/utf8.h"

enum { ID_LIMIT = 1 << 24, COUNT_LIMIT = 1 << 15 };

const struct added_token *added_tokens_find(const struct added_tokens *list, const char *text, size_t n)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].n == n && memcmp(list->items[i].text, text, n) == 0) return &list->items[i];
    return NULL;
}

static status check_token(const struct added_token *t)
{
    if (t->n == 0) return fault(ST_INPUT, "%s: an added token without text", t->file);
    if (utf8_valid(t->text, t->n) < t->n || memchr(t->text, '\n', t->n))
        return fault(ST_INPUT, "%s: the added token \"%.60s\" has a line end or invalid UTF-8", t->file, t->text);
    if (t->id >= ID_LIMIT)
        return fault(ST_INPUT, "%s: the added token \"%.60s\" has the id %lld, expected less than %d", t->file, t->text,
                     (long long)t->id, ID_LIMIT);
    return ST_OK;
}

status added_tokens_put(struct added_tokens *list, const struct added_token *token)
{
    struct added_token *before = (struct added_token *)(uintptr_t)added_tokens_find(list, token->text, token->n), *kept;

    TRY(check_token(token));
    if (before && before->id >= 0 && token->id >= 0 && before->id != token->id)
        return fault(ST_INPUT, "%s: the added token \"%.60s\" has the id %lld, in %s it has %lld", token->file,
                     token->text, (long long)token->id, before->file, (long long)before->id);
    if (before) {
        if (before->id < 0) before->id = token->id;
        return ST_OK;
    }
    if (list->count == COUNT_LIMIT) return fault(ST_INPUT, "%s: more than %d added tokens", token->file, COUNT_LIMIT);
    TRY(mem_grow(&list->items, &list->room, list->count + 1, sizeof *list->items));
    kept = &list->items[list->count];
    *kept = *token;
    TRY(mem_keep_text(&list->keep, token->text, token->n, &kept->text));
    list->count++;
    return ST_OK;
}

void added_tokens_fini(struct added_tokens *list)
{
    mem_keep_free(&list->keep);
    mem_free(list->items);
    *list = (struct added_tokens){0};
}
