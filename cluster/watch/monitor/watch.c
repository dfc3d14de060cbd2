/* mp2-monitor watch: a run on the full screen, drawn again a few times a second at the size the terminal has then;
 * plain lines when standard output is no terminal. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/watch/monitor/metric.h"
#include "cluster/watch/monitor/monitor.h"
#include "cluster/watch/monitor/screen.h"
#include "cluster/watch/monitor/source.h"

enum { REFRESH_MS = 250, BAR_MOST = 200 };
static const double LINE_EVERY = 5;

struct watch {
    struct summary summary;
    int plain;
    double said;    /* monotonic seconds: the last progress line */
    char line[512]; /* that line */
    Mp2__Run__State run_state;
    const char *state;
};

/* ---- plain lines ------------------------------------------------------------------------------------------------- */

/* A metric of the table as people read it. */
static void show_metric(const struct summary *s, const char *name, size_t i, char *out, size_t room)
{
    const struct metric *m = metric_find(name);
    double value = m ? m->value(s, i) : NAN;
    size_t n = strlen(name);

    if (n > 6 && strcmp(name + n - 6, "_ratio") == 0 && isfinite(value)) snprintf(out, room, "%.1f %%", 100 * value);
    else if (m && strcmp(m->unit, "s") == 0 && strstr(name, "_seconds") && strstr(name, "mp2_run_"))
        screen_duration(value, out, room);
    else screen_number(value, out, room);
}

static void print_progress(struct watch *w)
{
    const struct summary *s = &w->summary;
    char loss[32], tokens[32], remaining[32], limit[32], line[sizeof w->line];
    double now = clock_now();

    if (now - w->said < LINE_EVERY || (!s->step && !s->run)) return;
    w->said = now;
    show_metric(s, "mp2_step_loss_mean", 0, loss, sizeof loss);
    show_metric(s, "mp2_tokens_per_second", 0, tokens, sizeof tokens);
    show_metric(s, "mp2_run_remaining_seconds", 0, remaining, sizeof remaining);
    show_metric(s, "mp2_compute_limit_ratio", 0, limit, sizeof limit);
    snprintf(line, sizeof line, "%s %s %llu/%llu loss %s %s tokens/s (%s of the machine) remaining %s", summary_name(s),
             summary_run_state(s), (unsigned long long)summary_done(s), (unsigned long long)summary_total(s), loss,
             tokens, limit, remaining);
    if (w->run_state > MP2__RUN__STATE__EVALUATING && strcmp(line, w->line) == 0) return; /* over: nothing new */
    memcpy(w->line, line, sizeof line);
    printf("%s\n", line);
    fflush(stdout);
}

static void print_message(struct watch *w, const Mp2__Progress *m)
{
    char text[512];

    switch (m->body_case) {
    case MP2__PROGRESS__BODY_EVAL:
        printf("eval %s step %llu mean %.4f", m->eval->split, (unsigned long long)m->eval->step, m->eval->mean);
        if (isfinite(m->eval->best_mean)) /* not in an evaluation that does not compete */
            printf(" best %.4f at %llu", m->eval->best_mean, (unsigned long long)m->eval->best_step);
        printf("\n");
        break;
    case MP2__PROGRESS__BODY_EVENT:
        screen_clip(m->event->text, 400, text, sizeof text);
        printf("event %s step %llu %s\n", m->event->tag, (unsigned long long)m->event->step, text);
        break;
    case MP2__PROGRESS__BODY_CHECKPOINT:
        if (m->checkpoint->state == MP2__CHECKPOINT__STATE__COMPLETE)
            printf("checkpoint step %llu\n", (unsigned long long)m->checkpoint->step);
        break;
    case MP2__PROGRESS__BODY_RUN:
        if (m->run->state != w->run_state) w->said = -LINE_EVERY; /* say it with the next line */
        w->run_state = m->run->state;
        break;
    default: break;
    }
}

/* ---- full screen ------------------------------------------------------------------------------------------------- */

