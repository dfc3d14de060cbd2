/* Rows of the published files, whatever their format: each is a JSON object, whose members are found by path.
 * A table's row has a member a column; squad, c3 and tagged text get the members that configs/tasks/README.md names.
 * jansson takes no invalid UTF-8, so neither does any row. */
#ifndef MP2_COORDINATOR_DATA_READER_H
#define MP2_COORDINATOR_DATA_READER_H

#include <jansson.h>

#include "coordinator/data/catalogue.h"

struct reader;
struct stream;

/* Local. path: the file (gz and xz are told by their first bytes). source must outlive the reader. ST_INPUT (reported:
 * path:line) when the file cannot be read or its structure as a whole is broken. */
status reader_open(const struct task_source *source, const char *path, struct reader **out);
/* Local. The same of a stream that is open and at its beginning; it is the reader's from then on, *stream NULL. */
status reader_take(const struct task_source *source, const char *name, struct stream **stream, struct reader **out);
void reader_close(struct reader **reader);

/* Local. The next row, borrowed until the next call. A row that cannot be had is *row NULL and *why a reason that
 * never varies (it is counted), and reading goes on after it; with a row *why is what is to be noted about it, or
 * NULL. ST_END after the last. */
status reader_next(struct reader *reader, json_t **row, const char **why);

/* Local. Where the last row is: "path:line", or "path: row 17" where a format has no lines. */
void reader_place(const struct reader *reader, char *out, size_t room);

/* Local. What a path leads to inside a row ("../" in front: inside the object around it), borrowed; NULL when there is
 * nothing (null counts as nothing). */
json_t *value_at(json_t *row, const char *path);

/* Local. A value as text: strings as they are, numbers as shortly as they can be written, true, false. room bytes
 * serve for numbers. 0, or -1 when the value is no such thing. */
int value_text(const json_t *value, char *room, size_t bytes, const char **text, size_t *n);

/* Values that are text or numbers, in one room. */
enum { NUMBER_ROOM = 40 };

#endif
