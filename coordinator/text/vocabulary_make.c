/* Layout, as BERT's Chinese vocabulary has it: [PAD], [unused1] …, [UNK], [CLS], [SEP], [MASK], then single characters
 * and learned pieces. The ids of the prompt's placeholders lie in the middle of that (1000, 1001, …) and are [unused]
 * rows, so that no text ever has them.
 *
 * Chinese characters and punctuation are words of their own and are only counted; the words of other scripts are held
 * with their counts and cut into pieces by merges_learn. What a character is, and what a word, words_each says. */
#include "coordinator/text/vocabulary_make.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/bar.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/utf8.h"
#include "coordinator/text/corpus.h"
#include "coordinator/text/merges.h"
#include "coordinator/text/text_count.h"
#include "coordinator/text/words.h"

enum { PIECE_LIMIT = 1 << 20, CODE_POINTS = 0x110000 };

static const char *const specials[] = {"[UNK]", "[CLS]", "[SEP]", "[MASK]"};
enum { SPECIALS = sizeof specials / sizeof *specials };

#define AT(field) offsetof(struct vocabulary_plan, field)
const struct option vocabulary_plan_options[] = {
    LIST_OPTION("texts", AT(texts), NULL, RESULT, "files and folders of text, UTF-8, plain, gzip or xz"),
    TEXT_OPTION("vocab", AT(vocab), NULL, PLACEMENT, "the file to write"),
    INT_OPTION("size", AT(size), "21128", 200, 1e6, RESULT, "rows", "the most the vocabulary may have"),
    INT_OPTION("least", AT(least), "5", 1, 1e9, RESULT, "",
               "occurrences that a character, or two neighbours within a word, need to become a piece"),
    INT_OPTION("characters", AT(characters), "12000", 1, 1e6, RESULT, "",
               "the most single characters taken from the text, by frequency"),
    INT_OPTION("unused", AT(unused), "99", 0, 1e5, RESULT, "rows", "[unused] rows between [PAD] and [UNK]"),
    INT_OPTION("placeholder.first", AT(placeholder.first), "1000", 0, 1e6, RESULT, "",
               "first id kept as an [unused] row for prompts"),
    INT_OPTION("placeholder.count", AT(placeholder.count), "100", 0, 1e5, RESULT, "rows",
               "how many ids are kept for prompts"),
    TEXT_OPTION("always", AT(always), "，。、；：？！…—·“”‘’（）《》〈〉【】「」『』￥％", RESULT,
                "characters that become pieces whether they occur or not (those of ASCII always do)"),
    INT_OPTION("words", AT(words), "4M", 1000, 1e9, RESULT, "",
               "the most different words held; above it the rarest are forgotten"),
};
const size_t vocabulary_plan_option_count = sizeof vocabulary_plan_options / sizeof *vocabulary_plan_options;

struct vocabulary_maker {
    const struct vocabulary_plan *plan;
    struct char_table *chars;
    struct text_count words;
    struct text_count letters; /* single characters as pieces ("中", "a", "##a") with their occurrences */
    struct text_count pieces;  /* the vocabulary's pieces in order */
    int64_t *alone;            /* occurrences of the characters that are words of their own */
    int64_t forget;            /* words that occurred less often were forgotten; 0: none */
    struct bar bar;
};

/* ---- counting -------------------------------------------------------------------------------------------------- */

static status count_word(void *arg, const struct word *word)
{
    struct vocabulary_maker *m = arg;
    size_t item;

    if (word->n == 0) {
        m->alone[word->alone]++;
        return ST_OK;
    }
    TRY(text_count_item(&m->words, word->text, word->n, &item));
    m->words.items[item].count++;
    while (m->words.item_count > (size_t)m->plan->words) TRY(text_count_prune(&m->words, ++m->forget + 1));
    return ST_OK;
}

