/* What the program says about itself on standard error.
 *
 * Two voices. fault() (and log_note()) is the one clear message of a failure, for the person at the keyboard:
 *     mp2: tasks.yaml:12: unknown key "lable", expected one of: label, labels
 * log_*() are lines for operators and tests, one event a line, `time level ROLE tag key=value …`:
 *     2026-05-04T12:00:00.123Z info C0 step-commit step=12 loss=1.234
 * Level and role are the process's own and the only process-wide state besides the signal flag; both are set once,
 * before threads start. Lines are written whole (one write), so those of several ranks do not mix. */
#ifndef MP2_CLUSTER_BASE_LOG_H
#define MP2_CLUSTER_BASE_LOG_H

#include "cluster/base/status.h"

enum log_level { LOG_SILENT, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Local. role: 'C' coordinator, 'W' worker, 'M' monitor, '-' none; rank: shown after it when >= 0. */
void log_init(char role, int rank, enum log_level level);
enum log_level log_level_now(void);

/* Local, any thread. A line on standard error, when the level is wanted: time, rank, level, tag and the text. */
void log_error(const char *tag, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *tag, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *tag, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const char *tag, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Local. A line "mp2: …" for the person at the keyboard that is no failure; as the warnings, it comes from level warn
 * on.
 */
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Local. Say once, where it is known, what failed; returns s so that `return fault(ST_INPUT, …)` reads well.
 * Control characters in the text, line ends too, are shown as \xNN and the message is cut at 900 bytes, so that hostile
 * input cannot flood or steer a terminal: one message is one line. */
status fault(status s, const char *format, ...) __attribute__((format(printf, 2, 3)));
#ifdef __clang_analyzer__ /* clang-tidy reads one file at a time: this tells it that a fault is never ST_OK */
#define fault(s, ...) ((void)(fault)(s, __VA_ARGS__), (s))
#endif

#endif
