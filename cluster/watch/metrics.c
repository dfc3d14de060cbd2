/* Reading by getline, one message at a time; cutting by writing what stays beside the file and renaming. */
#include "cluster/watch/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/watch/message_json.h"

enum { LINE_LIMIT = 64 << 20 };

uint64_t metrics_step(const Mp2__Progress *m)
{
    switch (m->body_case) {
    case MP2__PROGRESS__BODY_STEP: return m->step->step;
    case MP2__PROGRESS__BODY_TASK: return m->task->last_step;
    case MP2__PROGRESS__BODY_ROUTER: return m->router->step;
    case MP2__PROGRESS__BODY_EVAL: return m->eval->step;
    case MP2__PROGRESS__BODY_CHECKPOINT: return m->checkpoint->step;
    default: return 0;
    }
}

static status read_line(const char *path, int64_t number, const char *line, size_t n, metrics_line *each, void *arg)
{
    ProtobufCMessage *m;
    char where[4096 + 32];
    status s;

    snprintf(where, sizeof where, "%s:%lld", path, (long long)number);
    TRY(json_message(where, line, n, &mp2__progress__descriptor, &m));
    s = each(arg, (const Mp2__Progress *)m, line, n);
    protobuf_c_message_free_unpacked(m, NULL);
    return s;
}

static status read_lines(const char *path, FILE *file, int64_t *offset, metrics_line *each, void *arg)
{
    int64_t number = 0;
    char *line = NULL;
    size_t room = 0;
    status s = ST_OK;
    ssize_t n;

    while (s == ST_OK && (n = getline(&line, &room, file)) > 0) {
        if (line[n - 1] != '\n') break; /* torn, or still being written */
        number++;
        if (n > 1)
            s = n > LINE_LIMIT ? fault(ST_INPUT, "%s:%lld: a line of %zd bytes", path, (long long)number, n)
                               : read_line(path, number, line, (size_t)n - 1, each, arg);
        if (s == ST_OK || s == ST_END) *offset += n;
    }
    if (s == ST_OK && ferror(file)) s = fault(ST_IO, "%s: cannot read: %s", path, strerror(errno));
    free(line);
    return s == ST_END ? ST_OK : s;
}

status metrics_read(const char *path, int64_t *offset, metrics_line *each, void *arg)
{
    FILE *file = fopen(path, "r");
    status s;

    if (!file) return fault(ST_INPUT, "%s: cannot read: %s", path, strerror(errno));
    s = fseeko(file, *offset, SEEK_SET) == 0 ? read_lines(path, file, offset, each, arg)
                                             : fault(ST_IO, "%s: cannot read: %s", path, strerror(errno));
    fclose(file);
    return s;
}

struct cut {
    uint64_t step;
    FILE *out;
    metrics_line *each;
    void *arg;
};

static status keep_line(void *arg, const Mp2__Progress *m, const char *line, size_t n)
{
    struct cut *cut = arg;

    if (metrics_step(m) > cut->step) return ST_OK;
    /* file_out_commit checks the stream for errors of all writes. */
    fwrite(line, 1, n, cut->out);
    fputc('\n', cut->out);
    return cut->each ? cut->each(cut->arg, m, line, n) : ST_OK;
}

status metrics_cut(const char *path, uint64_t step, metrics_line *each, void *arg)
{
    struct cut cut = {step, NULL, each, arg};
    struct file_out out;
    int64_t offset = 0;
    status s;

    if (!file_exists(path)) return ST_OK;
    TRY(file_out_open(path, &out));
    cut.out = out.stream;
    s = metrics_read(path, &offset, keep_line, &cut);
    if (s == ST_OK) s = file_out_commit(&out);
    else file_out_abandon(&out);
    return s;
}
