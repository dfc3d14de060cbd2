/* Rounds. The coordinator reads lines until every worker has batch_tokens of work, or until it would have to wait for
 * more; the windows of all their questions are one array of words, cut where workers' shares end; results come back in
 * its order. */
#include <math.h>
#include <string.h>

#include "cluster/base/bar.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/data/question.h"
#include "coordinator/predict/predict.h"
#include "coordinator/predict/reply.h"
#include "coordinator/score/example_marks.h"

enum { ROUND_LINES = 1 << 16, BAD_SAID = 10 };

/* One window of a question, as it was sent. */
struct window {
    size_t word, detail; /* where its words and its detail begin */
    int32_t options, skip, first;
    int none;
};

/* What a worker gets and gives back in a round. */
struct parcel {
    int64_t words, windows, details;
};

struct round {
    struct predict *p;
    struct lines *lines;
    struct question *question;
    struct reply_rule rule;
    struct predict_result *result;
    struct example_buffer buffer;
    int ended;
    status refused;      /* bad: refuse, and there was one: what is before it is still answered */
    struct asked *asked; /* lines of this round */
    size_t count, room;
    struct window *windows;
    size_t window_count, window_room, details;
    struct assignment_message words;
    struct score_batch_result *results;
    float *detail;
    size_t result_room, detail_room;
    struct parcel *parcels; /* (workers); on all ranks. words -1 in the first: no more rounds */
};

/* ---- filling a round ---- */

static status add_window(struct round *r, int number)
{
    struct example x;
    struct answer_marks marks;

    TRY(question_window(r->question, number, &r->buffer, &x));
    marks = example_marks(&x, r->rule.product, r->p->source.task->form.reference != FORM_RIGHT);
    TRY(mem_grow(&r->windows, &r->window_room, r->window_count + 1, sizeof *r->windows));
    r->windows[r->window_count++] = (struct window){r->words.count, r->details,      x.options,
                                                    x.context_skip, x.context_first, x.none_first >= 0};
    r->details += score_batch_detail(&marks);
    r->result->tokens += x.length;
    return score_batch_add(&r->words, x.ids, x.length, 0, -1, -1, &marks);
}

static status keep_context(struct asked *a, const struct token_list *context)
{
    TRY(mem_alloc(context->count, sizeof *a->context, &a->context));
    for (size_t i = 0; i < context->count; i++)
        a->context[i] = (struct token_bytes){context->items[i].start, context->items[i].end};
    return ST_OK;
}

/* Said, unless many were. The last of the round is this line. */
static void bad_line(struct round *r, struct asked *a)
{
    status s = ST_INPUT;

    if (r->result->bad++ < BAD_SAID)
        s = fault(ST_INPUT, "%s:%lld: %s%s%s", lines_name(r->lines), (long long)a->line, a->why,
                  a->detail[0] ? ": " : "", a->detail);
    if (r->p->config->bad != BAD_REFUSE) return;
    r->refused = s;
    r->ended = 1;
    asked_fini(a);
    r->count--;
}

static status ask_workers(struct round *r, struct asked *a)
{
    const char *detail = "";

    if (a->row) TRY(question_take(r->question, a->row, &a->why, &detail));
    snprintf(a->detail, sizeof a->detail, "%s", detail);
    if (a->why) return bad_line(r, a), ST_OK;
    a->windows = question_windows(r->question);
    a->shortened = question_shortened(r->question);
    if (r->rule.meta->kind == TASK_EXTRACTIVE) TRY(keep_context(a, question_context(r->question)));
    for (int w = 0; w < a->windows; w++) TRY(add_window(r, w));
    return ST_OK;
}

