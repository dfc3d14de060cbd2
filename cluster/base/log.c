/* Log lines and fault messages: formatted into one buffer, cleaned, written with one write(2). */
#include "cluster/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 2048, FAULT_BYTES = 900 };

static struct {
    char role;
    int rank;
    enum log_level level;
} process = {'-', -1, LOG_WARN};

static const char *const level_names[] = {"silent", "error", "warn", "info", "debug"};

void log_init(char role, int rank, enum log_level level)
{
    process.role = role;
    process.rank = rank;
    process.level = level;
}

enum log_level log_level_now(void)
{
    return process.level;
}

/* Copy text to out, control characters as \xNN; returns the bytes used (at most room - 1). */
static size_t copy_clean(char *out, size_t room, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p && n + 5 < room; p++)
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f) {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[*p >> 4];
            out[n++] = hex[*p & 15];
        } else {
            out[n++] = (char)*p;
        }
    out[n] = 0;
    return n;
}

/* On a terminal what stands in the line (a progress bar) is erased first. */
static void write_line(char *line, size_t n)
{
    static char erase[] = "\033[K";
    struct iovec parts[2] = {{erase, isatty(STDERR_FILENO) ? sizeof erase - 1 : 0}, {line, n + 1}};

    line[n] = '\n';
    if (writev(STDERR_FILENO, parts, 2) < 0) { /* Nowhere left to say it. */
    }
}

static void log_at(enum log_level level, const char *tag, const char *format, va_list args)
{
    char text[LINE_BYTES - 128], line[LINE_BYTES], role[16] = "-";
    struct timespec now;
    struct tm utc;
    int n;

    if (level > process.level) return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    vsnprintf(text, sizeof text, format, args);
    for (char *p = text; *p; p++)
        if (*p == '\n') *p = ' ';
    if (process.rank >= 0) snprintf(role, sizeof role, "%c%d", process.role, process.rank);
    else role[0] = process.role;
    n = snprintf(line, 128, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s %s ", utc.tm_year + 1900, utc.tm_mon + 1,
                 utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000, level_names[level], role,
                 tag);
    if (n < 0) return;
    if (n > 127) n = 127;
    write_line(line, (size_t)n + copy_clean(line + n, sizeof line - 1 - (size_t)n, text));
}

#define LOG_FUNCTION(name, level)                       \
    void name(const char *tag, const char *format, ...) \
    {                                                   \
        va_list args;                                   \
        va_start(args, format);                         \
        log_at(level, tag, format, args);               \
        va_end(args);                                   \
    }
LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)

/* "mp2: " and the text, as one line. */
static void say(const char *format, va_list args)
{
    char text[LINE_BYTES], line[FAULT_BYTES];

    vsnprintf(text, sizeof text, format, args);
    memcpy(line, "mp2: ", 5);
    write_line(line, 5 + copy_clean(line + 5, sizeof line - 6, text));
}

void log_note(const char *format, ...)
{
    va_list args;

    if (process.level < LOG_WARN) return;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

status(fault)(status s, const char *format, ...)
{
    va_list args;

    if (process.level == LOG_SILENT) return s;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return s;
}
