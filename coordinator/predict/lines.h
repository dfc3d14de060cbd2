/* Questions from a file or standard input: one JSON value in SQuAD's form (reader.h), or read as a stream, a line each:
 *     JSON     an object with a member for each field of the template (and "options" for choices)
 *     text     the line is the field, for templates with one field
 *     table    tab-separated; the first line names the columns, the fields among them
 * A table has no options, so choices come as JSON. */
#ifndef MP2_COORDINATOR_PREDICT_LINES_H
#define MP2_COORDINATOR_PREDICT_LINES_H

#include <jansson.h>

#include "coordinator/data/meta.h"

enum line_form { LINES_AUTO, LINES_JSON, LINES_TEXT, LINES_TABLE, LINES_SQUAD };

struct lines;

/* Local. path: a file (gz, xz too), or "-": standard input. LINES_AUTO: what it begins with tells: one value in
 * SQuAD's form (extraction), else the first line's first character "{", else the number of fields. meta must outlive
 * it. ST_INPUT (reported). */
status lines_open(const char *path, enum line_form form, const struct meta *meta, struct lines **out);
void lines_close(struct lines **lines);

/* Local. The next line as an object (*row; json_decref is the caller's), or NULL and *why, which never varies. Lines of
 * white space are passed over in JSON and tables. ST_END after the last; ST_INPUT (reported) when the file is damaged
 * or a table's first line lacks a field. */
status lines_next(struct lines *lines, json_t **row, const char **why);

/* Local. The number of the line (SQuAD: of the question) that came last, from 1; the name for messages; 1 when nothing
 * more stands ready, so that what there is had better be answered first (standard input alone: files never keep one
 * waiting). */
int64_t lines_number(const struct lines *lines);
const char *lines_name(const struct lines *lines);
int lines_wait(const struct lines *lines);

/* Local. For progress: bytes read and bytes in all (0: a pipe). */
void lines_progress(const struct lines *lines, uint64_t *done, uint64_t *total);

#endif
