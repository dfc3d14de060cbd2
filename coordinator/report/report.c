/* Reading the cells. */
#include "coordinator/report/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/stream.h"

enum { CURVE_LINE = 4096, CURVE_POINTS = 1 << 20 };

static double real_of(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    return json_is_number(v) ? json_number_value(v) : NAN;
}

static status take_point(const char *path, int64_t line, const char *text, size_t n, struct report_cell *cell,
                         size_t *room)
{
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    struct report_point p;
    status s = ST_OK;

    if (!json_is_object(o) || !json_is_integer(json_object_get(o, "step")) || cell->count >= CURVE_POINTS)
        s = fault(ST_INPUT, "%s:%lld: expected a point of a learning curve", path, (long long)line);
    p.at = json_integer_value(json_object_get(o, "step")) + json_integer_value(json_object_get(o, "evaluations"));
    p.loss = real_of(o, "loss");
    p.dev = real_of(o, "dev");
    json_decref(o);
    if (s == ST_OK) s = mem_grow(&cell->points, room, cell->count + 1, sizeof *cell->points);
    if (s == ST_OK) cell->points[cell->count++] = p;
    return s;
}

static status read_curve(const char *folder, struct report_cell *cell)
{
    struct stream *stream;
    char path[4096], *text;
    size_t n, room = 0;
    status s;

    TRY(file_join(path, sizeof path, folder, "curve.jsonl"));
    if (!file_exists(path)) return ST_OK;
    TRY(stream_open(path, &stream));
    do {
        s = stream_line(stream, CURVE_LINE, &text, &n);
        if (s == ST_OK) s = take_point(path, stream_line_number(stream), text, n, cell, &room);
    } while (s == ST_OK);
    stream_close(&stream);
    return s == ST_END ? ST_OK : s;
}

/* Names out of a foreign file that stand in tables. */
static int is_plain(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(text);
}

static status read_cell(const struct report *r, size_t task, size_t method, size_t seed, struct report_cell *cell)
{
    char folder[4096];
    status s;

    TRY(cell_folder(r->run, r->task[task], r->method[method], r->seed[seed], folder, sizeof folder));
    s = cell_load(folder, &cell->result);
    if (s == ST_END) return ST_OK;
    TRY(s);
    cell->there = 1;
    if (strcmp(cell->result.task, r->task[task]) != 0 ||
        strcmp(cell->result.method, method_text(r->method[method])) != 0 || cell->result.seed != r->seed[seed])
        return fault(ST_INPUT, "%s/result.json: is of another cell", folder);
    if (!is_plain(cell->result.metric) || !is_plain(cell->result.test_split) || !is_plain(cell->result.best_stage) ||
        !is_plain(cell->result.config_digest))
        return fault(ST_INPUT, "%s/result.json: metric, test_split, best_stage or config_digest is no word", folder);
    return read_curve(folder, cell);
}

static status copy_axes(const struct option_list *tasks, const enum method *methods, const int64_t *seeds,
                        struct report *r)
{
    enum method *method;
    int64_t *seed;

    TRY(mem_keep_new(&r->keep, r->tasks, sizeof *r->task, &r->task));
    TRY(mem_keep_new(&r->keep, r->methods, sizeof *method, &method));
    TRY(mem_keep_new(&r->keep, r->seeds, sizeof *seed, &seed));
    memcpy(method, methods, r->methods * sizeof *method);
    memcpy(seed, seeds, r->seeds * sizeof *seed);
    r->method = method;
    r->seed = seed;
    for (size_t i = 0; i < r->tasks; i++)
        TRY(mem_keep_text(&r->keep, tasks->items[i], strlen(tasks->items[i]), &r->task[i]));
    return mem_keep_new(&r->keep, r->tasks * r->methods * r->seeds, sizeof *r->cells, &r->cells);
}

static status collect(const struct option_list *tasks, const enum method *methods, const int64_t *seeds,
                      struct report *r)
{
    TRY(copy_axes(tasks, methods, seeds, r));
    for (size_t t = 0; t < r->tasks; t++)
        for (size_t m = 0; m < r->methods; m++)
            for (size_t s = 0; s < r->seeds; s++) {
                struct report_cell *cell = &r->cells[(t * r->methods + m) * r->seeds + s];

                TRY(read_cell(r, t, m, s, cell));
                r->found += (size_t)cell->there;
            }
    return ST_OK;
}

status report_collect(const char *run, const struct option_list *tasks, const enum method *methods, size_t method_count,
                      const int64_t *seeds, size_t seed_count, struct report *out)
{
    status s;

    *out = (struct report){.tasks = tasks->count, .methods = method_count, .seeds = seed_count};
    TRY(file_keep_path(out->run, sizeof out->run, run));
    s = collect(tasks, methods, seeds, out);
    if (s != ST_OK) report_fini(out);
    return s;
}

void report_fini(struct report *r)
{
    for (size_t i = 0; r->cells && i < r->tasks * r->methods * r->seeds; i++) {
        cell_result_fini(&r->cells[i].result);
        mem_free(r->cells[i].points);
    }
    mem_keep_free(&r->keep);
    memset(r, 0, sizeof *r);
}
