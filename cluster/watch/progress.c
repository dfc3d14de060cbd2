/* The feed: envelope, metrics file, publisher, behind one lock. Who posts never waits for the network: the publisher
 * has a thread of its own. */
#include "cluster/watch/progress.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/launched.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/watch/heartbeat.h"
#include "cluster/watch/message_json.h"
#include "cluster/watch/metrics.h"
#include "cluster/watch/task_states.h"
#include "cluster/watch/topic.h"

static const double TASKS_EVERY = 2, BEAT_EVERY = 0.2; /* seconds */

struct progress {
    pthread_mutex_t lock;       /* of everything below, once it is open */
    char name[256], path[4096]; /* path: of the metrics file, "" when there is none */
    FILE *file;
    int failed; /* errno of the first write that failed */
    struct publisher *publisher;
    double started, before;    /* monotonic seconds; elapsed before this process */
    uint64_t tokens, examples; /* of all steps */
    struct task_states states; /* of the tasks */
    double told;               /* monotonic seconds: when tasks were shown last */
    char *line;
    size_t line_room;
    struct before *membership; /* the workers of the life before, as the file left them */
    size_t membership_count, membership_room;
    double last_time; /* Unix seconds: the file's last line */
    struct heartbeat heartbeat;
    char beat_path[4096]; /* "": not started by mp2 launch */
    double beaten;        /* monotonic seconds: when it was written last */
};

struct before {
    uint32_t rank;
    Mp2__Worker__State state;
    char host[64];
};

/* The envelope around a body, which stays where it is. */
static void wrap(const struct progress *p, const ProtobufCMessage *body, Mp2__Progress *m)
{
    mp2__progress__init(m);
    m->version = 1;
    m->name = (char *)(uintptr_t)p->name;
    m->time = clock_unix();
    m->elapsed = p->before + clock_now() - p->started;
    m->body_case = topic_body_of(body->descriptor);
    m->run = (Mp2__Run *)(uintptr_t)body;
}

static void write_line(struct progress *p, const Mp2__Progress *m)
{
    size_t n = 0;

    if (!p->file || p->failed) return;
    if (json_append(&m->base, &p->line, &p->line_room, &n) != ST_OK) {
        p->failed = ENOMEM;
        return;
    }
    p->line[n++] = '\n'; /* over the 0: json_append leaves room for it */
    if (fwrite(p->line, 1, n, p->file) != n) p->failed = errno;
}

/* A disk that is full is said by others: here the supervisor only sees less. */
static void beat(struct progress *p, const Mp2__Progress *m)
{
    double now = clock_now();
    int urgent = heartbeat_take(&p->heartbeat, m);

    if (!p->beat_path[0] || (!urgent && now - p->beaten < BEAT_EVERY)) return;
    p->beaten = now;
    p->heartbeat.time = m->time;
    if (heartbeat_write(p->beat_path, &p->heartbeat) != ST_OK) log_debug("heartbeat", "path=%s", p->beat_path);
}

static void send_body(struct progress *p, const ProtobufCMessage *body, int keep)
{
    Mp2__Progress m;

    wrap(p, body, &m);
    if (p->publisher) publisher_post(p->publisher, &m);
    if (keep) write_line(p, &m);
    beat(p, &m);
}

void progress_show(struct progress *p, const ProtobufCMessage *body)
{
    pthread_mutex_lock(&p->lock);
    send_body(p, body, 0);
    pthread_mutex_unlock(&p->lock);
}

/* Task messages for those that moved: to the stream now and then, to the file with every evaluation. */
static void tell_tasks(struct progress *p, const Mp2__Progress *m)
{
    int evaluated = m->body_case == MP2__PROGRESS__BODY_EVAL;
    double now = clock_now();

    if (task_states_take(&p->states, m) != ST_OK || (!evaluated && now - p->told < TASKS_EVERY)) return;
    p->told = now;
    for (size_t i = 0; i < p->states.count; i++) {
        if (!p->states.tasks[i].moved && !evaluated) continue;
        p->states.tasks[i].moved = 0;
        send_body(p, &p->states.tasks[i].message.base, evaluated);
    }
}

