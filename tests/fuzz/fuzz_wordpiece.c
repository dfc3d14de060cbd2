/* Any bytes as text: tokens are in order, inside the text, on character boundaries, and their ids
 * are the vocabulary's. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/utf8.h"
#include "coordinator/text/wordpiece.h"
#include "tests/fuzz/fuzz.h"

static const char pieces[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n##bc\n"
                             "\xe4\xb8\xad\n\xf0\x9d\x85\xa5\n##\xf0\x9d\x85\xa5\n\xe1\x84\x92\n";

/* 1 when a character begins at that byte, or the text ends there. */
static void mark_boundaries(const char *text, size_t n, char *at)
{
    for (size_t i = 0; i < n;) {
        uint32_t c;
        at[i] = 1;
        i += utf8_decode(text + i, n - i, &c);
    }
    at[n] = 1;
}

static void check(const struct vocabulary *v, const char *text, size_t n)
{
    struct token_list list = {0};
    char *boundary = calloc(n + 1, 1);

    if (!boundary || wordpiece_encode(v, text, n, &list) != ST_OK) abort();
    mark_boundaries(text, n, boundary);
    for (size_t i = 0; i < list.count; i++) {
        const struct token *t = &list.items[i];

        if (t->id < 0 || t->id >= vocabulary_size(v) || t->start >= t->end || t->end > n) abort();
        if (!boundary[t->start] || !boundary[t->end]) abort();
        if (i > 0 && t->start < list.items[i - 1].start) abort();
    }
    token_list_fini(&list);
    free(boundary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vocabulary *fixed;

    if (!fixed && vocabulary_parse("fixed", pieces, sizeof pieces - 1, &fixed) != ST_OK) abort();
    check(fixed, (const char *)data, size);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const char *const seeds[] = {
        "abc [MASK]\xe4\xb8\xad\xef\xbc\x8c\xc3\x89 a\xcc\x96\xf0\x9d\x85\xa5\xcc\xb4 \xed\x95\x9c [CLS]abcbcbc",
        "a\xf0\x9d\x85\x9f\xcc\xb4\xf0\x9d\x85\xad\xcd\x85\xe3\x80\xae\xcc\x81 "
        "\xf0\x9d\x85\xa5\xcc\x96\xf0\x9d\x85\xae"};
    size_t n;

    if (i >= (int)(sizeof seeds / sizeof *seeds)) return 0;
    n = strlen(seeds[i]);
    if (n > room) return 0;
    memcpy(out, seeds[i], n);
    return n;
}
