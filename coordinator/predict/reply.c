/* Option scores are as worker/score/score.c's; log-probabilities are theirs over the row's options, so they add up to
 * one. A span's is that of its start plus that of its end over the context's tokens of its window and "no answer", as
 * in a loss. */
#include "coordinator/predict/reply.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/data/reader.h"

void asked_fini(struct asked *a)
{
    json_decref(a->row);
    mem_free(a->context);
    memset(a, 0, sizeof *a);
}

/* A float as the shortest decimal that reads back as the same float; the printer's 17 digits would show its tail in
 * binary. */
static json_t *number(double x)
{
    char text[32];

    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtof(text, NULL) == (float)x) break;
    }
    return json_real(strtod(text, NULL));
}

static json_t *pair(const float *logits)
{
    json_t *list = json_array();

    json_array_append_new(list, number((double)logits[0]));
    json_array_append_new(list, number((double)logits[1]));
    return list;
}

/* ---- options ---- */

static json_t *option_text(const struct reply_rule *rule, const struct asked *a, int i)
{
    char room[NUMBER_ROOM];
    const char *text;
    size_t n;

    if (rule->meta->kind == TASK_LABELS) return json_string(rule->wording->words[i]);
    if (value_text(json_array_get(json_object_get(a->row, "options"), (size_t)i), room, sizeof room, &text, &n) != 0)
        return json_null();
    return json_stringn(text, n);
}

static double option_score(const struct reply_rule *rule, const float *logits)
{
    double start = (double)logits[0], end = (double)logits[1];

    return rule->product ? start * end : start + end;
}

static void put_options(const struct reply_rule *rule, const struct asked *a, const struct replied *r, json_t *out)
{
    double most = -INFINITY, sum = 0;
    json_t *list = json_array();

    for (int i = 0; i < r->options; i++) most = fmax(most, option_score(rule, r->detail + 2 * i));
    for (int i = 0; i < r->options; i++) sum += exp(option_score(rule, r->detail + 2 * i) - most);
    for (int i = 0; i < r->options; i++) {
        double score = option_score(rule, r->detail + 2 * i) - most - log(sum);
        json_t *item = json_object();

        json_object_set_new(item, "text", option_text(rule, a, i));
        json_object_set_new(item, "log_probability", number(score));
        json_object_set_new(item, "logits", pair(r->detail + 2 * i));
        json_array_append_new(list, item);
        if (i != r->result.choice) continue;
        json_object_set_new(out, "answer", option_text(rule, a, i));
        json_object_set_new(out, "index", json_integer(i));
        json_object_set_new(out, "log_probability", number(score));
    }
    json_object_set_new(out, "options", list);
}

/* ---- spans ---- */

static json_int_t characters(const char *text, size_t bytes)
{
    json_int_t n = 0;

    for (size_t i = 0; i < bytes; i++) n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static void put_piece(const struct reply_rule *rule, const struct asked *a, const struct replied *r, json_t *out)
{
    int32_t first = r->skip + r->result.start - r->first, last = r->skip + r->result.end - r->first;
    size_t from = a->context[first].start, to = a->context[last].end, n;
    char room[NUMBER_ROOM];
    const char *text;

    if (value_text(value_at(a->row, rule->meta->field[rule->meta->context]), room, sizeof room, &text, &n) != 0) return;
    json_object_set_new(out, "answer", json_stringn(text + from, to - from));
    json_object_set_new(out, "bytes", json_pack("[I,I]", (json_int_t)from, (json_int_t)to));
    json_object_set_new(out, "characters", json_pack("[I,I]", characters(text, from), characters(text, to)));
}

static void put_span(const struct reply_rule *rule, const struct asked *a, const struct replied *r, json_t *out)
{
    int answered = r->result.end >= r->result.start;
    const float *logits = answered ? r->detail : r->detail + 2;
    double sums = (double)r->detail[4] + (double)r->detail[5];

    if (answered) put_piece(rule, a, r, out);
    else json_object_set_new(out, "answer", json_null());
    json_object_set_new(out, "log_probability", number((double)logits[0] + (double)logits[1] - sums));
    json_object_set_new(out, "logits", pair(logits));
    if (a->windows > 1) json_object_set_new(out, "windows", json_integer(a->windows));
    if (!r->none) return;
    json_object_set_new(out, "no_answer",
                        json_pack("{s:o,s:o}", "log_probability",
                                  number((double)r->detail[2] + (double)r->detail[3] - sums), "logits",
                                  pair(r->detail + 2)));
}

/* ---- the line ---- */

static void put_error(const struct asked *a, json_t *out)
{
    char text[256];

    snprintf(text, sizeof text, "%s%s%s", a->why, a->detail[0] ? ": " : "", a->detail);
    json_object_set_new(out, "error", json_string(text));
}

status reply_write(const struct reply_rule *rule, const struct asked *a, const struct replied *r, FILE *to)
{
    json_t *out = json_object(), *id = a->row ? json_object_get(a->row, "id") : NULL;
    int failed;

    json_object_set_new(out, "line", json_integer(a->line));
    if (id) json_object_set(out, "id", id);
    if (a->why) put_error(a, out);
    else if (r->options > 0) put_options(rule, a, r, out);
    else put_span(rule, a, r, out);
    if (!a->why && a->shortened && r->options > 0) json_object_set_new(out, "shortened", json_true());
    failed = json_dumpf(out, to, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0 || fputc('\n', to) == EOF;
    json_decref(out);
    return failed ? fault(ST_IO, "answers cannot be written: %s", strerror(errno)) : ST_OK;
}