static void post(struct progress *p, const ProtobufCMessage *body)
{
    Mp2__Progress m;
    Mp2__Step step;

    wrap(p, body, &m);
    if (m.body_case == MP2__PROGRESS__BODY_STEP) {
        step = *m.step;
        step.tokens_total = p->tokens += step.tokens;
        step.examples_total = p->examples += step.examples;
        m.step = &step;
    }
    if (p->publisher) publisher_post(p->publisher, &m);
    write_line(p, &m);
    beat(p, &m);
    /* What is under way is to be read while it is. */
    if (m.body_case == MP2__PROGRESS__BODY_RUN && p->file && !p->failed && fflush(p->file) != 0) p->failed = errno;
    tell_tasks(p, &m);
}

void progress_post(struct progress *p, const ProtobufCMessage *body)
{
    pthread_mutex_lock(&p->lock);
    post(p, body);
    pthread_mutex_unlock(&p->lock);
}

void progress_event(struct progress *p, Mp2__Event__Level level, const char *tag, uint64_t step, const char *format,
                    ...)
{
    Mp2__Event event = MP2__EVENT__INIT;
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    event.level = level;
    event.tag = (char *)(uintptr_t)tag;
    event.text = text;
    event.step = step;
    progress_post(p, &event.base);
}

static status flush(struct progress *p)
{
    int why;

    if (!p->file) return ST_OK;
    if (!p->failed && fflush(p->file) != 0) p->failed = errno ? errno : EIO;
    if (!p->failed) return ST_OK;
    why = p->failed;
    fclose(p->file);
    p->file = NULL;
    return fault(ST_IO, "%s: cannot write: %s", p->path, strerror(why));
}

status progress_flush(struct progress *p)
{
    status s;

    pthread_mutex_lock(&p->lock);
    s = flush(p);
    pthread_mutex_unlock(&p->lock);
    return s;
}

int64_t progress_mark(struct progress *p)
{
    int64_t end = 0;

    pthread_mutex_lock(&p->lock);
    if (p->file && !p->failed) {
        if (fflush(p->file) != 0 || fseeko(p->file, 0, SEEK_END) != 0) p->failed = errno;
        end = ftello(p->file);
    }
    pthread_mutex_unlock(&p->lock);
    return end;
}

status progress_take_back(struct progress *p, int64_t mark)
{
    status s;

    pthread_mutex_lock(&p->lock);
    s = flush(p);
    if (s == ST_OK && p->file &&
        (ftruncate(fileno(p->file), (off_t)mark) != 0 || fseeko(p->file, (off_t)mark, SEEK_SET) != 0))
        s = fault(ST_IO, "%s: cannot be cut: %s", p->path, strerror(errno));
    pthread_mutex_unlock(&p->lock);
    return s;
}

struct publisher *progress_publisher(struct progress *p)
{
    return p->publisher;
}

static status note_worker(struct progress *p, const Mp2__Worker *m)
{
    size_t i = 0;

    while (i < p->membership_count && p->membership[i].rank != m->rank) i++;
    if (i == p->membership_count)
        TRY(mem_grow(&p->membership, &p->membership_room, ++p->membership_count, sizeof *p->membership));
    p->membership[i].rank = m->rank;
    p->membership[i].state = m->state;
    snprintf(p->membership[i].host, sizeof p->membership[i].host, "%s", m->host);
    return ST_OK;
}

static Mp2__Worker former(struct before *worker, Mp2__Worker__State state, const char *reason)
{
    Mp2__Worker m = MP2__WORKER__INIT;

    m.rank = worker->rank;
    m.state = worker->state = state;
    m.host = worker->host;
    m.reason = (char *)(uintptr_t)reason;
    return m;
}

/* A worker of the life before, as of the file's last line. */
static void note_former(struct progress *p, struct before *worker, Mp2__Worker__State state, const char *reason)
{
    Mp2__Worker worker_then = former(worker, state, reason);
    Mp2__Progress m;

    wrap(p, &worker_then.base, &m);
    m.time = p->last_time;
    m.elapsed = p->before;
    if (p->publisher) publisher_preload(p->publisher, &m);
    write_line(p, &m);
}

/* A life that did not end in order left its workers at work. When it could still say whose process was gone, the others
 * ended for that; when it could not, all were lost. */
static void note_cut_off(struct progress *p)
{
    char reason[80] = "the run was cut off; who failed first is not known";
    Mp2__Worker__State state = MP2__WORKER__STATE__LOST;

    for (size_t i = 0; i < p->membership_count; i++)
        if (p->membership[i].state == MP2__WORKER__STATE__LOST) {
            snprintf(reason, sizeof reason, "ended because worker %u was lost", p->membership[i].rank);
            state = MP2__WORKER__STATE__LEFT;
        }
    for (size_t i = 0; i < p->membership_count; i++)
        if (p->membership[i].state < MP2__WORKER__STATE__LOST) note_former(p, &p->membership[i], state, reason);
}

