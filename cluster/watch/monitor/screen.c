/* ANSI sequences that every terminal of the last thirty years knows; no terminal library needed for these few. */
#include "cluster/watch/monitor/screen.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"

enum { LINE_BYTES = 2048 };

/* One UTF-8 character at *p: its code point, U+FFFD when broken; *p moves on. */
static uint32_t next_character(const unsigned char **p)
{
    const unsigned char *q = *p;
    int more = q[0] < 0x80                   ? 0
               : q[0] >= 0xc2 && q[0] < 0xe0 ? 1
               : q[0] >= 0xe0 && q[0] < 0xf0 ? 2
               : q[0] >= 0xf0 && q[0] < 0xf5 ? 3
                                             : -1;
    uint32_t c = more == 0 ? q[0] : more == 1 ? q[0] & 31u : more == 2 ? q[0] & 15u : q[0] & 7u;

    *p = q + 1;
    for (int i = 1; i <= more; i++) {
        if ((q[i] & 0xc0) != 0x80) return 0xfffd;
        c = c << 6 | (q[i] & 63u);
    }
    if (more < 0 || c > 0x10ffff) return 0xfffd;
    *p = q + 1 + more;
    return c;
}

int screen_clip(const char *text, int columns, char *out, size_t room)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = 0;
    int used = 0;

    while (*p) {
        const unsigned char *from = p;
        uint32_t c = next_character(&p);
        int wide = c >= 0x1100 && (c <= 0x115f || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
                                   (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) ||
                                   (c >= 0xff00 && c <= 0xff60) || (c >= 0x1f300 && c <= 0x1faff) || c >= 0x20000);
        if (used + 1 + wide > columns || n + 5 > room) break;
        used += 1 + wide;
        /* C0 and C1 controls and the marks that turn text around steer terminals. */
        if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xfffd || (c >= 0x200b && c <= 0x200f) ||
            (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069)) {
            out[n++] = '?';
            used -= wide;
        } else {
            memcpy(out + n, from, (size_t)(p - from));
            n += (size_t)(p - from);
        }
    }
    out[n] = 0;
    return used;
}

void screen_number(double value, char *out, size_t room)
{
    static const char suffixes[] = " kMGTPE";
    int i = 0;

    if (!isfinite(value)) {
        snprintf(out, room, "-");
        return;
    }
    for (; fabs(value) >= 1000 && i < 6; i++) value /= 1000;
    if (i == 0) snprintf(out, room, "%.4g", value);
    else snprintf(out, room, "%.3g%c", value, suffixes[i]);
}

void screen_duration(double seconds, char *out, size_t room)
{
    long s = isfinite(seconds) && seconds >= 0 && seconds < 1e11 ? (long)(seconds + 0.5) : -1;

    if (s < 0) snprintf(out, room, "-");
    else if (s < 86400) snprintf(out, room, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else snprintf(out, room, "%ld d %02ld:%02ld", s / 86400, s / 3600 % 24, s / 60 % 60);
}

status screen_open(int fd, struct screen *s)
{
    static const char enter[] = "\033[?1049h\033[?25l\033[2J";

    memset(s, 0, sizeof *s);
    s->fd = fd;
    s->colours = getenv("NO_COLOR") == NULL;
    return file_write_fully(fd, enter, sizeof enter - 1);
}

void screen_close(struct screen *s)
{
    static const char leave[] = "\033[0m\033[?25h\033[?1049l";

    if (file_write_fully(s->fd, leave, sizeof leave - 1) != ST_OK) log_debug("screen", "gone");
}

status screen_begin(struct screen *s)
{
    struct winsize size;

    s->width = 80;
    s->height = 24;
    s->row = 0;
    if (ioctl(s->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        s->width = size.ws_col;
        s->height = size.ws_row;
    }
    s->frame = open_memstream(&s->text, &s->size);
    if (!s->frame) return fault(ST_MEMORY, "out of memory: a screen");
    fputs("\033[H", s->frame);
    return ST_OK;
}

int screen_left(const struct screen *s)
{
    return s->height - s->row;
}

void screen_line(struct screen *s, enum screen_colour colour, const char *format, ...)
{
    static const char *const codes[] = {"", "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m"};
    char text[LINE_BYTES], clipped[LINE_BYTES];
    va_list args;

    if (s->row >= s->height) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    screen_clip(text, s->width, clipped, sizeof clipped);
    if (s->row++) fputs("\r\n", s->frame);
    if (s->colours && colour) fprintf(s->frame, "%s%s\033[0m\033[K", codes[colour], clipped);
    else fprintf(s->frame, "%s\033[K", clipped);
}

status screen_show(struct screen *s)
{
    status st;

    fputs("\033[J", s->frame);
    if (fclose(s->frame) != 0) return fault(ST_MEMORY, "out of memory: a screen");
    st = file_write_fully(s->fd, s->text, s->size);
    free(s->text);
    s->text = NULL;
    return st == ST_OK ? ST_OK : fault(ST_IO, "terminal: %s", strerror(errno));
}