static void draw_bar(struct screen *sc, const struct summary *s)
{
    uint64_t done = summary_done(s), total = summary_total(s);
    int width = sc->width - 2 < BAR_MOST ? sc->width - 2 : BAR_MOST;
    double share = total ? fmin(1, (double)done / (double)total) : 0;
    char bar[BAR_MOST + 1];
    int full = (int)(share * width);

    if (width < 4) return;
    for (int i = 0; i < width; i++) bar[i] = i < full ? '#' : '.';
    bar[width] = 0;
    screen_line(sc, SCREEN_GREEN, "[%s]", bar);
}

static void draw_head(struct screen *sc, const struct watch *w)
{
    static const char *const names[] = {
        "mp2_step_loss_mean",   "mp2_step_accuracy_ratio", "mp2_tokens_per_second",     "mp2_compute_limit_ratio",
        "mp2_steps_per_second", "mp2_eval_score_ratio",    "mp2_eval_best_score_ratio", "mp2_journal_lag_steps",
        "mp2_step_sent_bytes",  "mp2_checkpoint_step",     "mp2_checkpoint_size_bytes"};
    const struct summary *s = &w->summary;
    char value[32], line[1024], elapsed[32], remaining[32];
    const char *unit = s->run && s->run->run->unit[0] ? s->run->run->unit : "steps";
    size_t n = 0;

    screen_line(sc, SCREEN_BOLD, "%s  %s %s %s  [%s]", summary_name(s), s->run ? s->run->run->command : "",
                summary_run_state(s), s->run ? s->run->run->phase : "", w->state);
    draw_bar(sc, s);
    show_metric(s, "mp2_run_elapsed_seconds", 0, elapsed, sizeof elapsed);
    show_metric(s, "mp2_run_remaining_seconds", 0, remaining, sizeof remaining);
    screen_line(sc, SCREEN_PLAIN, "%llu of %llu %s   elapsed %s   remaining %s", (unsigned long long)summary_done(s),
                (unsigned long long)summary_total(s), unit, elapsed, remaining);
    line[0] = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        show_metric(s, names[i], 0, value, sizeof value);
        n = strlen(line);
        if (n > 0 && (int)(n + strlen(value) + 24) > sc->width) {
            screen_line(sc, SCREEN_PLAIN, "%s", line);
            line[n = 0] = 0;
        }
        snprintf(line + n, sizeof line - n, "%s%s %s", n ? "   " : "", metric_find(names[i])->label, value);
    }
    screen_line(sc, SCREEN_PLAIN, "%s", line);
}

static void draw_workers(struct screen *sc, const struct summary *s, int most)
{
    char rate[32], memory[32], host[32];
    size_t shown = 0;

    if (s->worker_count == 0 || most < 2) return;
    screen_line(sc, SCREEN_DIM, "%-6s %-16s %-9s %9s %8s %8s %6s %8s %7s  %s", "worker", "host", "state", "units/s",
                "lag s", "behind s", "busy", "memory", "threads", "reason");
    /* Those in trouble first, so that a short screen shows them. */
    for (int trouble = 1; trouble >= 0; trouble--)
        for (size_t i = 0; i < s->worker_count; i++) {
            const Mp2__Worker *x = s->workers[i]->worker;
            int bad = x->state == MP2__WORKER__STATE__LOST || x->state == MP2__WORKER__STATE__LATE;
            if (bad != trouble || (int)shown >= most - 1) continue;
            shown++;
            screen_number(x->units_per_second, rate, sizeof rate);
            screen_number((double)x->memory, memory, sizeof memory);
            screen_clip(x->host, 16, host, sizeof host);
            screen_line(sc, bad ? SCREEN_RED : SCREEN_PLAIN, "%-6u %-16s %-9s %9s %8.2f %8.3f %5.0f%% %8s %7u  %s",
                        x->rank, host, summary_worker_state(x->state), rate, x->lag, x->behind, 100 * x->busy, memory,
                        x->threads, x->reason);
        }
}

static void format_task(const struct summary *s, size_t i, char *out, size_t room)
{
    char name[64], loss[32], score[32], steps[32];
    int used = screen_clip(s->tasks[i]->task->task, 16, name, sizeof name);

    show_metric(s, "mp2_task_loss", i, loss, sizeof loss);
    show_metric(s, "mp2_task_score_ratio", i, score, sizeof score);
    show_metric(s, "mp2_task_steps_total", i, steps, sizeof steps);
    snprintf(out, room, "%s%*s %7.7s %7.7s %7.7s", name, 16 - used, "", loss, score, steps);
}

