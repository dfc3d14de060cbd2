/* Words are found in the token ids as they stand: nothing is copied, answers are short. */
#include "coordinator/data/answer.h"

#include <string.h>

struct text { const struct token_roles *roles; const int32_t *ids; int count; };
struct word { const int32_t *ids; int count; };

static int role_at(const struct text *t, int at)
{
    return t->ids[at] >= 0 && t->ids[at] < t->roles->count ? t->roles->role[t->ids[at]] : TOKEN_WORD;
}

/* The word at *at or behind it that counts; *at moves past it. A text that begins inside a word begins with what it has of it. */
static int next_word(const struct text *t, int *at, struct word *out)
{
    while (*at < t->count) {
        int first = (*at)++, role = role_at(t, first);

        while (*at < t->count && role_at(t, *at) == TOKEN_JOINED) (*at)++;
        *out = (struct word){t->ids + first, *at - first};
        if (out->count > 1 || role == TOKEN_WORD || role == TOKEN_JOINED) return 1;
    }
    return 0;
}

static int words(const struct text *t)
{
    struct word w;
    int n = 0;

    for (int at = 0; next_word(t, &at, &w);) n++;
    return n;
}

/* How often a word stands in t from `at` on. */
static int occurrences(const struct text *t, int at, const struct word *word)
{
    struct word w;
    int found = 0;

    while (next_word(t, &at, &w))
        found += w.count == word->count && memcmp(w.ids, word->ids, (size_t)w.count * sizeof *w.ids) == 0;
    return found;
}

/* Every occurrence in a is met by one in b, as long as b has some left. */
static int common(const struct text *a, const struct text *b)
{
    struct word w;
    int sum = 0;

    for (int at = 0; next_word(a, &at, &w);) sum += occurrences(a, at, &w) < occurrences(b, 0, &w);
    return sum;
}

double answer_f1(const struct token_roles *roles, const int32_t *predicted, int count, const struct gold *gold, int gold_count)
{
    const struct text p = {roles, predicted, count};
    double best = 0;

    if (gold_count == 0) return count == 0;
    for (int i = 0; i < gold_count; i++) {
        const struct text g = {roles, gold[i].ids, gold[i].count};
        int same = common(&g, &p);
        double f1 = same > 0 ? 2.0 * same / (words(&g) + words(&p)) : 0;
        if (f1 > best) best = f1;
    }
    return best;
}
