/* The coordinator fills one message a worker until each holds eval.batch_tokens, sends them, gets the answers in the same
 * order, and goes on with the next rows. A row of several windows is answered by its best one. */
#include "coordinator/score/scorer.h"

#include <math.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/base/random.h"
#include "coordinator/data/answer.h"
#include "coordinator/score/example_marks.h"
#include "worker/score/score_batch.h"

enum { TAG_SCORE = 300, TAG_RESULT, REFERENCE_BATCH = 32, SCORE_WORDS = 16 };

struct window { int64_t row; int32_t number; };

struct scoring {
    struct scorer *x;
    int task;
    enum split split;
    const int64_t *listed;          /* (rows) row numbers; NULL: all, or a keyed subset */
    int64_t rows, next;             /* how many, and the next one's place */
    int64_t total;                  /* rows of the split */
    struct assignment_message *messages; /* (workers) */
    struct window **windows;        /* (workers): what was sent */
    size_t *counts, *rooms;
    struct score_batch_result *results;
    size_t result_room;
    struct example_buffer buffer;
    int64_t scoring;                /* the row whose windows are coming in; -1: none */
    struct answer best;
    int best_window;
    double loss;
    int loss_count;
    evaluate_row *each;
    void *arg;
    struct eval_result *out;
    int64_t words_left;             /* about, of the rows not sent yet */
    double score_sum, loss_sum;
    int64_t losses;
};

/* The place-th row of the list or the keyed subset; all rows in order when it is no subset. */
static int64_t row_at(const struct scoring *e, int64_t place)
{
    struct random_key key;

    if (e->listed) return e->listed[place];
    if (e->rows == e->total) return place;
    key = random_derive(random_seed(e->x->rules.seed, RANDOM_EVAL), (uint32_t)e->task, (uint32_t)e->split, 0, 0);
    return (int64_t)random_permute(key, (uint64_t)e->total, (uint64_t)place);
}

/* Reference: padding is attended, up to the longest of 32 rows. */
static int32_t padded_width(struct scoring *e, int64_t place)
{
    int64_t first = place / REFERENCE_BATCH * REFERENCE_BATCH;
    int32_t width = 0;

    if (!e->x->rules.padding) return 0;
    for (int64_t i = first; i < first + REFERENCE_BATCH && i < e->rows; i++) {
        int32_t n = dataset_length(e->x->data, e->task, e->split, row_at(e, i));
        if (n > width) width = n;
    }
    return width;
}

static status put_row(struct scoring *e, int worker, int64_t place)
{
    struct dataset *data = e->x->data;
    int64_t row = row_at(e, place);
    int windows = dataset_windows(data, e->task, e->split, row);
    int32_t width = padded_width(e, place);

    for (int w = 0; w < windows; w++) {
        struct example x;
        struct answer_marks marks;

        TRY(dataset_window(data, e->task, e->split, row, w, &e->buffer, &x));
        marks = example_marks(&x, e->x->rules.product, e->x->rules.independent);
        TRY(score_batch_add(&e->messages[worker], x.ids, x.length, width > x.length ? width : 0, x.start, x.end, &marks));
        TRY(mem_grow(&e->windows[worker], &e->rooms[worker], e->counts[worker] + 1, sizeof(struct window)));
        e->windows[worker][e->counts[worker]++] = (struct window){row, w};
    }
    return ST_OK;
}

/* Consecutive rows for one worker after the other, so that answers come back in the rows' order. */
static status fill_round(struct scoring *e)
{
    int workers = e->x->comm->workers;
    int64_t even = e->words_left / workers + 1, most = e->x->rules.batch_tokens;

    if (even < most) most = even;
    for (int w = 0; w < workers; w++) {
        e->messages[w].count = 0;
        e->counts[w] = 0;
        while (e->next < e->rows && ((int64_t)e->messages[w].count < most || w == workers - 1) &&
               (int64_t)e->messages[w].count < e->x->rules.batch_tokens)
            TRY(put_row(e, w, e->next++));
        e->words_left -= (int64_t)e->messages[w].count;
    }
    return ST_OK;
}

