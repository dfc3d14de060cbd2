/* Bags are compared by marking off: answers are short. */
#include "coordinator/data/answer.h"

/* How often id stands among the first n of ids. */
static int times(const int32_t *ids, int n, int32_t id)
{
    int found = 0;

    for (int i = 0; i < n; i++) found += ids[i] == id;
    return found;
}

static double bag_f1(const int32_t *a, int n, const int32_t *b, int m)
{
    int common = 0;

    /* The k-th occurrence of a token counts when the other bag holds at least k of it. */
    for (int i = 0; i < n; i++) common += times(a, i + 1, a[i]) <= times(b, m, a[i]);
    return common ? 2.0 * common / (n + m) : 0.0;
}

double answer_f1(const int32_t *ids, int count, const struct gold *gold, int gold_count)
{
    double best = 0;

    if (gold_count == 0) return count == 0;
    for (int g = 0; g < gold_count; g++) {
        double f1 = bag_f1(ids, count, gold[g].ids, gold[g].count);
        if (f1 > best) best = f1;
    }
    return best;
}