void progress_retire(struct progress *p, uint32_t first, uint32_t count)
{
    char reason[80];

    snprintf(reason, sizeof reason, "the run went on with %u workers", count);
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->membership_count; i++)
        if (p->membership[i].rank - first >= count) {
            Mp2__Worker m = former(&p->membership[i], MP2__WORKER__STATE__LEFT, reason);

            send_body(p, &m.base, 1);
        }
    pthread_mutex_unlock(&p->lock);
}

static status preload(void *arg, const Mp2__Progress *m, const char *line, size_t n)
{
    struct progress *p = arg;
    (void)line;
    (void)n;

    if (m->elapsed > p->before) p->before = m->elapsed;
    if (m->body_case == MP2__PROGRESS__BODY_STEP) {
        p->tokens = m->step->tokens_total;
        p->examples = m->step->examples_total;
    }
    p->last_time = m->time;
    if (m->body_case == MP2__PROGRESS__BODY_WORKER) TRY(note_worker(p, m->worker));
    if (p->publisher) publisher_preload(p->publisher, m);
    return task_states_take(&p->states, m);
}

static status open_file(struct progress *p, const struct progress_options *o)
{
    TRY(file_join(p->path, sizeof p->path, o->folder, "metrics.jsonl"));
    TRY(file_make_folder(o->folder));
    if (o->resume) TRY(metrics_cut(p->path, o->resume_step, preload, p));
    p->file = fopen(p->path, o->resume ? "a" : "w");
    if (!p->file) return fault(ST_IO, "%s: cannot write: %s", p->path, strerror(errno));
    note_cut_off(p);
    return ST_OK;
}

/* What the supervisor noticed between this epoch and the one before: a line an event, "LEVEL TAG TEXT". */
static void tell_notices(struct progress *p, const char *path)
{
    char line[1024], tag[64], text[900];
    FILE *f = fopen(path, "re");
    int level;

    if (!f) return;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%d %63s %899[^\n]", &level, tag, text) == 3 && level >= 0 && level <= 2)
            progress_event(p, (Mp2__Event__Level)level, tag, 0, "%s", text);
    fclose(f);
    if (unlink(path) != 0) log_debug("notices", "path=%s", path);
}

static status open_launched(struct progress *p, const char *folder)
{
    char path[4096];

    TRY(file_join(path, sizeof path, folder, LAUNCH_FOLDER "/notices"));
    TRY(file_join(p->beat_path, sizeof p->beat_path, folder, LAUNCH_FOLDER "/heartbeat"));
    p->heartbeat.epoch = launched_epoch();
    tell_notices(p, path);
    return ST_OK;
}

/* The last part of a folder's path. */
static void name_of(const char *folder, char *out, size_t room)
{
    size_t n = strlen(folder);
    const char *p;

    while (n > 1 && folder[n - 1] == '/') n--;
    for (p = folder + n; p > folder && p[-1] != '/'; p--) continue;
    snprintf(out, room, "%.*s", (int)(folder + n - p), p);
}

static status open_feed(struct progress *p, const struct progress_options *o)
{
    if (o->name) snprintf(p->name, sizeof p->name, "%s", o->name);
    else if (o->folder) name_of(o->folder, p->name, sizeof p->name);
    p->started = clock_now();
    if (o->watch.listen && o->watch.listen[0]) {
        if (o->folder) TRY(file_make_folder(o->folder));
        TRY(publisher_new(&o->watch, p->name, o->folder, &p->publisher));
    }
    if (!o->folder) return ST_OK;
    TRY(open_file(p, o));
    return launched_epoch() > 0 ? open_launched(p, o->folder) : ST_OK;
}

status progress_new(const struct progress_options *options, struct progress **out)
{
    struct progress *p;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *p, &p));
    pthread_mutex_init(&p->lock, NULL);
    s = open_feed(p, options);
    if (s == ST_OK) *out = p;
    else progress_destroy(&p);
    return s;
}

void progress_destroy(struct progress **progress)
{
    struct progress *p = *progress;

    if (!p) return;
    publisher_destroy(&p->publisher);
    if (p->file && fclose(p->file) != 0) log_error("metrics-close", "path=%s why=%s", p->path, strerror(errno));
    mem_free(p->line);
    mem_free(p->membership);
    task_states_fini(&p->states);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
    *progress = NULL;
}