static status fill_round(struct round *r)
{
    int64_t most = r->p->config->batch_tokens * r->p->comm->workers;

    while (!r->ended && (int64_t)r->words.count < most && r->count < ROUND_LINES) {
        struct asked *a;
        status s;

        if (r->count > 0 && lines_wait(r->lines)) break;
        TRY(mem_grow(&r->asked, &r->room, r->count + 1, sizeof *r->asked));
        a = &r->asked[r->count];
        s = lines_next(r->lines, &a->row, &a->why);
        if (s == ST_END) {
            r->ended = 1;
            break;
        }
        TRY(s);
        a->line = lines_number(r->lines);
        r->count++;
        r->result->lines++;
        TRY(ask_workers(r, a));
    }
    return ST_OK;
}

/* Consecutive windows for each worker, about the same number of words for all. */
static void deal(struct round *r)
{
    int workers = r->p->comm->workers;
    size_t next = 0;

    for (int w = 0; w < workers; w++) {
        size_t goal = r->words.count * (size_t)(w + 1) / (size_t)workers, first = next;
        size_t words = first < r->window_count ? r->windows[first].word : r->words.count;
        size_t details = first < r->window_count ? r->windows[first].detail : r->details;

        while (next < r->window_count && (r->windows[next].word < goal || w == workers - 1)) next++;
        r->parcels[w] = (struct parcel){
            (int64_t)((next < r->window_count ? r->windows[next].word : r->words.count) - words),
            (int64_t)(next - first),
            (int64_t)((next < r->window_count ? r->windows[next].detail : r->details) - details)};
    }
}

/* ---- answering it ---- */

static status send_all(struct round *r, struct exchange *x)
{
    struct comm *c = r->p->comm;
    size_t words = 0, windows = 0, details = 0;

    TRY(mem_grow(&r->results, &r->result_room, r->window_count, sizeof *r->results));
    TRY(mem_grow(&r->detail, &r->detail_room, r->details, sizeof *r->detail));
    for (int w = 0; w < c->workers; w++) {
        const struct parcel *k = &r->parcels[w];
        int rank = comm_rank_of_worker(c, w);

        exchange_receive(c, x, r->results + windows, (size_t)k->windows * sizeof *r->results, rank, TAG_PREDICT_RESULT);
        exchange_receive(c, x, r->detail + details, (size_t)k->details * sizeof *r->detail, rank, TAG_PREDICT_DETAIL);
        exchange_send(c, x, r->words.words + words, (size_t)k->words * sizeof(int32_t), rank, TAG_PREDICT);
        words += (size_t)k->words;
        windows += (size_t)k->windows;
        details += (size_t)k->details;
    }
    return ST_OK;
}

/* A worker's side. The coordinator waits for what it sends, so a failure here ends all. */
static status answer_parcel(struct predict *p, const struct parcel *k, struct exchange *sent)
{
    struct encoder_prompts prompts = {p->layers, p->tokens, p->prompts};
    struct score_batch_result *results = NULL;
    struct exchange x = {0};
    float *detail = NULL;
    status s = mem_grow(&p->message, &p->message_room, (size_t)k->words, sizeof *p->message);

    if (s == ST_OK) s = mem_alloc((size_t)k->windows, sizeof *results, &results);
    if (s == ST_OK) s = mem_alloc((size_t)k->details, sizeof *detail, &detail);
    if (s == ST_OK) {
        exchange_receive(p->comm, &x, p->message, (size_t)k->words * sizeof(int32_t), 0, TAG_PREDICT);
        s = exchange_wait(p->comm, &x);
    }
    exchange_fini(&x);
    if (s == ST_OK)
        s = score_batch_run_detailed(&p->compute, p->message, (size_t)k->words, &prompts, p->head, results, detail);
    if (s != ST_OK) comm_abort(p->comm, s);
    exchange_send(p->comm, sent, results, (size_t)k->windows * sizeof *results, 0, TAG_PREDICT_RESULT);
    exchange_send(p->comm, sent, detail, (size_t)k->details * sizeof *detail, 0, TAG_PREDICT_DETAIL);
    s = exchange_wait(p->comm, sent);
    mem_free(results);
    mem_free(detail);
    return s;
}

