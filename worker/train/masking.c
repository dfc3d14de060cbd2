#include "worker/train/masking.h"

#include <math.h>
#include <string.h>

enum { CHOSEN = 1 };

/* ---- which ---- */

struct choice {
    const struct masking *m;
    struct random_key key;
    const int32_t *tokens;
    int32_t length, wanted, count;
    int32_t *fate; /* (length) 0: not chosen, else CHOSEN + the span */
};

static int can(const struct choice *c, int32_t i)
{
    return i > 0 && i < c->length - 1 && token_id(c->tokens[i]) != c->m->sep;
}

static int32_t candidates(const struct choice *c)
{
    int32_t n = 0;

    for (int32_t i = 0; i < c->length; i++) n += can(c, i);
    return n;
}

static int is_first(const struct choice *c, int32_t i)
{
    for (int32_t j = 0; j < c->m->firsts; j++)
        if (c->m->first[j] == token_id(c->tokens[i])) return 1;
    return 0;
}

/* Choose as many as are still wanted, among the tokens to be chosen first or among the others: position `at` of n is
 * chosen if the key's permutation maps it to one of the first indices. */
static void choose_some(struct choice *c, int first)
{
    uint64_t n = 0, at = 0, wanted = (uint64_t)(c->wanted - c->count);

    for (int32_t i = 0; i < c->length; i++) n += can(c, i) && is_first(c, i) == first;
    for (int32_t i = 0; i < c->length; i++)
        if (can(c, i) && is_first(c, i) == first && random_permute(c->key, n, at++) < wanted) {
            c->fate[i] = CHOSEN + i;
            c->count++;
        }
}

static void choose_tokens(struct choice *c)
{
    if (c->m->firsts > 0) choose_some(c, 1);
    choose_some(c, 0);
}

static int32_t word_end(const struct choice *c, int32_t first)
{
    int32_t end = first + 1;

    while (can(c, end) && (c->tokens[end] & TOKEN_JOINED)) end++;
    return end;
}

static int begins_word(const struct choice *c, int32_t i)
{
    return can(c, i) && (!can(c, i - 1) || !(c->tokens[i] & TOKEN_JOINED));
}

/* Choose the word whose first token is `first`, at most `most` of its tokens. */
static void take_word(struct choice *c, int32_t first, int32_t most)
{
    for (int32_t i = first, end = word_end(c, first); i < end && i < first + most; i++, c->count++)
        c->fate[i] = CHOSEN + i;
}

static void choose_words(struct choice *c)
{
    uint64_t n = 0;
    int32_t left = -1;

    for (int32_t i = 0; i < c->length; i++) n += (uint64_t)begins_word(c, i);
    for (uint64_t order = 0; order < n && c->count < c->wanted; order++) {
        uint64_t word = random_permute(c->key, n, order);
        int32_t first = 0;

        while (!begins_word(c, first) || word-- > 0) first++;
        if (word_end(c, first) - first <= c->wanted - c->count) take_word(c, first, c->length);
        else if (left < 0) left = first;
    }
    if (c->count < c->wanted && left >= 0) take_word(c, left, c->wanted - c->count);
}

/* The inverse of the cumulative distribution function at u in [0,1). */
static int32_t span_length(const struct masking *m, double u)
{
    double rest = 1 - m->p, whole = 1 - pow(rest, m->longest);
    int32_t l = 1;

    while (l < m->longest && u * whole >= 1 - pow(rest, l)) l++;
    return l;
}

/* Attempts that hit tokens already chosen do nothing; some are always left, so this terminates. */
static void choose_spans(struct choice *c)
{
    uint64_t places = (uint64_t)c->length - 2;

    for (uint64_t attempt = 0; c->count < c->wanted; attempt++) {
        int32_t first = 1 + (int32_t)random_below(c->key, 2 * attempt, places);
        int32_t l = span_length(c->m, random_uniform(c->key, 2 * attempt + 1));

        for (int32_t i = first; i < first + l && can(c, i) && c->fate[i] == 0 && c->count < c->wanted; i++, c->count++)
            c->fate[i] = CHOSEN + first;
    }
}

/* ---- what stands there ---- */

static int32_t other_token(const struct masking *m, struct random_key key, uint64_t at)
{
    if (m->pool) {
        int32_t id = token_id(m->pool[random_below(key, at, (uint64_t)m->pool_tokens)]);

        if (id != m->sep) return id;
    }
    return (int32_t)random_below(key, at + 1, (uint64_t)m->vocabulary);
}

int32_t masking_apply(const struct masking *m, struct random_key key, const int32_t *tokens, int32_t length,
                      int32_t wanted, int32_t *ids, int32_t *rows, int32_t *targets, int32_t *room)
{
    struct random_key what = random_derive(key, 1, 0, 0, 0);
    struct choice c = {.m = m, .key = random_derive(key, 0, 0, 0, 0), .tokens = tokens, .length = length, .fate = room};
    int32_t most = candidates(&c), count = 0;

    c.wanted = wanted < most ? wanted : most;
    memset(room, 0, (size_t)length * sizeof *room);
    if (m->unit == MASK_WORDS) choose_words(&c);
    else if (m->unit == MASK_SPANS) choose_spans(&c);
    else choose_tokens(&c);
    for (int32_t i = 0; i < length; i++) {
        double fate;

        ids[i] = token_id(tokens[i]);
        if (room[i] == 0) continue;
        rows[count] = i;
        targets[count++] = ids[i];
        fate = random_uniform(what, 3 * (uint64_t)(room[i] - CHOSEN));
        if (fate < m->masked) ids[i] = m->mask;
        else if (fate < m->masked + m->random) ids[i] = other_token(m, what, 3 * (uint64_t)i + 1);
    }
    return count;
}