/* The table of tasks in as many columns as the width takes. */
static void draw_tasks(struct screen *sc, const struct summary *s, int most)
{
    enum { COLUMN = 44 };
    size_t columns = sc->width / COLUMN > 0 ? (size_t)(sc->width / COLUMN) : 1,
           rows = (s->task_count + columns - 1) / columns;
    char line[1024], cell[128];

    if (s->task_count == 0 || most < 2) return;
    line[0] = 0;
    for (size_t c = 0; c < columns && c < s->task_count && c < 8; c++)
        snprintf(line + strlen(line), sizeof line - strlen(line), "%-16s %7s %7s %7s    ", "task", "loss", "score",
                 "steps");
    screen_line(sc, SCREEN_DIM, "%s", line);
    for (size_t r = 0; r < rows && (int)r < most - 1; r++) {
        line[0] = 0;
        for (size_t c = 0; c < columns && c < 8; c++) {
            if (c * rows + r >= s->task_count) break;
            format_task(s, c * rows + r, cell, sizeof cell);
            snprintf(line + strlen(line), sizeof line - strlen(line), "%s    ", cell);
        }
        screen_line(sc, SCREEN_PLAIN, "%s", line);
    }
}

static void draw_events(struct screen *sc, const struct summary *s, int most)
{
    size_t n = s->event_count < (size_t)(most > 0 ? most : 0) ? s->event_count : (size_t)(most > 0 ? most : 0);

    for (size_t i = s->event_count - n; i < s->event_count; i++) {
        const Mp2__Event *e = s->events[i]->event;
        time_t at = (time_t)s->events[i]->time;
        struct tm utc;
        gmtime_r(&at, &utc);
        screen_line(sc,
                    e->level == MP2__EVENT__LEVEL__ERROR ? SCREEN_RED
                    : e->level                           ? SCREEN_YELLOW
                                                         : SCREEN_PLAIN,
                    "%02d:%02d:%02dZ %s step %llu %s", utc.tm_hour, utc.tm_min, utc.tm_sec, e->tag,
                    (unsigned long long)e->step, e->text);
    }
}

static status draw_screen(struct screen *sc, const struct watch *w)
{
    const struct summary *s = &w->summary;
    int left;

    TRY(screen_begin(sc));
    draw_head(sc, w);
    left = screen_left(sc);
    draw_workers(sc, s, left / 3 < (int)s->worker_count + 1 ? left / 3 : (int)s->worker_count + 1);
    left = screen_left(sc);
    draw_tasks(sc, s, left > 8 ? left - 5 : left);
    draw_events(sc, s, screen_left(sc));
    return screen_show(sc);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static void on_reset(void *arg)
{
    struct watch *w = arg;

    summary_clear(&w->summary);
}

static void on_message(void *arg, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    struct watch *w = arg;

    if (summary_take(&w->summary, m, bytes, size) == ST_OK && w->plain) print_message(w, m);
}

static status watch_until_stop(struct watch *w, struct source *source, struct screen *screen,
                               const struct monitor_args *args)
{
    int all = 0;

    while (!*args->stop && !all) {
        TRY(source_wait(source, REFRESH_MS));
        w->state = source_state_text(source_state(source));
        if (args->once) TRY(source_read_all(source, &all));
        if (all) w->said = -LINE_EVERY;
        if (w->plain) print_progress(w);
        else TRY(draw_screen(screen, w));
    }
    return ST_OK;
}

status monitor_watch(const struct monitor_args *args)
{
    struct watch w = {.said = -LINE_EVERY};
    const struct repair_sink sink = {&w, on_reset, on_message};
    struct source *source;
    struct screen screen;
    status s;

    w.plain = args->plain || !isatty(STDOUT_FILENO);
    summary_init(&w.summary);
    TRY(source_open(args->rest[0], args->keys, &sink, &source));
    if (!w.plain && screen_open(STDOUT_FILENO, &screen) != ST_OK) w.plain = 1;
    s = watch_until_stop(&w, source, &screen, args);
    if (!w.plain) screen_close(&screen);
    source_close(&source);
    summary_fini(&w.summary);
    return s;
}
