/* Every pair knows its count and the words it may stand in; a heap knows the candidates. Counts that fell since a
 * candidate was pushed are noticed when it comes up (it goes back with its true count), counts that rose are pushed
 * anew. */
#include "coordinator/text/merges.h"

#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/base/utf8.h"
#include "coordinator/text/words.h"

enum { FIRST_PAIRS = 1024, PIECE_BYTES = 2 + 4 * WORD_CHARS_MOST, PROGRESS_EVERY = 64 };

struct spelled {
    size_t at;
    uint32_t n;
    int64_t count;
}; /* a word: symbols + at */
struct merge_pair {
    uint64_t key;
    int64_t count;
    uint64_t round;
    uint32_t *words;
    size_t word_count, word_room;
};
struct candidate {
    int64_t count;
    uint64_t key;
    uint32_t pair;
};

struct learner {
    struct text_count *pieces; /* a symbol is an item of it */
    uint32_t *symbols;
    size_t symbol_count, symbol_room;
    struct spelled *words;
    size_t word_count, word_room;
    struct merge_pair *pairs;
    size_t pair_count, pair_room;
    uint32_t *slots; /* pair + 1, 0: free */
    size_t mask;
    struct candidate *heap;
    size_t heap_count, heap_room;
    uint32_t *touched; /* pairs that became more frequent in this round */
    size_t touched_count, touched_room;
    uint64_t round;
    int64_t least;
};

static uint64_t key_of(uint32_t left, uint32_t right)
{
    return (uint64_t)left << 32 | right;
}

/* ---- the heap: the most frequent pair, of equal ones that of earlier pieces ------------------------------------ */

static int before(const struct candidate *a, const struct candidate *b)
{
    return a->count != b->count ? a->count > b->count : a->key < b->key;
}

static status heap_push(struct learner *l, struct candidate c)
{
    size_t i = l->heap_count;

    TRY(mem_grow(&l->heap, &l->heap_room, l->heap_count + 1, sizeof *l->heap));
    l->heap_count++;
    for (; i > 0 && before(&c, &l->heap[(i - 1) / 2]); i = (i - 1) / 2) l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = c;
    return ST_OK;
}

static struct candidate heap_pop(struct learner *l)
{
    struct candidate top = l->heap[0], last = l->heap[--l->heap_count];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < l->heap_count) {
        if (child + 1 < l->heap_count && before(&l->heap[child + 1], &l->heap[child])) child++;
        if (!before(&l->heap[child], &last)) break;
        l->heap[i] = l->heap[child];
        i = child;
    }
    l->heap[i] = last;
    return top;
}

static status push_pair(struct learner *l, uint32_t pair)
{
    const struct merge_pair *p = &l->pairs[pair];

    return p->count >= l->least ? heap_push(l, (struct candidate){p->count, p->key, pair}) : ST_OK;
}

/* ---- pairs ----------------------------------------------------------------------------------------------------- */

static size_t find_slot(const struct learner *l, uint64_t key)
{
    size_t slot = (size_t)((key ^ key >> 29) * 0x9e3779b97f4a7c15u >> 20) & l->mask;

    while (l->slots[slot] != 0 && l->pairs[l->slots[slot] - 1].key != key) slot = (slot + 1) & l->mask;
    return slot;
}

static status grow_slots(struct learner *l)
{
    uint32_t *bigger;

    if (2 * (l->pair_count + 1) <= l->mask) return ST_OK;
    TRY(mem_alloc(2 * (l->mask + 1), sizeof *bigger, &bigger));
    mem_free(l->slots);
    l->slots = bigger;
    l->mask = 2 * l->mask + 1;
    for (size_t i = 0; i < l->pair_count; i++) l->slots[find_slot(l, l->pairs[i].key)] = (uint32_t)i + 1;
    return ST_OK;
}

static status find_pair(struct learner *l, uint64_t key, uint32_t *pair)
{
    size_t slot;

    TRY(grow_slots(l));
    slot = find_slot(l, key);
    if (l->slots[slot] == 0) {
        TRY(mem_grow(&l->pairs, &l->pair_room, l->pair_count + 1, sizeof *l->pairs));
        l->pairs[l->pair_count] = (struct merge_pair){.key = key};
        l->slots[slot] = (uint32_t)++l->pair_count;
    }
    *pair = l->slots[slot] - 1;
    return ST_OK;
}

/* The pair stands in the word more (by > 0) or less often. */
static status change(struct learner *l, uint32_t left, uint32_t right, int64_t by, uint32_t word)
{
    struct merge_pair *p;
    uint32_t pair;

    TRY(find_pair(l, key_of(left, right), &pair));
    p = &l->pairs[pair];
    p->count += by;
    if (by < 0) return ST_OK;
    if (p->word_count == 0 || p->words[p->word_count - 1] != word) {
        TRY(mem_grow(&p->words, &p->word_room, p->word_count + 1, sizeof *p->words));
        p->words[p->word_count++] = word;
    }
    if (p->round == l->round) return ST_OK;
    p->round = l->round;
    TRY(mem_grow(&l->touched, &l->touched_room, l->touched_count + 1, sizeof *l->touched));
    l->touched[l->touched_count++] = pair;
    return ST_OK;
}

/* The touched pairs become candidates, and the next round begins. */
static status end_round(struct learner *l)
{
    for (size_t i = 0; i < l->touched_count; i++) TRY(push_pair(l, l->touched[i]));
    l->touched_count = 0;
    l->round++;
    return ST_OK;
}

