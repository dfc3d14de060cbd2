/* Each worker's message is filled until it holds a round's tokens. A row with several windows takes the answer of its
 * best one. */
#include "coordinator/score/pass.h"

#include <math.h>

#include "cluster/base/memory.h"
#include "cluster/base/random.h"
#include "coordinator/data/answer.h"
#include "coordinator/score/example_marks.h"

enum { REFERENCE_BATCH = 32, SCORE_WORDS = 16 };

/* The place-th row of the list or the keyed subset; all rows in order if it is not a subset. */
static int64_t row_at(const struct score_pass *e, int64_t place)
{
    struct random_key key;

    if (e->what.rows) return e->what.rows[place];
    if (e->rows == e->total) return place;
    key = random_derive(random_seed(e->o.rules->seed, RANDOM_EVAL), (uint32_t)e->what.task, (uint32_t)e->what.split, 0,
                        0);
    return (int64_t)random_permute(key, (uint64_t)e->total, (uint64_t)place);
}

/* Reference: padding is attended to, up to the longest of 32 rows. */
static int32_t padded_width(struct score_pass *e, int64_t place)
{
    int64_t first = place / REFERENCE_BATCH * REFERENCE_BATCH;
    int32_t width = 0;

    if (!e->o.rules->padding) return 0;
    for (int64_t i = first; i < first + REFERENCE_BATCH && i < e->rows; i++) {
        int32_t n = dataset_length(e->o.data, e->what.task, e->what.split, row_at(e, i));
        if (n > width) width = n;
    }
    return width;
}

static status put_row(struct score_pass *e, int worker, int64_t place)
{
    struct dataset *data = e->o.data;
    int64_t row = row_at(e, place);
    int windows = dataset_windows(data, e->what.task, e->what.split, row);
    int32_t width = padded_width(e, place);

    for (int w = 0; w < windows; w++) {
        struct example x;
        struct answer_marks marks;

        TRY(dataset_window(data, e->what.task, e->what.split, row, w, &e->buffer, &x));
        marks = example_marks(&x, e->o.rules->product, e->o.rules->independent);
        TRY(score_batch_add(&e->messages[worker], x.ids, x.length, width > x.length ? width : 0, x.start, x.end,
                            &marks));
        TRY(mem_grow(&e->windows[worker], &e->rooms[worker], e->counts[worker] + 1, sizeof(struct score_window)));
        e->windows[worker][e->counts[worker]++] = (struct score_window){row, w};
    }
    return ST_OK;
}

/* Consecutive rows go to one worker, the next rows to the next, so that answers come back in row order. */
static status fill_worker(struct score_pass *e, int w, int64_t most)
{
    struct assignment_message *m = &e->messages[w];

    m->count = 0;
    e->counts[w] = 0;
    while (e->next < e->rows && (int64_t)m->count < most) TRY(put_row(e, w, e->next++));
    e->words_left -= (int64_t)m->count;
    return ST_OK;
}

status score_pass_fill(struct score_pass *e, int64_t tokens, struct scoring_size *sizes)
{
    int64_t even = e->words_left / e->o.workers + 1;
    size_t answers = 0;

    for (int w = 0; w < e->o.workers; w++) {
        /* words_left is an estimate: the last worker gets what the others leave, and rows may remain even if the
         * estimate is used up. */
        int by_estimate = even < tokens && even > 0 && w < e->o.workers - 1;

        TRY(fill_worker(e, w, by_estimate ? even : tokens));
        sizes[w] = (struct scoring_size){(int64_t)e->messages[w].count, (int64_t)e->counts[w]};
        answers += e->counts[w];
    }
    return mem_grow(&e->results, &e->result_room, answers, sizeof *e->results);
}

/* The reference allows spans outside the context; compare them as it does. */
static status span_credit(const struct score_pass *e, const struct task *task, const struct example *x,
                          const int32_t *ids, int count, double *credit)
{
    int32_t first = x->context_skip + e->best.start - x->context_first;

    if (e->o.rules->independent) return answer_f1_of_tokens(&task->roles, ids, count, x->gold, x->gold_count, credit);
    return dataset_answer_f1(e->o.data, e->what.task, e->what.split, e->row, first, first + count - 1, credit);
}

