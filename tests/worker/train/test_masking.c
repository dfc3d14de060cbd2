/* What masking chooses and what it puts there: counts, bounds, shares, lengths, for tokens, words and spans. */
#include <math.h>
#include <string.h>

#include "worker/train/masking.h"
#include "tests/support/support.h"

enum { LENGTH = 64, WANTED = 9, ROUNDS = 6000, MASK = 4, SEP = 3, BREAK = 20 };

struct seen {
    int masked, kept, other, count, hits[LENGTH], from_pool;
};

static const int32_t pool[] = {500, 501 | TOKEN_JOINED, SEP, 502};

static struct masking make(enum mask_unit unit)
{
    return (struct masking){.unit = unit,
                            .sep = SEP,
                            .mask = MASK,
                            .vocabulary = 1000,
                            .masked = 0.7,
                            .random = 0.2,
                            .p = 0.2,
                            .longest = 6};
}

/* Words of 1, 2, 3, 4, 1, … tokens; a [SEP] in the middle. */
static void sequence(int32_t *tokens)
{
    for (int i = 0, word = 1, at = 0; i < LENGTH; i++) {
        tokens[i] = (100 + i) | (at > 0 ? TOKEN_JOINED : 0);
        if (++at == word) {
            at = 0;
            word = word % 4 + 1;
        }
    }
    tokens[0] = 2;
    tokens[BREAK] = tokens[LENGTH - 1] = SEP;
}

/* Everything that holds for every unit. fate: 0 not chosen, else 1 masked, 2 other, 3 kept. */
static void apply(const struct masking *m, uint32_t round, int32_t wanted, const int32_t *tokens, struct seen *seen,
                  int *fate)
{
    int32_t ids[LENGTH], rows[LENGTH], targets[LENGTH], room[LENGTH], n;

    n = masking_apply(m, random_derive(random_seed(1, RANDOM_MASK), round, 0, 0, 0), tokens, LENGTH, wanted, ids, rows,
                      targets, room);
    assert_int_equal(n, wanted < LENGTH - 3 ? wanted : LENGTH - 3);
    memset(fate, 0, LENGTH * sizeof *fate);
    for (int i = 0; i < n; i++) {
        int at = rows[i];

        assert_true(i == 0 || at > rows[i - 1]);
        assert_true(at > 0 && at < LENGTH - 1 && at != BREAK);
        assert_int_equal(targets[i], token_id(tokens[at]));
        fate[at] = ids[at] == MASK ? 1 : ids[at] == targets[i] ? 3 : 2;
        seen->hits[at]++;
        seen->masked += fate[at] == 1;
        seen->other += fate[at] == 2;
        seen->kept += fate[at] == 3;
        seen->from_pool += ids[at] >= 500 && ids[at] <= 502;
    }
    for (int i = 0; i < LENGTH; i++)
        if (!fate[i]) assert_int_equal(ids[i], token_id(tokens[i]));
    seen->count += n;
}

static void check_shares(const struct seen *s)
{
    assert_in_range(s->masked, s->count * 68 / 100, s->count * 72 / 100);
    assert_in_range(s->other, s->count * 18 / 100, s->count * 22 / 100);
    assert_in_range(s->kept, s->count * 8 / 100, s->count * 12 / 100);
}

static void test_tokens(void **state)
{
    struct masking m = make(MASK_TOKENS);
    struct seen s = {0};
    int32_t tokens[LENGTH];
    int fate[LENGTH];

    (void)state;
    sequence(tokens);
    for (uint32_t r = 0; r < ROUNDS; r++) apply(&m, r, WANTED, tokens, &s, fate);
    check_shares(&s);
    assert_in_range(s.from_pool, 0, s.count / 100);
    for (int i = 1; i < LENGTH - 1; i++)
        if (i != BREAK) assert_in_range(s.hits[i], 770, 1000); /* 6000 * 9 / 61 = 885, deviation 27 */
    for (int32_t wanted = 1; wanted < 70; wanted += 17) apply(&m, 3, wanted, tokens, &s, fate);
}

/* Other tokens come out of the text. */
static void test_pool(void **state)
{
    struct masking m = make(MASK_TOKENS);
    struct seen s = {0};
    int32_t tokens[LENGTH];
    int fate[LENGTH];

    (void)state;
    sequence(tokens);
    m.pool = pool;
    m.pool_tokens = 4;
    for (uint32_t r = 0; r < 1000; r++) apply(&m, r, WANTED, tokens, &s, fate);
    assert_in_range(s.from_pool, s.other * 70 / 100, s.other * 80 / 100); /* a fourth of the pool is [SEP] */
}

