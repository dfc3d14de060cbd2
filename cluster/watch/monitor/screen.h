/* A screenful of text for the terminal: lines clipped to the width, control characters taken out of foreign names,
 * colours only where the terminal has them. Written with one write, so it does not flicker. */
#ifndef MP2_CLUSTER_WATCH_MONITOR_SCREEN_H
#define MP2_CLUSTER_WATCH_MONITOR_SCREEN_H

#include <stddef.h>
#include <stdio.h>

#include "cluster/base/status.h"

enum screen_colour { SCREEN_PLAIN, SCREEN_BOLD, SCREEN_DIM, SCREEN_RED, SCREEN_GREEN, SCREEN_YELLOW };

struct screen {
    int width, height, row, colours, fd;
    FILE *frame; /* over memory */
    char *text;
    size_t size;
};

/* Local. Enter and leave the full screen (alternate buffer, no cursor). */
status screen_open(int fd, struct screen *s);
void screen_close(struct screen *s);

/* Local. Start a frame with the terminal's size of now; add lines (what does not fit is left out); show it. */
status screen_begin(struct screen *s);
void screen_line(struct screen *s, enum screen_colour colour, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
status screen_show(struct screen *s);

/* Lines that still fit. */
int screen_left(const struct screen *s);

/* Local. text into out, at most `columns` wide (CJK counts two), control and broken characters as '?'; the columns
 * used. */
int screen_clip(const char *text, int columns, char *out, size_t room);

/* Local. "1.2k", "3.4M" … and "1:02:03", "3 d 04:05" for people; NaN gives "-". */
void screen_number(double value, char *out, size_t room);
void screen_duration(double seconds, char *out, size_t room);

#endif
