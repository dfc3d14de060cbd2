/* Units are filled in order until an example does not fit; then computed and scored. */
#include "worker/train/exam.h"

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { FIXED_WORDS = 10 };

struct paper {                 /* one example in a message */
    int32_t length, width, start, end;
    struct answer_marks marks;
    const int32_t *ids;
};

status exam_add(struct share_message *m, const int32_t *ids, int32_t length, int32_t width, int32_t start, int32_t end,
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

static status read_paper(const int32_t *w, size_t left, struct paper *p, size_t *used)
{
    if (left < FIXED_WORDS || w[0] < 1 || w[4] < 0 || left - FIXED_WORDS < 2 * (size_t)w[4] + (size_t)w[0])
        return fault(ST_SYSTEM, "internal error: an evaluation message that ends early");
    *p = (struct paper){.length = w[0], .width = w[1], .start = w[2], .end = w[3], .ids = w + FIXED_WORDS + 2 * w[4]};
    p->marks = (struct answer_marks){.options = w[4], .option = (const int32_t (*)[2])(const void *)(w + FIXED_WORDS),
                                     .context_first = w[5], .context_last = w[6], .none_first = w[7],
                                     .none_last = w[8], .reference = w[9]};
    *used = FIXED_WORDS + 2 * (size_t)w[4] + (size_t)w[0];
    return ST_OK;
}

static status run_unit(struct compute *c, const struct paper *papers, const struct encoder_prompts *prompts,
                       const float *head, float *logits, double *loss, struct exam_result *results)
{
    struct unit_inputs in = {.batch = &c->batch, .prompts = *prompts, .head = head, .batch_examples = 1};
    struct unit_outputs out = {.loss = loss, .logits = logits};

    TRY(unit_evaluate(c->unit, c->encoder, c->pool, &in, &out));
    for (int32_t e = 0; e < c->batch.examples; e++) {
        struct answer a = score_answer(logits + 2 * c->batch.row[e], c->batch.length[e], &papers[e].marks);

        results[e] = (struct exam_result){.loss = loss[e], .score = a.score, .choice = a.choice, .start = a.start,
                                          .end = a.end};
    }
    return ST_OK;
}

static status run_all(struct compute *c, const int32_t *words, size_t count, const struct encoder_prompts *prompts,
                      const float *head, struct paper *papers, float *logits, double *loss, struct exam_result *results)
{
    size_t at = 0;

    while (at < count) {
        int32_t n = 0;

        batch_clear(&c->batch, 0);
        while (at < count && n < c->most_examples) {
            size_t used = 0;

            TRY(read_paper(words + at, count - at, &papers[n], &used));
            if (!batch_add(&c->batch, papers[n].ids, papers[n].length, papers[n].width, papers[n].start, papers[n].end))
                break;
            at += used;
            n++;
        }
        if (n == 0) return fault(ST_SYSTEM, "internal error: an example larger than a unit");
        TRY(run_unit(c, papers, prompts, head, logits, loss, results));
        results += n;
    }
    return ST_OK;
}

status exam_run(struct compute *c, const int32_t *words, size_t count, const struct encoder_prompts *prompts,
                const float *head, struct exam_result *results)
{
    struct paper *papers = NULL;
    float *logits = NULL;
    double *loss = NULL;
    status s;

    s = mem_alloc((size_t)c->most_examples, sizeof *papers, &papers);
    if (s == ST_OK) s = mem_alloc((size_t)c->most_rows, 2 * sizeof *logits, &logits);
    if (s == ST_OK) s = mem_alloc((size_t)c->most_examples, sizeof *loss, &loss);
    if (s == ST_OK) s = run_all(c, words, count, prompts, head, papers, logits, loss, results);
    mem_free(loss);
    mem_free(logits);
    mem_free(papers);
    return s;
}