static status read_corpus(struct vocabulary_maker *m, struct vocabulary_made *made)
{
    struct corpus corpus;
    char *text;
    size_t n;
    int ends;
    status s;

    TRY(corpus_open(&m->plan->texts, &corpus));
    bar_open(&m->bar, "vocab: read", (uint64_t)corpus.bytes, "bytes");
    while ((s = corpus_next(&corpus, PIECE_LIMIT, &text, &n, &ends)) == ST_OK) {
        if ((s = words_each(m->chars, text, n, count_word, m)) != ST_OK) break;
        made->lines += ends;
        bar_show(&m->bar, (uint64_t)corpus_bytes_read(&corpus), "%" PRId64 " lines", made->lines);
    }
    bar_close(&m->bar, s == ST_END);
    corpus_close(&corpus);
    if (s != ST_END) return s;
    if (m->forget)
        log_warn("vocab-forget", "words=%" PRId64 " forgot=rarer_than_%" PRId64, m->plan->words, m->forget + 1);
    made->words = (int64_t)m->words.item_count;
    return ST_OK;
}

static status add_letter(struct text_count *to, const char *mark, uint32_t c, int64_t count)
{
    char text[8];
    size_t n = strlen(mark), item;

    memcpy(text, mark, n);
    n += utf8_encode(c, text + n);
    TRY(text_count_item(to, text, n, &item));
    to->items[item].count += count;
    return ST_OK;
}

/* All single characters of the corpus with their occurrences: as a word or a word's start, and within words. */
static status count_letters(struct vocabulary_maker *m)
{
    for (uint32_t c = 0; c < CODE_POINTS; c++)
        if (m->alone[c] > 0) TRY(add_letter(&m->letters, "", c, m->alone[c]));
    for (size_t i = 0; i < m->words.item_count; i++) {
        const char *text = text_count_text(&m->words, i);
        size_t n = m->words.items[i].n;

        for (size_t at = 0; at < n;) {
            size_t start = at;
            uint32_t c;

            at += utf8_decode(text + at, n - at, &c);
            TRY(add_letter(&m->letters, start ? "##" : "", c, m->words.items[i].count));
        }
    }
    return ST_OK;
}

/* ---- choosing -------------------------------------------------------------------------------------------------- */

