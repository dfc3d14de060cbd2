/* Sum of logits: the log-probability of a span up to a constant of the row. */
#include "worker/score/score.h"

#include <math.h>

static double pair_score(const float *logits, int32_t first, int32_t last, int product)
{
    double start = logits[2 * first], end = logits[2 * last + 1];

    return product ? start * end : start + end;
}

static struct answer best_option(const float *logits, const struct answer_marks *m)
{
    struct answer best = {.choice = 0, .start = m->option[0][0], .end = m->option[0][1], .score = -INFINITY};

    for (int32_t i = 0; i < m->options; i++) {
        double score = pair_score(logits, m->option[i][0], m->option[i][1], m->reference);

        if (score > best.score) best = (struct answer){i, m->option[i][0], m->option[i][1], score};
    }
    return best;
}

/* One pass from the left keeps the best start so far for every end. */
static struct answer best_span(const float *logits, const struct answer_marks *m)
{
    struct answer best = {.choice = -1, .start = m->context_first, .end = m->context_first - 1, .score = -INFINITY};
    int32_t start = m->context_first;

    for (int32_t end = m->context_first; end <= m->context_last; end++) {
        double score;

        if (logits[2 * end] > logits[2 * start]) start = end;
        score = pair_score(logits, start, end, 0);
        if (score > best.score) best = (struct answer){-1, start, end, score};
    }
    if (m->none_first >= 0) {
        double none = pair_score(logits, m->none_first, m->none_last, 0);

        if (none > best.score) best = (struct answer){-1, 0, -1, none};
    }
    return best;
}

static struct answer independent_span(const float *logits, int32_t length)
{
    struct answer a = {.choice = -1};

    for (int32_t i = 1; i < length; i++) {
        if (logits[2 * i] > logits[2 * a.start]) a.start = i;
        if (logits[2 * i + 1] > logits[2 * a.end + 1]) a.end = i;
    }
    a.score = pair_score(logits, a.start, a.end, 0);
    return a;
}

struct answer score_answer(const float *logits, int32_t length, const struct answer_marks *marks)
{
    if (marks->options > 0) return best_option(logits, marks);
    return marks->reference ? independent_span(logits, length) : best_span(logits, marks);
}