static status finish_row(struct scoring *e)
{
    struct dataset *data = e->x->data;
    const struct task *task = dataset_task(data, e->task);
    struct example x;
    const int32_t *ids = NULL;
    double credit;
    int count = 0;

    if (e->scoring < 0) return ST_OK;
    TRY(dataset_window(data, e->task, e->split, e->scoring, e->best_window, &e->buffer, &x));
    if (task->kind == TASK_EXTRACTIVE) {
        if (e->best.end >= e->best.start && e->best.end < x.length) {
            ids = x.ids + e->best.start;
            count = e->best.end - e->best.start + 1;
        }
        credit = answer_f1(&task->roles, ids, count, x.gold, x.gold_count);
    } else {
        credit = e->best.choice == x.label;
        e->out->correct += e->best.choice == x.label;
    }
    e->score_sum += credit;
    e->out->rows++;
    if (e->loss_count > 0) {
        e->loss_sum += e->loss / e->loss_count;
        e->losses++;
    }
    if (e->each) TRY(e->each(e->arg, e->task, e->scoring, e->best.choice, ids, count, e->best.score, credit));
    e->scoring = -1;
    return ST_OK;
}

static status take_result(struct scoring *e, const struct window *w, const struct score_batch_result *r)
{
    if (w->number == 0) {
        TRY(finish_row(e));
        e->scoring = w->row;
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

/* ---- the rounds, on all ranks ---- */

static status send_round(struct scoring *e, const int64_t *sizes, struct exchange *x)
{
    struct comm *c = e->x->comm;
    size_t answers = 0;

    for (int w = 0; w < c->workers; w++) answers += e->counts[w];
    TRY(mem_grow(&e->results, &e->result_room, answers, sizeof *e->results));
    answers = 0;
    for (int w = 0; w < c->workers; w++) {
        exchange_receive(c, x, e->results + answers, e->counts[w] * sizeof *e->results, comm_rank_of_worker(c, w), TAG_RESULT);
        exchange_send(c, x, e->messages[w].words, (size_t)sizes[2 * w] * sizeof(int32_t), comm_rank_of_worker(c, w), TAG_SCORE);
        answers += e->counts[w];
    }
    return ST_OK;
}

/* A worker's side of a round: sizes say how many words and answers. */
static status answer_round(struct scorer *e, const int64_t *sizes, struct exchange *sent)
{
    size_t words = (size_t)sizes[2 * e->comm->worker], answers = (size_t)sizes[2 * e->comm->worker + 1];
    struct score_batch_result *results = NULL;
    struct exchange x = {0};
    status st = mem_grow(&e->message, &e->message_room, words, sizeof *e->message);

    if (st == ST_OK) st = mem_alloc(answers, sizeof *results, &results);
    x.state = st;
    exchange_receive(e->comm, &x, e->message, words * sizeof(int32_t), 0, TAG_SCORE);
    st = exchange_wait(e->comm, &x);
    exchange_fini(&x);
    if (st == ST_OK) st = score_batch_run(e->compute, e->message, words, &e->prompts, e->head, results);
    if (st != ST_OK) comm_abort(e->comm, st);   /* the coordinator waits for the answers */
    exchange_send(e->comm, sent, results, answers * sizeof *results, 0, TAG_RESULT);
    st = exchange_wait(e->comm, sent);
    mem_free(results);
    return st;
}

static status run_round(struct scoring *e, int64_t *sizes, int *more)
{
    struct comm *c = e->x->comm;
    struct exchange x = {0};
    size_t at = 0;
    status s = ST_OK;

    if (comm_is_coordinator(c)) {
        s = fill_round(e);
        for (int w = 0; w < c->workers; w++) {
            sizes[2 * w] = (int64_t)e->messages[w].count;
            sizes[2 * w + 1] = (int64_t)e->counts[w];
        }
    }
    TRY(comm_agree(c, s));
    TRY(comm_broadcast(c, sizes, 2 * (size_t)c->workers * sizeof *sizes, 0));
    *more = sizes[0] > 0;
    if (!*more) return ST_OK;
    if (e->x->membership) membership_begin_round(e->x->membership);
    if (comm_is_coordinator(c)) s = send_round(e, sizes, &x);
    if (s == ST_OK && comm_is_worker(c) && sizes[2 * c->worker + 1] > 0) s = answer_round(e->x, sizes, &x);
    if (s == ST_OK && e->x->membership) s = membership_agree(e->x->membership, s);
    if (s == ST_OK) s = exchange_wait(c, &x);
    exchange_fini(&x);
    for (int w = 0; comm_is_coordinator(c) && s == ST_OK && w < c->workers; w++)
        for (size_t i = 0; i < e->counts[w] && s == ST_OK; i++) s = take_result(e, &e->windows[w][i], &e->results[at++]);
    return comm_agree(c, s);
}

static status scoring_open(struct scoring *e, size_t workers)
{
    TRY(mem_alloc(workers, sizeof *e->messages, &e->messages));
    TRY(mem_alloc(workers, sizeof *e->windows, &e->windows));
    TRY(mem_alloc(workers, sizeof *e->counts, &e->counts));
    return mem_alloc(workers, sizeof *e->rooms, &e->rooms);
}

static void scoring_close(struct scoring *e, int workers)
{
    for (int w = 0; w < workers; w++) {
        if (e->messages) assignment_message_fini(&e->messages[w]);
        if (e->windows) mem_free(e->windows[w]);
    }
    mem_free(e->messages);
    mem_free(e->windows);
    mem_free(e->counts);
    mem_free(e->rooms);
    mem_free(e->results);
    example_buffer_fini(&e->buffer);
}

status score_rows(struct scorer *x, const struct scored_rows *what, evaluate_row *each, void *arg, struct eval_result *out)
{
    struct scoring e = {.x = x, .each = each, .arg = arg, .out = out, .scoring = -1};
    struct comm *c = x->comm;
    int64_t *sizes;
    int more = 1;
    status s;

    *out = (struct eval_result){0};
    TRY(comm_agree(c, mem_alloc(2 * (size_t)c->workers, sizeof *sizes, &sizes)));
    s = comm_agree(c, scoring_open(&e, (size_t)c->workers));
    if (comm_is_coordinator(c)) {
        e.task = what->task;
        e.split = what->split;
        e.listed = what->rows;
        e.total = dataset_rows(x->data, e.task, e.split);
        e.rows = e.listed || (what->count > 0 && what->count < e.total) ? what->count : e.total;
        for (int64_t i = 0; i < e.rows; i++)
            e.words_left += dataset_length(x->data, e.task, e.split, row_at(&e, i)) + SCORE_WORDS;
    }
    while (s == ST_OK && more) s = run_round(&e, sizes, &more);
    if (s == ST_OK) s = comm_agree(c, comm_is_coordinator(c) ? finish_row(&e) : ST_OK);
    out->score = out->rows ? e.score_sum / (double)out->rows : NAN;
    out->loss = e.losses ? e.loss_sum / (double)e.losses : NAN;
    scoring_close(&e, c->workers);
    mem_free(sizes);
    return s;
}

void scorer_fini(struct scorer *x)
{
    mem_free(x->message);
    *x = (struct scorer){0};
}

/* ---- pre-training's tasks ---- */

/* The task's prompt in evaluation mode, composed and gathered as in a step. */
static status compose_task(struct pretrain *p, int task)
{
    const struct shape *s = &p->shape;
    size_t u = (size_t)s->layers * (size_t)s->intrinsic;

    if (comm_is_coordinator(p->comm)) {
        struct group_draw draw = p->draws[0];

        draw.task = task;
        draw.uniform = NULL;
        draw.tau = 1.0;
        parameters_draw(p->parameters, &draw);
        memcpy(p->head, p->parameters->head.value, 2 * (size_t)s->hidden * sizeof(float));
    }
    TRY(comm_broadcast(p->comm, p->u, u * sizeof(float), 0));
    TRY(comm_broadcast(p->comm, p->head, 2 * (size_t)s->hidden * sizeof(float), 0));
    if (comm_is_worker(p->comm)) columns_compose(&p->columns, 1, p->u, p->local);
    return reduce_gather_prompts(&p->reduce, 1, p->local, p->whole);
}

status evaluate_task(struct pretrain *p, int task, enum split split, int64_t rows, struct membership *membership, evaluate_row *each,
                     void *arg, struct eval_result *out)
{
    const struct reference_config *r = &p->config->reference;
    struct scorer x = {.comm = p->comm, .membership = membership, .data = p->planner.data, .compute = &p->compute,
                         .prompts = {p->shape.layers, p->shape.tokens, p->whole}, .head = p->head,
                         .rules = {.padding = r->padding, .product = r->product, .independent = r->form != FORM_RIGHT,
                                   .batch_tokens = p->config->eval.batch_tokens, .seed = (uint64_t)p->config->seed}};
    struct scored_rows what = {.task = task, .split = split, .count = rows};
    status s = compose_task(p, task);

    if (s == ST_OK) s = score_rows(&x, &what, each, arg, out);
    scorer_fini(&x);
    return s;
}
