/* A question: one row of raw text that is to be answered. Its way to the encoder is that of a row that is imported:
 * the same sampler reads and tokenises it (sample.h), the same rule lays it out (input.h). A row is a JSON object with
 * a member for each field of the template, and for choices the list "options"; other members are not looked at. */
#ifndef MP2_COORDINATOR_DATA_QUESTION_H
#define MP2_COORDINATOR_DATA_QUESTION_H

#include <jansson.h>

#include "coordinator/data/input.h"
#include "coordinator/text/wordpiece.h"

struct question;

/* Local. rule (with its meta) and vocabulary must outlive it. */
status question_new(const struct input_rule *rule, const struct vocabulary *vocabulary, struct question **out);
void question_destroy(struct question **question);

/* Local. Take a row; it must live until the next one is taken. *why: why it cannot be answered (NULL: it can), *detail
 * what was found, "" when there is nothing to report; both until the next call. */
status question_take(struct question *q, json_t *row, const char **why, const char **detail);

/* Local. Of the row taken: windows to be answered (1 but for a long context), 1 when it lost tokens, and each window's
 * input. No target is set (start, end, label: -1). */
int question_windows(const struct question *q);
int question_shortened(const struct question *q);
status question_window(const struct question *q, int window, struct example_buffer *buffer, struct example *out);

/* Local. Extraction: the context's tokens with their bytes in the field's text. */
const struct token_list *question_context(const struct question *q);

#endif