/* Words stand and fall together, but for at most one that was cut. */
static void test_words(void **state)
{
    struct masking m = make(MASK_WORDS);
    struct seen s = {0};
    int32_t tokens[LENGTH];
    int fate[LENGTH], mixed = 0, whole = 0;

    (void)state;
    sequence(tokens);
    for (uint32_t r = 0; r < ROUNDS; r++) {
        int cut = 0;

        apply(&m, r, WANTED, tokens, &s, fate);
        for (int i = 1, end; i < LENGTH - 1; i = end) {
            int chosen = fate[i] != 0, same = 1;

            for (end = i + 1; end < LENGTH - 1 && (tokens[end] & TOKEN_JOINED); end++) {
                chosen += fate[end] != 0;
                same = same && fate[end] == fate[i];
            }
            cut += chosen != 0 && chosen != end - i;
            mixed += chosen == end - i && !same;
            whole += chosen == end - i;
        }
        assert_in_range(cut, 0, 1);
    }
    check_shares(&s);
    assert_in_range(mixed, whole / 10, whole); /* tokens of a word are drawn one by one */
    for (int32_t wanted = 1; wanted < 70; wanted += 17) apply(&m, 3, wanted, tokens, &s, fate);
}

/* Far fewer tokens than spans could cover: the lengths are the distribution's. */
static void test_spans(void **state)
{
    struct masking m = make(MASK_SPANS);
    struct seen s = {0};
    int32_t tokens[LENGTH];
    int fate[LENGTH], lengths[LENGTH] = {0}, spans = 0, differs = 0;
    double whole = 1 - pow(0.8, 6);

    (void)state;
    sequence(tokens);
    for (uint32_t r = 0; r < 4 * ROUNDS; r++) {
        apply(&m, r, 6, tokens, &s, fate);
        for (int i = 1, end; i < LENGTH - 1; i = end) {
            end = i + 1;
            if (!fate[i]) continue;
            while (end < LENGTH && fate[end]) end++;
            for (int j = i; j < end; j++) differs += end - i == 6 && fate[j] != fate[i];
            if (end - i == 6) lengths[6]++; /* the first span was of 6 tokens, or others met it: see below */
            spans++;
        }
    }
    /* All six tokens in one run: the first span had length 6 with probability P(6) if it was not cut short by an end
     * ([SEP] or the sequence's), or shorter spans met by chance; that is seldom. */
    assert_in_range(lengths[6], (int)(4 * ROUNDS * pow(0.8, 5) * 0.2 / whole * 0.8),
                    (int)(4 * ROUNDS * pow(0.8, 5) * 0.2 / whole * 1.5));
    assert_in_range(differs, 0, lengths[6]); /* one span, one fate; drawn one by one it would be 2.8 times that */
    assert_in_range(spans, 4 * ROUNDS, 4 * ROUNDS * 3);
    check_shares(&s);
    memset(lengths, 0, sizeof lengths);
    for (uint32_t r = 0; r < 4 * ROUNDS; r++) { /* one token wanted: every length is cut to it */
        apply(&m, r, 1, tokens, &s, fate);
        for (int i = 0; i < LENGTH; i++) lengths[i] += fate[i] != 0;
    }
    for (int i = 1; i < LENGTH - 1; i++)
        if (i != BREAK) assert_in_range(lengths[i], 300, 490); /* 24000 / 61 = 393, deviation 20 */
    for (int32_t wanted = 1; wanted < 70; wanted += 17) apply(&m, 3, wanted, tokens, &s, fate);
}

/* Tokens that come first are all chosen while there is room, then some of the others; or some of them, when there is
 * not. */
static void test_first(void **state)
{
    struct masking m = make(MASK_TOKENS);
    struct seen s = {0};
    int32_t tokens[LENGTH];
    int fate[LENGTH];

    (void)state;
    sequence(tokens);
    m.first[0] = 110;
    m.first[1] = 140;
    m.firsts = 2;
    for (uint32_t round = 0; round < 200; round++) {
        apply(&m, round, WANTED, tokens, &s, fate);
        assert_true(fate[10] && fate[40]);
    }
    s = (struct seen){0};
    for (uint32_t round = 0; round < 2000; round++) apply(&m, round, 1, tokens, &s, fate);
    assert_int_equal(s.hits[10] + s.hits[40], 2000);
    assert_in_range(s.hits[10], 900, 1100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tokens), cmocka_unit_test(test_pool),
                                       cmocka_unit_test(test_words), cmocka_unit_test(test_spans),
                                       cmocka_unit_test(test_first)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