static status finish_row(struct score_pass *e)
{
    struct dataset *data = e->o.data;
    const struct task *task = dataset_task(data, e->what.task);
    struct example x;
    const int32_t *ids = NULL;
    double credit;
    int count = 0;

    if (e->row < 0) return ST_OK;
    TRY(dataset_window(data, e->what.task, e->what.split, e->row, e->best_window, &e->buffer, &x));
    if (task->kind == TASK_EXTRACTIVE) {
        if (e->best.end >= e->best.start && e->best.end < x.length) {
            ids = x.ids + e->best.start;
            count = e->best.end - e->best.start + 1;
        }
        TRY(span_credit(e, task, &x, ids, count, &credit));
    } else {
        credit = e->best.choice == x.label;
        e->result.correct += e->best.choice == x.label;
    }
    e->score_sum += credit;
    e->result.rows++;
    if (e->loss_count > 0) {
        e->loss_sum += e->loss / e->loss_count;
        e->losses++;
    }
    if (e->o.each) TRY(e->o.each(e->o.arg, e->what.task, e->row, e->best.choice, ids, count, e->best.score, credit));
    e->row = -1;
    return ST_OK;
}

static status take_result(struct score_pass *e, const struct score_window *w, const struct score_batch_result *r)
{
    if (w->number == 0) {
        TRY(finish_row(e));
        e->row = w->row;
        e->best.score = -INFINITY;
        e->best_window = 0;
        e->loss = 0;
        e->loss_count = 0;
    }
    if (r->score > e->best.score || w->number == 0) {
        e->best = (struct answer){r->choice, r->start, r->end, r->score};
        e->best_window = w->number;
    }
    if (!isnan(r->loss)) {
        e->loss += r->loss;
        e->loss_count++;
    }
    return ST_OK;
}

status score_pass_take(struct score_pass *e)
{
    const struct score_batch_result *r = e->results;

    for (int w = 0; w < e->o.workers; w++)
        for (size_t i = 0; i < e->counts[w]; i++) TRY(take_result(e, &e->windows[w][i], r++));
    return ST_OK;
}

status score_pass_finish(struct score_pass *e, struct eval_result *out)
{
    TRY(finish_row(e));
    *out = e->result;
    out->score = out->rows ? e->score_sum / (double)out->rows : NAN;
    out->loss = e->losses ? e->loss_sum / (double)e->losses : NAN;
    return ST_OK;
}

/* ---- opening ---- */

static status open_all(struct score_pass *e)
{
    size_t workers = (size_t)e->o.workers;

    TRY(mem_keep_new(&e->keep, workers, sizeof *e->messages, &e->messages));
    TRY(mem_keep_new(&e->keep, workers, sizeof *e->windows, &e->windows));
    TRY(mem_keep_new(&e->keep, workers, sizeof *e->counts, &e->counts));
    TRY(mem_keep_new(&e->keep, workers, sizeof *e->rooms, &e->rooms));
    e->total = dataset_rows(e->o.data, e->what.task, e->what.split);
    e->rows = e->what.rows || (e->what.count > 0 && e->what.count < e->total) ? e->what.count : e->total;
    for (int64_t i = 0; i < e->rows; i++)
        e->words_left += dataset_length(e->o.data, e->what.task, e->what.split, row_at(e, i)) + SCORE_WORDS;
    return ST_OK;
}

status score_pass_open(const struct score_pass_options *o, const struct scored_rows *what, struct score_pass *e)
{
    status s;

    *e = (struct score_pass){.o = *o, .what = *what, .row = -1};
    s = open_all(e);
    if (s != ST_OK) score_pass_close(e);
    return s;
}

void score_pass_close(struct score_pass *e)
{
    for (int w = 0; e->messages && w < e->o.workers; w++) assignment_message_fini(&e->messages[w]);
    for (int w = 0; e->windows && w < e->o.workers; w++) mem_free(e->windows[w]);
    mem_free(e->results);
    example_buffer_fini(&e->buffer);
    mem_keep_free(&e->keep);
    *e = (struct score_pass){0};
}
