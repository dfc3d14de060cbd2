/* Paths. Names from configurations leave as JSON strings, YAML text or Prometheus labels, never as HTML: the page puts
 * them in by textContent. */
#include "cluster/watch/monitor/http.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/watch/monitor/assets.h"
#include "cluster/watch/monitor/metric.h"
#include "cluster/watch/message_json.h"

enum { MESSAGES_MOST = 3000, RUNS_MOST = 64, BYTES_MOST = 8 << 20 };

static const char api_text[] =
    "mp2-monitor's API. All answers are JSON unless said otherwise; GET only.\n\n"
    "/api/runs                       "
    "[{\"id\":0,\"name\":\"…\",\"source\":\"…\",\"state\":\"connecting|live|silent|file\",\n"
    "                                 "
    "\"run_state\":\"running\",\"command\":\"pretrain\",\"done\":120,\"total\":500,\"unit\":\"steps\",\n"
    "                                 "
    "\"picture\":1,\"order\":730,\"gaps\":0,\"metrics\":[{\"name\",\"type\",\"unit\",\"label\",\"help\",\"value\"},…]},"
    "…]\n"
    "/api/runs/ID/messages?after=ORDER&picture=P\n"
    "                                {\"picture\":1,\"order\":730,\"more\":false,\"messages\":[Progress,…]}: what is "
    "kept and came\n"
    "                                after ORDER (0: all), oldest first, as proto/progress.proto declares it. When "
    "\"picture\" is\n"
    "                                not the P asked with, the messages start anew: forget the earlier ones. \"more\": "
    "ask again.\n"
    "/api/runs/ID/config             the resolved configuration, YAML, text/plain\n"
    "/metrics                        Prometheus text format 0.0.4\n"
    "/healthz                        \"ok\", text/plain\n";

static void set_fixed(struct http_response *r, int code, const char *type, const void *data, size_t size)
{
    r->code = code;
    r->type = type;
    r->fixed = data;
    r->size = size;
}

static void set_error(struct http_response *r, int code, const char *text)
{
    set_fixed(r, code, "text/plain; charset=utf-8", text, strlen(text));
}

/* A stream whose text becomes the body, and what happens when memory runs out on the way. */
static FILE *body_open(struct http_response *r)
{
    return open_memstream(&r->body, &r->size);
}

static void body_close(FILE *f, const char *type, struct http_response *r)
{
    r->code = 200;
    r->type = type;
    if (f && fclose(f) == 0) return;
    free(r->body);
    r->body = NULL;
    set_error(r, 500, "out of memory\n");
}

static void put_run(const struct run_view *v, int id, FILE *f)
{
    const struct summary *s = v->summary;

    fprintf(f, "{\"id\":%d,\"name\":", id);
    metric_json_text(v->label, f);
    fputs(",\"source\":", f);
    metric_json_text(v->spec, f);
    fprintf(f, ",\"state\":\"%s\",\"run_state\":\"%s\",\"command\":", source_state_text(v->state),
            summary_run_state(s));
    metric_json_text(s->run ? s->run->run->command : "", f);
    fprintf(f, ",\"done\":%" PRIu64 ",\"total\":%" PRIu64 ",\"unit\":", summary_done(s), summary_total(s));
    metric_json_text(s->run ? s->run->run->unit : "steps", f);
    fprintf(f, ",\"picture\":%" PRIu64 ",\"order\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"metrics\":", v->picture,
            history_order(v->history), v->stats.gaps);
    metric_json(s, f);
    fputc('}', f);
}

static void answer_runs(struct runs *runs, struct http_response *r)
{
    FILE *f = body_open(r);
    struct run_view v;

    for (int i = 0; f && i < runs_count(runs); i++) {
        fputc(i ? ',' : '[', f);
        runs_lock(runs, i, &v);
        put_run(&v, i, f);
        runs_unlock(runs, i);
    }
    if (f) fputc(']', f);
    body_close(f, "application/json", r);
}

static int parse_number(const char *text, uint64_t *out)
{
    char *end;

    *out = 0;
    if (!text) return 1;
    if (*text < '0' || *text > '9') return 0;
    *out = strtoull(text, &end, 10);
    return *end == 0;
}

/* The entries as JSON, up to a limit in number and bytes; the order of the last one in *order. */
static status put_entries(const struct history_entry *e, size_t count, char **text, size_t *room, size_t *size,
                          uint64_t *order, size_t *put)
{
    for (*put = 0; *put < count && *put < MESSAGES_MOST && *size < BYTES_MOST; ++*put) {
        Mp2__Progress *m = mp2__progress__unpack(NULL, e[*put].size, e[*put].bytes);
        status s = mem_grow(text, room, *size + 2, 1);
        if (s == ST_OK && *put) (*text)[(*size)++] = ',';
        if (s == ST_OK && m) s = json_append(&m->base, text, room, size);
        if (m) mp2__progress__free_unpacked(m, NULL);
        if (s != ST_OK) return s;
        *order = e[*put].order;
    }
    return ST_OK;
}

static status list_messages(const struct run_view *v, uint64_t after, char **text, size_t *size, uint64_t *order,
                            int *more)
{
    struct history_entry *e = NULL;
    size_t count = 0, put = 0, room = 0;
    status s = history_list(v->history, after, &e, &count);

    *order = after;
    if (s == ST_OK) s = put_entries(e, count, text, &room, size, order, &put);
    *more = put < count;
    mem_free(e);
    return s;
}

