/* Units are filled in order until an example does not fit; then computed and scored. */
#include "worker/score/score_batch.h"

#include <math.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { FIXED_WORDS = 10 };

struct item {                 /* one example in a message */
    int32_t length, width, start, end;
    struct answer_marks marks;
    const int32_t *ids;
};

status score_batch_add(struct assignment_message *m, const int32_t *ids, int32_t length, int32_t width, int32_t start, int32_t end,
                const struct answer_marks *k)
{
    int32_t fixed[FIXED_WORDS] = {length, width, start, end, k->options, k->context_first, k->context_last, k->none_first,
                                  k->none_last, k->reference};
    size_t need = m->count + FIXED_WORDS + 2 * (size_t)k->options + (size_t)length;
    int32_t *to;

    TRY(mem_grow(&m->words, &m->room, need, sizeof *m->words));
    to = m->words + m->count;
    for (int i = 0; i < FIXED_WORDS; i++) *to++ = fixed[i];
    for (int32_t i = 0; i < k->options; i++) {
        *to++ = k->option[i][0];
        *to++ = k->option[i][1];
    }
    for (int32_t i = 0; i < length; i++) *to++ = ids[i];
    m->count = need;
    return ST_OK;
}

static status read_item(const int32_t *w, size_t left, struct item *p, size_t *used)
{
    if (left < FIXED_WORDS || w[0] < 1 || w[4] < 0 || left - FIXED_WORDS < 2 * (size_t)w[4] + (size_t)w[0])
        return fault(ST_SYSTEM, "internal error: an evaluation message that ends early");
    *p = (struct item){.length = w[0], .width = w[1], .start = w[2], .end = w[3], .ids = w + FIXED_WORDS + 2 * w[4]};
    p->marks = (struct answer_marks){.options = w[4], .option = (const int32_t (*)[2])(const void *)(w + FIXED_WORDS),
                                     .context_first = w[5], .context_last = w[6], .none_first = w[7],
                                     .none_last = w[8], .reference = w[9]};
    *used = FIXED_WORDS + 2 * (size_t)w[4] + (size_t)w[0];
    return ST_OK;
}

/* What a message is answered with, and room for one unit. */
struct scoring_pass {
    struct compute *c;
    const struct encoder_prompts *prompts;
    const float *head;
    struct item *items;
    float *logits;             /* (T,2) */
    double *loss;
    char *wanted;              /* (T) by row: its logits are read */
    int32_t *rows;             /* (T) those rows */
    struct score_batch_result *results;   /* the next example's */
    float *detail;                 /* likewise; NULL: not wanted */
};

static float log_sum(const float *logits, int32_t length)
{
    double largest = logits[0], sum = 0;

    for (int32_t i = 1; i < length; i++)
        if (logits[2 * i] > largest) largest = logits[2 * i];
    for (int32_t i = 0; i < length; i++) sum += exp(logits[2 * i] - largest);
    return (float)(log(sum) + largest);
}

static void fill_detail(const float *logits, int32_t length, const struct answer_marks *m, const struct answer *a, float *out)
{
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
    out[4] = log_sum(logits, length);
    out[5] = log_sum(logits + 1, length);
}

/* A loss needs all of an example's rows, a span too (its detail sums over them); options only their ends. */
static void want_rows(struct scoring_pass *t, int32_t example)
{
    const struct item *p = &t->items[example];
    char *wanted = t->wanted + t->c->batch.row[example];

    if (p->start >= 0 || p->marks.options == 0) memset(wanted, 1, (size_t)t->c->batch.length[example]);
    for (int32_t i = 0; i < p->marks.options; i++) wanted[p->marks.option[i][0]] = wanted[p->marks.option[i][1]] = 1;
}

/* Returns how many rows are read, ascending in t->rows. */
static int32_t list_rows(struct scoring_pass *t)
{
    const struct unit_batch *b = &t->c->batch;
    int32_t count = 0;

    memset(t->wanted, 0, (size_t)b->rows);
    for (int32_t e = 0; e < b->examples; e++) want_rows(t, e);
    for (int32_t i = 0; i < b->rows; i++)
        if (t->wanted[i]) t->rows[count++] = i;
    return count;
}

static status run_unit(struct scoring_pass *t)
{
    struct compute *c = t->c;
    struct unit_inputs in = {.batch = &c->batch, .prompts = *t->prompts, .head = t->head, .batch_examples = 1};
    struct unit_outputs out = {.loss = t->loss, .logits = t->logits};

    in.row_count = list_rows(t);
    if (in.row_count < c->batch.tokens) in.rows = t->rows;
    TRY(unit_evaluate(c->unit, c->encoder, c->pool, &in, &out));
    for (int32_t e = 0; e < c->batch.examples; e++) {
        const float *logits = t->logits + 2 * c->batch.row[e];
        const struct answer_marks *marks = &t->items[e].marks;
        struct answer a = score_answer(logits, c->batch.length[e], marks);

        *t->results++ = (struct score_batch_result){.loss = t->loss[e], .score = a.score, .choice = a.choice, .start = a.start,
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

            TRY(read_item(words + at, count - at, &items[n], &used));
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

status score_batch_run_detailed(struct compute *c, const int32_t *words, size_t count, const struct encoder_prompts *prompts,
                         const float *head, struct score_batch_result *results, float *detail)
{
    struct scoring_pass t = {.c = c, .prompts = prompts, .head = head, .results = results, .detail = detail};
    status s;

    s = mem_alloc((size_t)c->most_examples, sizeof *t.items, &t.items);
    if (s == ST_OK) s = mem_alloc((size_t)c->most_rows, 2 * sizeof *t.logits, &t.logits);
    if (s == ST_OK) s = mem_alloc((size_t)c->most_rows, 1, &t.wanted);
    if (s == ST_OK) s = mem_alloc((size_t)c->most_rows, sizeof *t.rows, &t.rows);
    if (s == ST_OK) s = mem_alloc((size_t)c->most_examples, sizeof *t.loss, &t.loss);
    if (s == ST_OK) s = run_all(&t, words, count);
    mem_free(t.loss);
    mem_free(t.rows);
    mem_free(t.wanted);
    mem_free(t.logits);
    mem_free(t.items);
    return s;
}

status score_batch_run(struct compute *c, const int32_t *words, size_t count, const struct encoder_prompts *prompts,
                const float *head, struct score_batch_result *results)
{
    return score_batch_run_detailed(c, words, count, prompts, head, results, NULL);
}
