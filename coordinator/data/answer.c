#include "coordinator/data/answer.h"

#include <string.h>

static int occurrences(const int32_t *ids, int n, int32_t id)
{
    int found = 0;

    for (int i = 0; i < n; i++) found += ids[i] == id;
    return found;
}

/* Answers are short: every distinct token is counted in both, at its first place in a. */
static int common(const int32_t *a, int n, const int32_t *b, int m)
{
    int sum = 0;

    for (int i = 0; i < n; i++) {
        int here, there;
        if (occurrences(a, i, a[i]) > 0) continue;
        here = 1 + occurrences(a + i + 1, n - i - 1, a[i]);
        there = occurrences(b, m, a[i]);
        sum += here < there ? here : there;
    }
    return sum;
}

double answer_f1(const int32_t *predicted, int count, const struct gold *gold, int gold_count)
{
    double best = 0;

    if (gold_count == 0) return count == 0;
    for (int i = 0; i < gold_count && count > 0; i++) {
        double f1 = 2.0 * common(gold[i].ids, gold[i].count, predicted, count) / (gold[i].count + count);
        if (f1 > best) best = f1;
    }
    return best;
}

int answer_exact(const int32_t *predicted, int count, const struct gold *gold, int gold_count)
{
    if (gold_count == 0) return count == 0;
    for (int i = 0; i < gold_count; i++)
        if (gold[i].count == count && memcmp(gold[i].ids, predicted, (size_t)count * sizeof *predicted) == 0) return 1;
    return 0;
}
