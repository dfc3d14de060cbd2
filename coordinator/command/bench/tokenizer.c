/* mp2 bench tokenizer: bytes of text a second through WordPiece, one thread, best of five passes over 8 MB of generated
 * lines. The limit is what any tokenizer must do at least: read the same bytes and write the same tokens. */
#include <stdio.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/memory.h"
#include "cluster/base/random.h"
#include "cluster/base/utf8.h"
#include "coordinator/command/bench/commands.h"
#include "coordinator/command/bench/figure.h"
#include "coordinator/text/wordpiece.h"

enum {
    TEXT_BYTES = 8 << 20,
    LINE_ROOM = 4096,
    PASSES = 5,
    CHINESE = 0x4e00,
    CHINESE_COUNT = 8000, /* drawn as the square of a uniform number: some are frequent */
    STEMS = 4000,
    STEM_LETTERS = 5,
    ENDINGS = 200
};

struct bench_lines {
    char *text;
    size_t *ends, count, room, bytes;
};
struct drawer {
    struct random_key key;
    uint64_t next;
};

static uint32_t draw_number(struct drawer *d, uint32_t n)
{
    return random_word(d->key, d->next++) % n;
}

/* Stem i: its digits to the base 7 as letters. */
static size_t put_stem(char *out, uint32_t i)
{
    for (int k = 0; k < STEM_LETTERS; k++, i /= 7) out[k] = (char)('a' + (i % 7 * 11 + (uint32_t)k * 5) % 26);
    return STEM_LETTERS;
}

static size_t put_ending(char *out, uint32_t i)
{
    out[0] = (char)('a' + i % 26);
    out[1] = (char)('a' + i / 26 % 26);
    return 2;
}

