/* A question's answer as a line of JSON:
 *     {"line": 1, "answer": "正面", "log_probability": -0.02,
 *      "options": [{"text": "负面", "log_probability": …, "logits": [s, e]}, …]}
 *     {"line": 2, "answer": "piece of the context", "bytes": [9, 15], "characters": [3, 5], "log_probability": …,
 *      "logits": [s, e], "no_answer": {"log_probability": …, "logits": [s, e]}}
 *     {"line": 3, "error": "a field is empty: text"}
 * Offsets are into the context as it was given, end exclusive. An "id" in the question comes back in the answer. */
#ifndef MP2_COORDINATOR_PREDICT_REPLY_H
#define MP2_COORDINATOR_PREDICT_REPLY_H

#include <stdio.h>

#include <jansson.h>

#include "coordinator/data/meta.h"
#include "worker/train/score_batch.h"

struct token_bytes {
    uint32_t start, end;
};

/* A question under way. */
struct asked {
    json_t *row; /* owned; NULL: the line was no row */
    int64_t line;
    const char *why; /* why there is no answer; NULL: there is one */
    char detail[128];
    int windows, shortened;
    struct token_bytes *context; /* extraction: of the context's tokens; owned */
};
void asked_fini(struct asked *a);

/* What came of it: the best window's result and its score_batch_detail floats; skip and first: the window's
 * context_skip and context_first. */
struct replied {
    struct score_batch_result result;
    const float *detail;
    int32_t options, skip, first;
    int none; /* the task has questions without an answer */
};

struct reply_rule {
    const struct meta *meta;
    const struct meta_wording *wording;
    int product; /* options are scored by the product of their logits */
};

/* Local. Write the line. ST_IO (reported). */
status reply_write(const struct reply_rule *rule, const struct asked *a, const struct replied *r, FILE *to);

#endif