static status write_replies(struct round *r, FILE *to)
{
    size_t at = 0;

    for (size_t i = 0; i < r->count; i++) {
        const struct asked *a = &r->asked[i];
        struct replied best = {.result.score = -INFINITY};

        for (int w = 0; !a->why && w < a->windows; w++, at++) {
            const struct window *k = &r->windows[at];

            if (w > 0 && !(r->results[at].score > best.result.score)) continue;
            best = (struct replied){r->results[at], r->detail + k->detail, k->options, k->skip, k->first, k->none};
        }
        TRY(reply_write(&r->rule, a, &best, to));
    }
    r->result->windows += (int64_t)r->window_count;
    if (fflush(to) != 0) return fault(ST_IO, "answers cannot be written");
    return ST_OK;
}

static void clear(struct round *r)
{
    for (size_t i = 0; i < r->count; i++) asked_fini(&r->asked[i]);
    r->count = r->window_count = r->details = r->words.count = 0;
}

/* ---- the rounds, on all ranks ---- */

static status run_round(struct round *r, FILE *to, int *more)
{
    struct comm *c = r->p->comm;
    struct exchange x = {0};
    status s = ST_OK;

    if (comm_is_coordinator(c)) {
        s = fill_round(r);
        deal(r);
        if (r->count == 0) r->parcels[0].words = -1;
    }
    TRY(comm_agree(c, s));
    TRY(comm_broadcast(c, r->parcels, (size_t)c->workers * sizeof *r->parcels, 0));
    *more = r->parcels[0].words >= 0;
    if (!*more) return ST_OK;
    if (comm_is_coordinator(c)) s = send_all(r, &x);
    if (s == ST_OK && comm_is_worker(c) && r->parcels[c->worker].windows > 0)
        s = answer_parcel(r->p, &r->parcels[c->worker], &x);
    if (s == ST_OK) s = exchange_wait(c, &x);
    exchange_fini(&x);
    if (s == ST_OK && comm_is_coordinator(c)) s = write_replies(r, to);
    clear(r);
    return comm_agree(c, s);
}

static status run_rounds(struct round *r, FILE *to)
{
    struct bar bar;
    int show = r->lines && r->p->config->out[0], more = 1;
    uint64_t done = 0, total = 0;
    status s = ST_OK;

    if (show) lines_progress(r->lines, &done, &total);
    if (show) bar_open(&bar, "predict", total, "bytes");
    while (s == ST_OK && more) {
        s = run_round(r, to, &more);
        if (!show) continue;
        lines_progress(r->lines, &done, &total);
        bar_show(&bar, done, "%lld lines", (long long)r->result->lines);
    }
    if (show) bar_close(&bar, s == ST_OK);
    return s == ST_OK ? comm_agree(r->p->comm, r->refused) : s;
}

static void round_fini(struct round *r)
{
    clear(r);
    question_destroy(&r->question);
    example_buffer_fini(&r->buffer);
    assignment_message_fini(&r->words);
    mem_free(r->asked);
    mem_free(r->windows);
    mem_free(r->results);
    mem_free(r->detail);
    mem_free(r->parcels);
}

status predict_run(struct predict *p, struct lines *lines, FILE *to, struct predict_result *result)
{
    const struct tuned_task *task = p->source.task;
    struct round r = {.p = p, .lines = lines, .result = result};
    status s = mem_alloc((size_t)p->comm->workers, sizeof *r.parcels, &r.parcels);

    *result = (struct predict_result){0};
    if (s == ST_OK && task) {
        r.rule = (struct reply_rule){&task->meta, task->rule.wording, task->product};
        s = question_new(&task->rule, p->vocabulary, &r.question);
    }
    s = comm_agree(p->comm, s);
    if (s == ST_OK) s = run_rounds(&r, to);
    round_fini(&r);
    return s;
}
