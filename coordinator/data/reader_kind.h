/* What a format's reader provides. Internal to coordinator/data. */
#ifndef MP2_COORDINATOR_DATA_READER_KIND_H
#define MP2_COORDINATOR_DATA_READER_KIND_H

#include "cluster/base/stream.h"
#include "coordinator/data/reader.h"

enum { ROW_BYTES_LIMIT = 64 << 20, WHOLE_FILE_LIMIT = 1 << 30 };

struct reader {
    const struct task_source *source;
    const struct reader_kind *kind;
    char path[4096];
    struct stream *stream; /* formats of lines */
    int64_t line;          /* of the last row; 0: the format has none */
    int64_t number;        /* of the last row, from 1 */
    json_t *row;           /* the last row, owned */
    void *state;           /* the format's own */
};

struct reader_kind {
    status (*open)(struct reader *r);
    status (*next)(struct reader *r, json_t **row, const char **why); /* *row: a new reference */
    void (*close)(struct reader *r);
};

extern const struct reader_kind reader_jsonl, reader_json, reader_table, reader_squad, reader_c3, reader_tagged;

/* The member by which a row, or an object around it, has the object around itself. */
#define AROUND ".."

/* The reasons that formats share. */
extern const char why_json[], why_utf8[], why_object[];

/* Local. The whole (decompressed) file with a 0 at the end, a byte order mark skipped by *start; freed by mem_free. */
status reader_whole(struct reader *r, char **data, size_t *start, size_t *n);
/* Local. Parse one value; NULL and *why when it cannot be. */
json_t *reader_parse(const char *text, size_t n, const char **why);
/* Local. The next line without a byte order mark (first line) and a \r at its end; ST_END. */
status reader_line(struct reader *r, char **text, size_t *n);
/* Local. Set a member to text; 0, or -1 when it is no UTF-8. */
int reader_set(json_t *row, const char *key, const char *text, size_t n);

#endif