/* By falling count, equal ones by their bytes. */
static int more_frequent(const void *a, const void *b, void *arg)
{
    const struct text_count *t = arg;
    const struct counted *x = &t->items[*(const size_t *)a], *y = &t->items[*(const size_t *)b];
    int order = memcmp(t->bytes + x->at, t->bytes + y->at, x->n < y->n ? x->n : y->n);

    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

static status add_always(void *arg, const struct word *word)
{
    struct vocabulary_maker *m = arg;

    for (size_t at = 0; at < word->n;) {
        uint32_t c;

        at += utf8_decode(word->text + at, word->n - at, &c);
        TRY(add_letter(&m->pieces, "", c, 0));
        TRY(add_letter(&m->pieces, "##", c, 0));
    }
    return word->n > 0 ? ST_OK : add_letter(&m->pieces, "", word->alone, 0);
}

static status choose_letters(struct vocabulary_maker *m, size_t most)
{
    char ascii[96];
    size_t *order, taken = 0, before, n = m->letters.item_count;
    status s = ST_OK;

    for (int c = 0x21; c < 0x7f; c++) ascii[c - 0x21] = (char)c;
    TRY(words_each(m->chars, ascii, 0x7f - 0x21, add_always, m));
    TRY(words_each(m->chars, m->plan->always, strlen(m->plan->always), add_always, m));
    if (m->pieces.item_count > most)
        return fault(ST_INPUT,
                     "size: %" PRId64 " rows, expected room for %zu characters that are always there beside %" PRId64
                     " fixed rows",
                     m->plan->size, m->pieces.item_count, m->plan->size - (int64_t)most);
    TRY(mem_alloc(n, sizeof *order, &order));
    for (size_t i = 0; i < n; i++) order[i] = i;
    qsort_r(order, n, sizeof *order, more_frequent, &m->letters);
    for (size_t i = 0; i < n && s == ST_OK && m->pieces.item_count < most && taken < (size_t)m->plan->characters; i++) {
        const struct counted *letter = &m->letters.items[order[i]];
        size_t item;

        if (letter->count < m->plan->least) break;
        before = m->pieces.item_count;
        s = text_count_item(&m->pieces, m->letters.bytes + letter->at, letter->n, &item);
        taken += m->pieces.item_count > before;
    }
    mem_free(order);
    return s;
}

static void sum_up(const struct vocabulary_maker *m, struct vocabulary_made *made)
{
    for (size_t i = 0; i < m->letters.item_count; i++) {
        const struct counted *letter = &m->letters.items[i];

        made->seen += letter->count;
        if (text_count_find(&m->pieces, m->letters.bytes + letter->at, letter->n) >= 0) made->covered += letter->count;
    }
}

static void show_pieces(void *arg, size_t pieces)
{
    struct vocabulary_maker *m = arg;

    bar_show(&m->bar, pieces, "%s", "");
}

static status choose(struct vocabulary_maker *m, struct vocabulary_made *made)
{
    size_t most = (size_t)(m->plan->size - m->plan->unused - 1 - SPECIALS - m->plan->placeholder.count);
    status s;

    TRY(count_letters(m));
    TRY(choose_letters(m, most));
    made->characters = (int64_t)m->pieces.item_count;
    sum_up(m, made);
    bar_open(&m->bar, "vocab: learn", most, "pieces");
    s = merges_learn(&m->words, &m->pieces, most, m->plan->least, show_pieces, m);
    bar_close(&m->bar, s == ST_OK);
    made->pieces = (int64_t)m->pieces.item_count - made->characters;
    return s;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* The stream remembers its errors; file_out_commit looks. */
static void write_rows(const struct vocabulary_maker *m, FILE *to, struct vocabulary_made *made)
{
    const struct vocabulary_plan *p = m->plan;
    int64_t end = p->placeholder.count > 0 ? p->placeholder.first + p->placeholder.count : 0, id;
    size_t piece = 0;

    for (id = 0; id < end || id < p->unused + 1 + SPECIALS || piece < m->pieces.item_count; id++) {
        int64_t special = id - p->unused - 1;

        if (id == 0) fputs("[PAD]\n", to);
        else if (special >= 0 && special < SPECIALS) fprintf(to, "%s\n", specials[special]);
        else if (special < 0 || (id >= p->placeholder.first && id < end) || piece == m->pieces.item_count)
            fprintf(to, "[unused%" PRId64 "]\n", ++made->unused);
        else {
            fprintf(to, "%.*s\n", (int)m->pieces.items[piece].n, text_count_text(&m->pieces, piece));
            piece++;
        }
    }
    made->rows = id;
}

static status check_plan(const struct vocabulary_plan *p)
{
    int64_t fixed = p->unused + 1 + SPECIALS;

    if (p->placeholder.count > 0 && p->placeholder.first < fixed)
        return fault(ST_INPUT, "placeholder.first: %" PRId64 ", expected at least %" PRId64 " (behind [MASK])",
                     p->placeholder.first, fixed);
    if (p->placeholder.count > 0 && p->placeholder.first + p->placeholder.count > p->size)
        return fault(ST_INPUT, "size: %" PRId64 " rows, expected at least %" PRId64 " for the placeholders", p->size,
                     p->placeholder.first + p->placeholder.count);
    if (fixed + p->placeholder.count >= p->size)
        return fault(ST_INPUT, "size: %" PRId64 " rows, expected more than the %" PRId64 " fixed ones", p->size,
                     fixed + p->placeholder.count);
    return ST_OK;
}

static status make_pieces(struct vocabulary_maker *m, struct vocabulary_made *made)
{
    TRY(char_table_new(NULL, 0, &clean_up_standard, &m->chars));
    TRY(text_count_init(&m->words));
    TRY(text_count_init(&m->letters));
    TRY(text_count_init(&m->pieces));
    TRY(mem_alloc(CODE_POINTS, sizeof *m->alone, &m->alone));
    TRY(read_corpus(m, made));
    TRY(choose(m, made));
    return made->seen > 0 ? ST_OK : fault(ST_INPUT, "the texts hold no characters, expected lines of text");
}

status vocabulary_make(const struct vocabulary_plan *plan, struct vocabulary_made *made)
{
    struct vocabulary_maker m = {.plan = plan};
    struct file_out out;
    status s;

    memset(made, 0, sizeof *made);
    TRY(check_plan(plan));
    TRY(file_out_open(plan->vocab, &out)); /* before the long work, not after it */
    s = make_pieces(&m, made);
    if (s == ST_OK) {
        write_rows(&m, out.stream, made);
        s = file_out_commit(&out);
    } else {
        file_out_abandon(&out);
    }
    char_table_destroy(&m.chars);
    text_count_fini(&m.words);
    text_count_fini(&m.letters);
    text_count_fini(&m.pieces);
    mem_free(m.alone);
    return s;
}