/* ---- words ----------------------------------------------------------------------------------------------------- */

/* The letters of a word as symbols; 0 in *known when one is no piece. */
static status spell(struct learner *l, const char *text, size_t n, int *known)
{
    *known = 1;
    for (size_t at = 0; at < n && *known;) {
        char letter[8] = "##";
        uint32_t c;
        size_t length = utf8_decode(text + at, n - at, &c), mark = at > 0 ? 2 : 0;
        int64_t symbol;

        memcpy(letter + mark, text + at, length);
        symbol = text_count_find(l->pieces, letter, mark + length);
        *known = symbol >= 0;
        TRY(mem_grow(&l->symbols, &l->symbol_room, l->symbol_count + 1, sizeof *l->symbols));
        if (*known) l->symbols[l->symbol_count++] = (uint32_t)symbol;
        at += length;
    }
    return ST_OK;
}

static status add_words(struct learner *l, const struct text_count *words)
{
    for (size_t i = 0; i < words->item_count; i++) {
        size_t first = l->symbol_count;
        uint32_t word = (uint32_t)l->word_count;
        int64_t count = words->items[i].count;
        int known;

        TRY(spell(l, text_count_text(words, i), words->items[i].n, &known));
        if (!known || l->symbol_count - first < 2) {
            l->symbol_count = first;
            continue;
        }
        TRY(mem_grow(&l->words, &l->word_room, l->word_count + 1, sizeof *l->words));
        l->words[l->word_count++] = (struct spelled){first, (uint32_t)(l->symbol_count - first), count};
        for (size_t k = first; k + 1 < l->symbol_count; k++)
            TRY(change(l, l->symbols[k], l->symbols[k + 1], count, word));
    }
    return end_round(l);
}

/* Put the two symbols of a pair together wherever they stand in the word. */
static status merge_in_word(struct learner *l, uint32_t word, uint32_t left, uint32_t right, uint32_t into)
{
    struct spelled *w = &l->words[word];
    uint32_t *s = l->symbols + w->at;

    for (uint32_t i = 0; i + 1 < w->n; i++) {
        if (s[i] != left || s[i + 1] != right) continue;
        if (i > 0) {
            TRY(change(l, s[i - 1], left, -w->count, word));
            TRY(change(l, s[i - 1], into, w->count, word));
        }
        if (i + 2 < w->n) {
            TRY(change(l, right, s[i + 2], -w->count, word));
            TRY(change(l, into, s[i + 2], w->count, word));
        }
        s[i] = into;
        memmove(s + i + 1, s + i + 2, (w->n - i - 2) * sizeof *s);
        w->n--;
    }
    return ST_OK;
}

/* ---- merging --------------------------------------------------------------------------------------------------- */

/* The piece of a pair: the left text, then the right one without its ##. Two pairs may make the same piece. */
static status joined(struct learner *l, uint64_t key, int64_t count, uint32_t *into)
{
    const struct counted *left = &l->pieces->items[key >> 32], *right = &l->pieces->items[(uint32_t)key];
    char text[PIECE_BYTES];
    size_t item;

    memcpy(text, l->pieces->bytes + left->at, left->n);
    memcpy(text + left->n, l->pieces->bytes + right->at + 2, right->n - 2);
    TRY(text_count_item(l->pieces, text, left->n + right->n - 2, &item));
    l->pieces->items[item].count += count;
    *into = (uint32_t)item;
    return ST_OK;
}

static status merge_pair(struct learner *l, uint32_t pair)
{
    const struct merge_pair p = l->pairs[pair];
    uint32_t into;
    status s;

    l->pairs[pair].count = 0;
    l->pairs[pair].words = NULL;
    l->pairs[pair].word_count = l->pairs[pair].word_room = 0;
    s = joined(l, p.key, p.count, &into);
    for (size_t i = 0; i < p.word_count && s == ST_OK; i++)
        s = merge_in_word(l, p.words[i], (uint32_t)(p.key >> 32), (uint32_t)p.key, into);
    mem_free(p.words);
    return s == ST_OK ? end_round(l) : s;
}

static status learn(struct learner *l, size_t most, merges_progress *progress, void *arg)
{
    while (l->pieces->item_count < most && l->heap_count > 0) {
        struct candidate c = heap_pop(l);
        int64_t now = l->pairs[c.pair].count;

        if (now == c.count) TRY(merge_pair(l, c.pair));
        else if (now < c.count) TRY(push_pair(l, c.pair));
        if (progress && l->round % PROGRESS_EVERY == 0) progress(arg, l->pieces->item_count);
    }
    return ST_OK;
}

static void learner_fini(struct learner *l)
{
    for (size_t i = 0; i < l->pair_count; i++) mem_free(l->pairs[i].words);
    mem_free(l->symbols);
    mem_free(l->words);
    mem_free(l->pairs);
    mem_free(l->slots);
    mem_free(l->heap);
    mem_free(l->touched);
}

status merges_learn(const struct text_count *words, struct text_count *pieces, size_t most, int64_t least,
                    merges_progress *progress, void *arg)
{
    struct learner l = {.pieces = pieces, .least = least > 0 ? least : 1, .round = 1, .mask = FIRST_PAIRS - 1};
    status s = mem_alloc(FIRST_PAIRS, sizeof *l.slots, &l.slots);

    if (s == ST_OK) s = add_words(&l, words);
    if (s == ST_OK) s = learn(&l, most, progress, arg);
    learner_fini(&l);
    return s;
}
