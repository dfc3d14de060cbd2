/* A folder's life: read the file; if RUN/stream names a publisher, follow it; if it falls silent or the name changes
 * (the coordinator came back on another port), leave it, read the file from the start again, look for the new name. */
#include "cluster/watch/monitor/source.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/watch/metrics.h"

struct source {
    char spec[4096], metrics[4096 + 16], stream[4096 + 16]; /* the latter two: of a folder */
    int folder, replayed;                                   /* replayed: the picture is the file's */
    const struct follow_keys *keys;
    struct repair_sink sink;
    struct follow *follow;
    char followed[300]; /* what RUN/stream said */
    int64_t offset;     /* read so far of the metrics file */
    ino_t inode;
    double looked; /* monotonic seconds: at the folder */
    double heard;  /* likewise: the stream, or began to listen for it */
};

static const double LOOK_EVERY = 1, SILENT_AFTER = 5;

static status replay_line(void *arg, const Mp2__Progress *m, const char *line, size_t n)
{
    struct source *s = arg;
    unsigned char *bytes;
    size_t size = mp2__progress__get_packed_size(m);
    (void)line;
    (void)n;

    TRY(mem_alloc(size, 1, &bytes));
    mp2__progress__pack(m, bytes);
    s->sink.message(s->sink.arg, m, bytes, size);
    mem_free(bytes);
    return ST_OK;
}

/* What was appended since the last look; everything when the file is another one or shorter (cut back by a resume). */
static status read_file(struct source *s)
{
    struct stat st;

    if (stat(s->metrics, &st) != 0) return ST_OK;
    if (!s->replayed || st.st_ino != s->inode || st.st_size < s->offset) {
        s->sink.reset(s->sink.arg);
        s->offset = 0;
        s->inode = st.st_ino;
        s->replayed = 1;
    }
    if (st.st_size == s->offset) return ST_OK;
    return metrics_read(s->metrics, &s->offset, replay_line, s);
}

/* The first line of RUN/stream; "" when there is none. */
static void read_stream_name(const struct source *s, char *out, size_t room)
{
    FILE *f = fopen(s->stream, "r");

    out[0] = 0;
    if (!f) return;
    if (fgets(out, (int)room, f)) out[strcspn(out, "\n")] = 0;
    else out[0] = 0;
    fclose(f);
}

static status follow_address(struct source *s, const char *address)
{
    struct address at;

    TRY(address_parse(s->spec, address, &at));
    return follow_open(&at, s->keys, &s->sink, &s->follow);
}

/* Look at a folder once a second: a new publisher's name, or more lines. */
static status check_folder(struct source *s)
{
    char name[300];
    double now = clock_now();

    if (now - s->looked < LOOK_EVERY) return ST_OK;
    s->looked = now;
    read_stream_name(s, name, sizeof name);
    if (s->follow && (strcmp(name, s->followed) != 0 || follow_state(s->follow) == FOLLOW_SILENT)) {
        follow_close(&s->follow);
        s->followed[0] = 0; /* the same name is tried again: a silence may end */
        s->replayed = 0;
    }
    if (!s->follow && name[0] && strcmp(name, s->followed) != 0) TRY(follow_address(s, name));
    memcpy(s->followed, name, sizeof s->followed);
    if (!s->follow || follow_state(s->follow) == FOLLOW_CONNECTING) TRY(read_file(s));
    else s->replayed = 0;
    return ST_OK;
}

static status open_source(struct source *s, const char *spec)
{
    if (strlen(spec) >= sizeof s->spec) return fault(ST_INPUT, "%.80s…: too long", spec);
    snprintf(s->spec, sizeof s->spec, "%s", spec);
    s->heard = clock_now();
    s->folder = file_is_folder(spec);
    if (!s->folder) {
        if (strchr(spec, '/') && strncmp(spec, "tcp://", 6) != 0) return fault(ST_INPUT, "%s: no such folder", spec);
        return follow_address(s, spec);
    }
    TRY(file_join(s->metrics, sizeof s->metrics, spec, "metrics.jsonl"));
    TRY(file_join(s->stream, sizeof s->stream, spec, "stream"));
    if (!file_exists(s->metrics) && !file_exists(s->stream))
        return fault(ST_INPUT, "%s: no run folder: expected metrics.jsonl or stream in it", spec);
    s->looked = -LOOK_EVERY;
    return check_folder(s);
}

status source_open(const char *spec, const struct follow_keys *keys, const struct repair_sink *sink,
                   struct source **out)
{
    struct source *s;
    status st;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *s, &s));
    s->keys = keys;
    s->sink = *sink;
    st = open_source(s, spec);
    if (st != ST_OK) source_close(&s);
    *out = s;
    return st;
}

void source_close(struct source **source)
{
    struct source *s = *source;

    if (!s) return;
    follow_close(&s->follow);
    mem_free(s);
    *source = NULL;
}

status source_wait(struct source *s, int milliseconds)
{
    if (s->folder) TRY(check_folder(s));
    if (s->follow && follow_state(s->follow) == FOLLOW_LIVE) s->heard = clock_now();
    if (s->follow) return follow_wait(s->follow, milliseconds);
    usleep((useconds_t)milliseconds * 1000);
    return ST_OK;
}

enum source_state source_state(const struct source *s)
{
    enum follow_state state = s->follow ? follow_state(s->follow) : FOLLOW_SILENT;

    if (state == FOLLOW_LIVE) return SOURCE_LIVE;
    if (s->folder) return s->followed[0] && clock_now() - s->heard > SILENT_AFTER ? SOURCE_SILENT : SOURCE_FILE;
    return state == FOLLOW_CONNECTING ? SOURCE_CONNECTING : SOURCE_SILENT;
}

status source_read_all(const struct source *s, int *all)
{
    enum source_state state = source_state(s);

    *all = state >= SOURCE_SILENT || (state == SOURCE_LIVE && follow_complete(s->follow));
    if (state != SOURCE_CONNECTING || clock_now() - s->heard < SILENT_AFTER) return ST_OK;
    return fault(ST_INPUT, "%s: no publisher answers there", s->spec);
}

const char *source_state_text(enum source_state state)
{
    static const char *const names[] = {"connecting", "live", "silent", "file"};

    return names[state];
}

void source_stats(const struct source *s, struct repair_stats *out)
{
    memset(out, 0, sizeof *out);
    if (s->follow) follow_stats(s->follow, out);
}

const char *source_spec(const struct source *s)
{
    return s->spec;
}
