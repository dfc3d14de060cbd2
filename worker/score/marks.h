/* Where an example's answer may lie: the options of a task with labels or choices, the context of a task with spans.
 * Used by the loss over answers and by scoring. Local functions of one example; no state. */
#ifndef MP2_WORKER_SCORE_MARKS_H
#define MP2_WORKER_SCORE_MARKS_H

#include <stddef.h>
#include <stdint.h>

struct answer_marks {
    int32_t options;                     /* 0: the answer is a span */
    const int32_t (*option)[2];          /* first and last token of each; no two start at the same token */
    int32_t context_first, context_last; /* span: where it may lie, inclusive */
    int32_t none_first, none_last;       /* span: tokens that mean "no answer"; -1: there must be one */
    int32_t reference;                   /* product of logits (Q8); independent argmax over the row (Q29) */
};

/* For an example without an answer. */
#define NO_MARKS ((struct answer_marks){.context_last = -1, .none_first = -1, .none_last = -1})

/* Candidates of each end: the options, or the tokens of the context and, last, "no answer". */
int64_t marks_candidates(const struct answer_marks *m);

/* The token of a candidate; end 0: its first, 1: its last. Two candidates of an end are never the same position, even
 * if options begin with the same word. */
int64_t marks_token(const struct answer_marks *m, int64_t candidate, int end);

/* The candidate whose first (end 0) or last (1) token is `token`; -1: none, or token is -1. */
int64_t marks_candidate(const struct answer_marks *m, int64_t token, int end);

/* Set read[token] to 1 for the tokens of an example of that length whose logits are read: the candidates' ends; all
 * tokens where the reference uses all. */
void marks_read(const struct answer_marks *m, int32_t length, char *read);

/* The number of these tokens. */
int32_t marks_tokens(const struct answer_marks *m, int32_t length);

/* Marks as 32-bit words of a message. put: returns the next word. take: the options remain in the words; returns the
 * number of words read, 0 if they end early. */
size_t marks_words(const struct answer_marks *m);
int32_t *marks_put(const struct answer_marks *m, int32_t *to);
size_t marks_take(const int32_t *words, size_t left, struct answer_marks *m);

#endif