static void answer_messages(struct runs *runs, int id, const struct http_request *q, struct http_response *r)
{
    uint64_t after, picture, order = 0, now;
    struct run_view v;
    char *text = NULL;
    size_t size = 0;
    int more = 0;
    status s;
    FILE *f;

    if (!parse_number(q->after, &after) || !parse_number(q->picture, &picture)) {
        set_error(r, 400, "after and picture: expected whole numbers\n");
        return;
    }
    runs_lock(runs, id, &v);
    now = v.picture;
    s = list_messages(&v, picture == now ? after : 0, &text, &size, &order, &more);
    runs_unlock(runs, id);
    if (s != ST_OK) {
        set_error(r, 500, "out of memory\n");
    } else {
        f = body_open(r);
        if (f) {
            fprintf(f, "{\"picture\":%" PRIu64 ",\"order\":%" PRIu64 ",\"more\":%s,\"messages\":[", now, order,
                    more ? "true" : "false");
            fwrite(text ? text : "", 1, size, f);
            fputs("]}", f);
        }
        body_close(f, "application/json", r);
    }
    mem_free(text);
}

static void answer_config(struct runs *runs, int id, struct http_response *r)
{
    FILE *f = body_open(r);
    struct run_view v;

    runs_lock(runs, id, &v);
    if (f && v.summary->first_run) fputs(v.summary->first_run->run->config, f);
    runs_unlock(runs, id);
    body_close(f, "text/plain; charset=utf-8", r);
}

/* /api/runs/ID/what */
static void answer_run(struct runs *runs, const char *rest, const struct http_request *q, struct http_response *r)
{
    char *end;
    unsigned long id = *rest >= '0' && *rest <= '9' ? strtoul(rest, &end, 10) : ~0ul;

    if (id >= (unsigned long)runs_count(runs)) set_error(r, 404, "no such run\n");
    else if (strcmp(end, "/messages") == 0) answer_messages(runs, (int)id, q, r);
    else if (strcmp(end, "/config") == 0) answer_config(runs, (int)id, r);
    else set_error(r, 404, "no such path, see /api\n");
}

/* All runs are on one page, metric by metric, so all are locked, in order of their number, while it is written. */
static void answer_metrics(struct runs *runs, struct http_response *r)
{
    struct metric_run page[RUNS_MOST];
    struct run_view *views;
    int n = runs_count(runs) < RUNS_MOST ? runs_count(runs) : RUNS_MOST;
    FILE *f;

    if (mem_alloc((size_t)n, sizeof *views, &views) != ST_OK) {
        set_error(r, 500, "out of memory\n");
        return;
    }
    f = body_open(r);
    for (int i = 0; i < n; i++) {
        runs_lock(runs, i, &views[i]);
        page[i] = (struct metric_run){views[i].label, views[i].summary, views[i].state == SOURCE_LIVE,
                                      views[i].stats.gaps};
    }
    if (f) metric_page(page, (size_t)n, f);
    for (int i = n - 1; i >= 0; i--) runs_unlock(runs, i);
    body_close(f, "text/plain; version=0.0.4; charset=utf-8", r);
    mem_free(views);
}

static const char *type_of(const char *name)
{
    static const struct {
        const char *end, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".svg", "image/svg+xml"}};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i].end) == 0) return types[i].type;
    return "application/octet-stream";
}

static void answer_asset(const char *path, struct http_response *r)
{
    const char *name = strcmp(path, "/") == 0 ? "index.html" : path + 1;

    for (size_t i = 0; i < monitor_asset_count; i++)
        if (strcmp(monitor_assets[i].name, name) == 0) {
            set_fixed(r, 200, type_of(name), monitor_assets[i].data, monitor_assets[i].size);
            return;
        }
    set_error(r, 404, "no such page\n");
}

/* A page from elsewhere that resolves its own name to 127.0.0.1 must not read ours (DNS rebinding). */
static int host_is_local(const char *host)
{
    static const char *const local[] = {"localhost", "127.0.0.1", "[::1]"};

    if (!host) return 1;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        size_t n = strlen(local[i]);
        if (strncasecmp(host, local[i], n) == 0 && (host[n] == 0 || host[n] == ':')) return 1;
    }
    return 0;
}

void http_answer(struct runs *runs, const struct http_request *q, struct http_response *r)
{
    memset(r, 0, sizeof *r);
    if (strcmp(q->method, "GET") != 0 && strcmp(q->method, "HEAD") != 0) set_error(r, 405, "GET only\n");
    else if (q->loopback && !host_is_local(q->host)) set_error(r, 403, "this monitor answers on this machine only\n");
    else if (q->path[0] != '/') set_error(r, 400, "no path\n");
    else if (strcmp(q->path, "/healthz") == 0) set_error(r, 200, "ok\n");
    else if (strcmp(q->path, "/metrics") == 0) answer_metrics(runs, r);
    else if (strcmp(q->path, "/api") == 0 || strcmp(q->path, "/api/") == 0) set_error(r, 200, api_text);
    else if (strcmp(q->path, "/api/runs") == 0) answer_runs(runs, r);
    else if (strncmp(q->path, "/api/runs/", 10) == 0) answer_run(runs, q->path + 10, q, r);
    else answer_asset(q->path, r);
}
