/* The bar is drawn as: return, text, erase to the end of the line, return. The cursor thus rests at the line's
 * start, and whoever writes next (a log line erases first) takes the line over without leaving half a bar behind.
 * The width is asked for at every drawing, so a resized terminal needs no signal. */
#include "cluster/base/bar.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"

enum { LINE_BYTES = 1024, TEXT_BYTES = 256, BAR_CELLS = 16, WIDTH_LEAST = 20, WIDTH_STANDARD = 80 };

static const int64_t second = 1000000000, draw_every = 100000000;

void bar_open(struct bar *b, const char *what, uint64_t total, const char *unit)
{
    bar_open_from(b, what, 0, total, unit);
}

void bar_open_from(struct bar *b, const char *what, uint64_t first, uint64_t total, const char *unit)
{
    const char *kind = getenv("TERM");

    *b = (struct bar){.to = log_level_now() == LOG_SILENT ? NULL : stderr,
                      .what = what,
                      .unit = unit,
                      .total = total,
                      .first = first,
                      .done = first,
                      .rate_done = first};
    b->terminal = isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0;
    b->started_ns = b->rate_ns = b->line_ns = clock_ns();
}

/* ---- numbers as people read them ---- */

/* 1234567 -> 1,234,567 */
static const char *grouped(uint64_t n, char out[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

static const char *duration(double seconds, char out[32])
{
    long s = seconds < 1e8 ? (long)(seconds + 0.5) : 100000000;

    if (s >= 86400) snprintf(out, 32, "%ldd %02ldh", s / 86400, s % 86400 / 3600);
    else if (s >= 3600) snprintf(out, 32, "%ld:%02ld:%02ld", s / 3600, s % 3600 / 60, s % 60);
    else snprintf(out, 32, "%ld:%02ld", s / 60, s % 60);
    return out;
}

/* "12.3/s", "4.5 s each" when slower than one a second, "" when unknown */
static const char *speed(double rate, char out[32])
{
    if (rate <= 0) out[0] = 0;
    else if (rate >= 100) snprintf(out, 32, "%.0f/s", rate);
    else if (rate >= 1) snprintf(out, 32, "%.1f/s", rate);
    else snprintf(out, 32, "%.1f s each", 1 / rate);
    return out;
}

/* ---- lines ---- */

static int columns(const struct bar *b)
{
    struct winsize size;

    if (b->to != stderr || ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return WIDTH_STANDARD;
    return size.ws_col < WIDTH_LEAST ? WIDTH_LEAST : size.ws_col;
}

/* Cut text so that it takes at most width cells; bytes that are no characters end it. */
static void clip_text(char *text, int width)
{
    mbstate_t state = {0};
    int cells = 0;

    for (char *p = text; *p;) {
        wchar_t c;
        size_t n = mbrtowc(&c, p, strlen(p), &state);
        int w = n == 0 || n > 8 ? -1 : wcwidth(c);

        if (w < 0 || cells + w > width) {
            *p = 0;
            return;
        }
        cells += w;
        p += n;
    }
}

static void draw_cells(const struct bar *b, char out[BAR_CELLS + 4])
{
    int full = b->total ? (int)((double)b->done / (double)b->total * BAR_CELLS) : 0;

    if (full > BAR_CELLS) full = BAR_CELLS;
    out[0] = '[';
    for (int i = 0; i < BAR_CELLS; i++) out[1 + i] = (char)(i < full ? '=' : i == full ? '>' : ' ');
    out[1 + BAR_CELLS] = ']';
    out[2 + BAR_CELLS] = ' ';
    out[3 + BAR_CELLS] = 0;
}

/* "import: [===>   ] 21 % 1,234/5,678 rows 123/s 0:36 left, text" */
static void compose(const struct bar *b, char line[LINE_BYTES], const char *text)
{
    char cells[BAR_CELLS + 4] = "", done[32], total[32], rate[32], left[32] = "", share[16] = "";

    if (b->terminal && b->total) draw_cells(b, cells);
    if (b->total) snprintf(share, sizeof share, "%.0f %% ", 100.0 * (double)b->done / (double)b->total);
    if (b->total > b->done && b->rate > 0) duration((double)(b->total - b->done) / b->rate, left);
    snprintf(line, LINE_BYTES, "%s: %s%s%s%s%s %s%s%s%s%s%s%s", b->what, cells, share, grouped(b->done, done),
             b->total ? "/" : "", b->total ? grouped(b->total, total) : "", b->unit, b->rate > 0 ? " " : "",
             speed(b->rate, rate), left[0] ? " " : "", left, left[0] ? " left" : "", text[0] ? ", " : "");
    snprintf(line + strlen(line), LINE_BYTES - strlen(line), "%s", text);
}

static void update_rate(struct bar *b, int64_t now)
{
    double dt = (double)(now - b->rate_ns) / (double)second, fresh;

    if (dt < (b->rate > 0 ? 1 : 0.3) || b->done <= b->rate_done) return;
    fresh = (double)(b->done - b->rate_done) / dt;
    b->rate = b->rate > 0 ? 0.7 * b->rate + 0.3 * fresh : fresh;
    b->rate_ns = now;
    b->rate_done = b->done;
}

/* Seconds until the next plain line: 10, then a minute; a log of a long run stays short. */
static int64_t line_every(const struct bar *b)
{
    return b->shown ? 60 * second : 10 * second;
}

void bar_show(struct bar *b, uint64_t done, const char *format, ...)
{
    char line[LINE_BYTES], text[TEXT_BYTES];
    int64_t now;
    va_list args;

    b->done = done;
    if (!b->to) return;
    now = clock_ns();
    if (b->terminal ? now - b->drawn_ns < draw_every : now - b->line_ns < line_every(b)) return;
    update_rate(b, now);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    compose(b, line, text);
    if (b->terminal) {
        clip_text(line, columns(b) - 1);
        fprintf(b->to, "\r%s\033[K\r", line);
        b->drawn_ns = now;
    } else {
        fprintf(b->to, "%s\n", line);
        b->line_ns = now;
    }
    b->shown = 1;
    fflush(b->to);
}

void bar_close(struct bar *b, int summary)
{
    double seconds = (double)(clock_ns() - b->started_ns) / (double)second;
    char done[32], rate[32], took[32];

    if (!b->to) return;
    if (b->terminal && b->shown) fprintf(b->to, "\r\033[K");
    if (summary) {
        speed(seconds > 0 ? (double)(b->done - b->first) / seconds : 0, rate);
        if (seconds < 60) snprintf(took, sizeof took, "%.1f s", seconds);
        else duration(seconds, took);
        fprintf(b->to, "%s: %s %s in %s%s%s%s\n", b->what, grouped(b->done - b->first, done), b->unit, took,
                rate[0] ? " (" : "", rate, rate[0] ? ")" : "");
    }
    fflush(b->to);
    b->to = NULL;
}