static status make_vocabulary(struct vocabulary **out)
{
    size_t n;
    char *text, *p;
    status s;

    TRY(mem_alloc(CHINESE_COUNT * 4 + STEMS * 8 + ENDINGS * 8 + 1024, 1, &text));
    p = text + sprintf(text, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n，\n。\n,\n.\n");
    for (uint32_t i = 0; i < 36; i++)
        p += sprintf(p, "%c\n##%c\n", "0123456789abcdefghijklmnopqrstuvwxyz"[i],
                     "0123456789abcdefghijklmnopqrstuvwxyz"[i]);
    for (uint32_t i = 0; i < CHINESE_COUNT; i++) {
        p += utf8_encode(CHINESE + i, p);
        *p++ = '\n';
    }
    for (uint32_t i = 0; i < STEMS; i++) {
        p += put_stem(p, i);
        *p++ = '\n';
    }
    for (uint32_t i = 0; i < ENDINGS; i++) {
        *p++ = '#';
        *p++ = '#';
        p += put_ending(p, i);
        *p++ = '\n';
    }
    n = (size_t)(p - text);
    s = vocabulary_parse("generated", text, n, out);
    mem_free(text);
    return s;
}

static size_t put_word(struct drawer *d, char *out)
{
    size_t n = put_stem(out, draw_number(d, STEMS));

    if (draw_number(d, 2)) n += put_ending(out + n, draw_number(d, ENDINGS));
    if (draw_number(d, 6) == 0) out[0] = (char)(out[0] - 'a' + 'A');
    return n;
}

/* One line of 20 to 180 characters or words. latin: how many of 100 are words of letters. */
static size_t put_line(struct drawer *d, uint32_t latin, char *out)
{
    uint32_t parts = 20 + draw_number(d, latin > 50 ? 40 : 160);
    size_t n = 0;

    for (uint32_t i = 0; i < parts; i++) {
        if (draw_number(d, 100) < latin) {
            n += put_word(d, out + n);
            out[n++] = draw_number(d, 10) ? ' ' : ',';
        } else {
            uint64_t u = draw_number(d, CHINESE_COUNT);
            n += utf8_encode(CHINESE + (uint32_t)(u * u / CHINESE_COUNT), out + n);
            if (draw_number(d, 12) == 0) n += (size_t)sprintf(out + n, "%s", draw_number(d, 2) ? "，" : "。");
        }
    }
    return n;
}

static status make_lines(uint32_t latin, struct bench_lines *lines)
{
    struct drawer d = {random_derive(random_seed(1, RANDOM_DEMO), latin, 0, 0, 0), 0};

    memset(lines, 0, sizeof *lines);
    TRY(mem_alloc(TEXT_BYTES + LINE_ROOM, 1, &lines->text));
    while (lines->bytes < TEXT_BYTES) {
        TRY(mem_grow(&lines->ends, &lines->room, lines->count + 1, sizeof *lines->ends));
        lines->bytes += put_line(&d, latin, lines->text + lines->bytes);
        lines->ends[lines->count++] = lines->bytes;
    }
    return ST_OK;
}

static void free_lines(struct bench_lines *lines)
{
    mem_free(lines->text);
    mem_free(lines->ends);
}

/* Seconds to encode all lines, each into the same list; *tokens: how many in all. */
static status time_encode(const struct vocabulary *v, const struct bench_lines *lines, double *seconds, size_t *tokens)
{
    struct token_list list = {0};
    double start = clock_now();
    status s = ST_OK;

    *tokens = 0;
    for (size_t i = 0, at = 0; i < lines->count && s == ST_OK; at = lines->ends[i++]) {
        list.count = 0;
        s = wordpiece_encode(v, lines->text + at, lines->ends[i] - at, &list);
        *tokens += list.count;
    }
    *seconds = clock_now() - start;
    token_list_fini(&list);
    return s;
}

/* Seconds to read the text and write that many tokens. */
static double time_limit(const struct bench_lines *lines, struct token *out, size_t tokens)
{
    double start = clock_now();
    uint64_t sum = 0, word;

    for (size_t i = 0; i + sizeof word <= lines->bytes; i += sizeof word) {
        memcpy(&word, lines->text + i, sizeof word);
        sum += word;
    }
    for (size_t i = 0; i < tokens; i++) out[i] = (struct token){(int32_t)sum, (uint32_t)i, (uint32_t)i};
    __asm__ volatile("" : : "r"(out) : "memory"); /* the stores count */
    return clock_now() - start;
}

static status run_lines(const struct vocabulary *v, const char *what, const struct bench_lines *lines)
{
    struct bench_figure figure = {"tokenizer", what, 0, 0, "byte/s"};
    double best = 1e9, least = 1e9, seconds;
    struct token *out;
    size_t tokens;

    for (int pass = 0; pass < PASSES; pass++) {
        TRY(time_encode(v, lines, &seconds, &tokens));
        if (seconds < best) best = seconds;
    }
    TRY(mem_alloc(tokens, sizeof *out, &out));
    for (int pass = 0; pass < PASSES; pass++) {
        seconds = time_limit(lines, out, tokens);
        if (seconds < least) least = seconds;
    }
    mem_free(out);
    figure.value = (double)lines->bytes / best;
    figure.limit = (double)lines->bytes / least;
    return bench_print(&figure, "\"tokens_per_second\":%.6g,\"tokens\":%zu,\"lines\":%zu,\"threads\":1",
                       (double)tokens / best, tokens, lines->count);
}

status cmd_bench_tokenizer(int argc, char **argv)
{
    static const struct {
        const char *what;
        uint32_t latin;
    } cases[] = {{"chinese", 2}, {"mixed", 30}, {"latin", 100}};
    struct vocabulary *v;
    status s;

    (void)argc;
    (void)argv;
    TRY(make_vocabulary(&v));
    s = ST_OK;
    for (size_t i = 0; i < sizeof cases / sizeof *cases && s == ST_OK; i++) {
        struct bench_lines lines;

        s = make_lines(cases[i].latin, &lines);
        if (s == ST_OK) s = run_lines(v, cases[i].what, &lines);
        free_lines(&lines);
    }
    vocabulary_destroy(&v);
    return s;
}
