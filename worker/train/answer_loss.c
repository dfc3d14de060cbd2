/* Options are judged by both ends together, as in scoring; the two ends of a span independently. */
#include "worker/train/answer_loss.h"

#include <math.h>
#include <string.h>

#include "worker/score/score.h"

/* Logit of a candidate's first token (FIRST), of its last one (LAST), or their sum (BOTH). */
enum { FIRST, LAST, BOTH };

static double value(const float *logits, const struct answer_marks *m, int64_t candidate, int ends)
{
    double start = logits[2 * marks_token(m, candidate, 0)], end = logits[2 * marks_token(m, candidate, 1) + 1];

    return ends == FIRST ? start : ends == LAST ? end : start + end;
}

static double log_sum(const float *logits, const struct answer_marks *m, int ends)
{
    int64_t n = marks_candidates(m);
    double largest = -INFINITY, sum = 0;

    for (int64_t i = 0; i < n; i++) largest = fmax(largest, value(logits, m, i, ends));
    for (int64_t i = 0; i < n; i++) sum += exp(value(logits, m, i, ends) - largest);
    return log(sum) + largest;
}

/* Cross entropy of one softmax over the candidates. factor: of its gradient. */
static double entropy(const float *logits, const struct answer_marks *m, int ends, int64_t target, double factor,
                      float *d_logits)
{
    double sum = log_sum(logits, m, ends);

    for (int64_t i = 0; d_logits && i < marks_candidates(m); i++) {
        float d = (float)(factor * (exp(value(logits, m, i, ends) - sum) - (i == target)));

        if (ends != LAST) d_logits[2 * marks_token(m, i, 0)] = d;
        if (ends != FIRST) d_logits[2 * marks_token(m, i, 1) + 1] = d;
    }
    return sum - value(logits, m, target, ends);
}

double answer_loss(int64_t rows, const float *logits, const struct answer_marks *m, int64_t start, int64_t end,
                   int64_t batch, float *d_logits)
{
    int64_t first = marks_candidate(m, start, 0), last = m->options > 0 ? first : marks_candidate(m, end, 1);
    double factor = 1.0 / (double)batch;

    if (d_logits) memset(d_logits, 0, (size_t)(2 * rows) * sizeof *d_logits);
    if (first < 0 || last < 0) return 0;
    if (m->options > 0) return entropy(logits, m, BOTH, first, factor, d_logits);
    return 0.5 * (entropy(logits, m, FIRST, first, 0.5 * factor, d_logits) +
                  entropy(logits, m, LAST, last, 0.5 * factor, d_logits));
}

double answer_log_sum(const float *logits, const struct answer_marks *m, int end)
{
    return log_sum(logits, m, end ? LAST : FIRST);
}

int answer_found(int64_t rows, const float *logits, const struct answer_marks *m, int64_t start, int64_t end)
{
    int64_t first = marks_candidate(m, start, 0);
    struct answer a;

    if (first < 0) return 0;
    a = score_answer(logits, (int32_t)rows, m);
    if (m->options > 0) return a.choice == first;
    if (a.end < a.start) return start == m->none_first && end == m->none_last;
    return a.start == start && a.end == end;
}
