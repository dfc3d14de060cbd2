/* Candidates are token positions in the row, never ids: which tokens are there does not matter. */
#include "worker/score/marks.h"

#include <string.h>

enum { FIXED_WORDS = 6 };

static int64_t context_tokens(const struct answer_marks *m)
{
    return (int64_t)m->context_last - m->context_first + 1;
}

int64_t marks_candidates(const struct answer_marks *m)
{
    return m->options > 0 ? m->options : context_tokens(m) + (m->none_first >= 0);
}

int64_t marks_token(const struct answer_marks *m, int64_t candidate, int end)
{
    if (m->options > 0) return m->option[candidate][end];
    if (candidate < context_tokens(m)) return m->context_first + candidate;
    return end ? m->none_last : m->none_first;
}

int64_t marks_candidate(const struct answer_marks *m, int64_t token, int end)
{
    for (int64_t i = 0; i < m->options; i++)
        if (m->option[i][end] == token) return i;
    if (m->options > 0 || token < 0) return -1;
    if (token >= m->context_first && token <= m->context_last) return token - m->context_first;
    return token == (end ? m->none_last : m->none_first) ? context_tokens(m) : -1;
}

void marks_read(const struct answer_marks *m, int32_t length, char *read)
{
    if (m->options == 0 && m->reference) {
        memset(read, 1, (size_t)length);
        return;
    }
    for (int64_t i = 0; i < marks_candidates(m); i++) read[marks_token(m, i, 0)] = read[marks_token(m, i, 1)] = 1;
}

int32_t marks_tokens(const struct answer_marks *m, int32_t length)
{
    int32_t tokens = (int32_t)context_tokens(m), options = 0;

    for (int32_t i = 0; i < m->options; i++) options += 1 + (m->option[i][1] != m->option[i][0]);
    if (m->options > 0) return options;
    if (m->reference) return length;
    return tokens + (m->none_first >= 0) + (m->none_last != m->none_first);
}

size_t marks_words(const struct answer_marks *m)
{
    return FIXED_WORDS + 2 * (size_t)m->options;
}

int32_t *marks_put(const struct answer_marks *m, int32_t *to)
{
    const int32_t fixed[FIXED_WORDS] = {m->options,    m->context_first, m->context_last,
                                        m->none_first, m->none_last,     m->reference};

    memcpy(to, fixed, sizeof fixed);
    if (m->options > 0) memcpy(to + FIXED_WORDS, m->option, 2 * (size_t)m->options * sizeof *to);
    return to + marks_words(m);
}

size_t marks_take(const int32_t *w, size_t left, struct answer_marks *m)
{
    if (left < FIXED_WORDS || w[0] < 0 || (left - FIXED_WORDS) / 2 < (size_t)w[0]) return 0;
    *m = (struct answer_marks){.options = w[0],
                               .option = (const int32_t(*)[2])(const void *)(w + FIXED_WORDS),
                               .context_first = w[1],
                               .context_last = w[2],
                               .none_first = w[3],
                               .none_last = w[4],
                               .reference = w[5]};
    return marks_words(m);
}
