/* Units are filled in order until an example does not fit; then computed and scored. */
#include "worker/train/score_batch.h"

#include <math.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { FIXED_WORDS = 4 };

struct item { /* one example in a message */
    int32_t length, width, start, end;
    const int32_t *ids;
};

status score_batch_add(struct assignment_message *m, const int32_t *ids, int32_t length, int32_t width, int32_t start,
                       int32_t end, const struct answer_marks *k)
{
    int32_t fixed[FIXED_WORDS] = {length, width, start, end};
    size_t need = m->count + FIXED_WORDS + marks_words(k) + (size_t)length;
    int32_t *to;

    TRY(mem_grow(&m->words, &m->room, need, sizeof *m->words));
    to = m->words + m->count;
    for (int i = 0; i < FIXED_WORDS; i++) *to++ = fixed[i];
    to = marks_put(k, to);
    for (int32_t i = 0; i < length; i++) *to++ = ids[i];
    m->count = need;
    return ST_OK;
}

static status read_item(const int32_t *w, size_t left, struct item *p, struct answer_marks *marks, size_t *used)
{
    size_t of_marks = left > FIXED_WORDS ? marks_take(w + FIXED_WORDS, left - FIXED_WORDS, marks) : 0;

    if (of_marks == 0 || w[0] < 1 || left - FIXED_WORDS - of_marks < (size_t)w[0])
        return fault(ST_SYSTEM, "internal error: an evaluation message that ends early");
    *p = (struct item){w[0], w[1], w[2], w[3], w + FIXED_WORDS + of_marks};
    *used = FIXED_WORDS + of_marks + (size_t)w[0];
    return ST_OK;
}

/* State of answering a message, with buffers for one unit. */
struct scoring_pass {
    struct compute *c;
    const struct encoder_prompts *prompts;
    const float *head;
    struct item *items;
    float *logits; /* (T,2) */
    double *loss;
    struct score_batch_result *results; /* of the next example */
    float *detail;                      /* likewise; NULL: not wanted */
};

static void fill_detail(const float *logits, int32_t length, const struct answer_marks *m, const struct answer *a,
                        float *out)
{
    const struct answer_marks all = {.context_last = length - 1, .none_first = -1, .none_last = -1};
    const struct answer_marks *over = m->reference ? &all : m; /* for spans: the tokens that score_answer uses */

    for (int32_t i = 0; i < m->options; i++) {
        out[2 * i] = logits[2 * m->option[i][0]];
        out[2 * i + 1] = logits[2 * m->option[i][1] + 1];
    }
    if (m->options > 0) return;
    for (int i = 0; i < SCORE_SPAN_DETAIL; i++) out[i] = 0;
    if (m->none_first >= 0) {
        out[2] = logits[2 * m->none_first];
        out[3] = logits[2 * m->none_last + 1];
    }
    if (a->end >= a->start) {
        out[0] = logits[2 * a->start];
        out[1] = logits[2 * a->end + 1];
    }
    out[4] = (float)answer_log_sum(logits, over, 0);
    out[5] = (float)answer_log_sum(logits, over, 1);
}

static status run_unit(struct scoring_pass *t)
{
    struct compute *c = t->c;
    struct unit_inputs in = {.batch = &c->batch,
                             .prompts = *t->prompts,
                             .head = t->head,
                             .batch_examples = 1,
                             .marks = c->marks,
                             .loss = c->over};
    struct unit_outputs out = {.loss = t->loss, .logits = t->logits};

    TRY(unit_evaluate(c->unit, c->encoder, c->pool, &in, &out));
    for (int32_t e = 0; e < c->batch.examples; e++) {
        const float *logits = t->logits + 2 * c->batch.row[e];
        const struct answer_marks *marks = &c->marks[e];
        struct answer a = score_answer(logits, c->batch.length[e], marks);

        *t->results++ = (struct score_batch_result){.loss = t->items[e].start >= 0 ? t->loss[e] : NAN,
                                                    .score = a.score,
                                                    .choice = a.choice,
                                                    .start = a.start,
                                                    .end = a.end};
        if (!t->detail) continue;
        fill_detail(logits, c->batch.length[e], marks, &a, t->detail);
        t->detail += score_batch_detail(marks);
    }
    return ST_OK;
}

static status run_all(struct scoring_pass *t, const int32_t *words, size_t count)
{
    struct compute *c = t->c;
    struct item *items = t->items;
    size_t at = 0;

    while (at < count) {
        int32_t n = 0;

        unit_batch_clear(&c->batch, 0);
        while (at < count && n < c->most_examples) {
            size_t used = 0;

            TRY(read_item(words + at, count - at, &items[n], &c->marks[n], &used));
            if (!unit_batch_add(&c->batch, items[n].ids, items[n].length, items[n].width, items[n].start, items[n].end))
                break;
            at += used;
            n++;
        }
        if (n == 0) return fault(ST_SYSTEM, "internal error: an example larger than a unit");
        TRY(run_unit(t));
    }
    return ST_OK;
}

status score_batch_run_detailed(struct compute *c, const int32_t *words, size_t count,
                                const struct encoder_prompts *prompts, const float *head,
                                struct score_batch_result *results, float *detail)
{
    struct scoring_pass t = {.c = c, .prompts = prompts, .head = head, .results = results, .detail = detail};
    status s;

    s = mem_alloc((size_t)c->most_examples, sizeof *t.items, &t.items);
    if (s == ST_OK) s = mem_alloc((size_t)c->most_rows, 2 * sizeof *t.logits, &t.logits);
    if (s == ST_OK) s = mem_alloc((size_t)c->most_examples, sizeof *t.loss, &t.loss);
    if (s == ST_OK) s = run_all(&t, words, count);
    mem_free(t.loss);
    mem_free(t.logits);
    mem_free(t.items);
    return s;
}

status score_batch_run(struct compute *c, const int32_t *words, size_t count, const struct encoder_prompts *prompts,
                       const float *head, struct score_batch_result *results)
{
    return score_batch_run_detailed(c, words, count, prompts, head, results, NULL);
}
