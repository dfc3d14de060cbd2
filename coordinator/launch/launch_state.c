#include "coordinator/launch/launch_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/json.h"
#include "cluster/base/launched.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/run_folder.h"

enum { EPOCHS_SHOWN = 8 };

static const char *const phases[] = {"running", "waiting", "backing off", "ended"};

/* ---- writing ---- */

static const char *use_of(const char *name, const struct roster *r, const struct hosts *used, struct quarantine *q)
{
    const struct ward *w = quarantine_find(q, name);

    if (hosts_find(&r->drained, name) >= 0) return "drained";
    if (w && w->until > 0) return "quarantined";
    if (w && w->silent) return "does not answer";
    return hosts_find(used, name) >= 0 ? "in use" : "spare";
}

static json_t *hosts_json(const struct roster *r, const struct hosts *used, struct quarantine *q, double offset)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < r->settled.count; i++) {
        const struct host *h = &r->settled.items[i];
        const struct ward *w = quarantine_find(q, h->name);
        json_t *entry = json_pack("{s:s, s:i, s:s}", "name", h->name, "slots", h->slots, "use",
                                  use_of(h->name, r, used, q));

        if (entry && w && (w->until > 0 || w->silent || w->strikes > 0))
            json_object_set_new(entry, "reason", json_string(w->reason));
        if (entry && w && w->until > 0) json_object_set_new(entry, "until", json_real(w->until + offset));
        json_array_append_new(list, entry);
    }
    return list;
}

static json_t *wards_json(const struct quarantine *q, double offset)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < q->count; i++) {
        const struct ward *w = &q->wards[i];

        json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:f, s:f, s:b, s:s}", "name", w->name, "strikes",
                                              w->strikes, "times", w->times, "last", w->last + offset, "until",
                                              w->until > 0 ? w->until + offset : 0.0, "silent", w->silent, "reason",
                                              w->reason));
    }
    return list;
}

static json_t *usual_json(const struct pulse_usual *u)
{
    json_t *root = json_object();

    json_object_set_new(root, "step", json_real(pulse_median_step(u)));
    for (int p = 0; p < HEARTBEAT_PHASES; p++)
        if (u->longest[p] > 0)
            json_object_set_new(root, heartbeat_phase_name((enum heartbeat_phase)p), json_real(u->longest[p]));
    return root;
}

status launch_state_save(const char *folder, const struct launch_state *state, const struct roster *roster,
                         const struct hosts *used, struct quarantine *q, double offset)
{
    char path[4096], *text;
    json_t *root;
    status s;

    TRY(file_join(path, sizeof path, folder, "state.json"));
    root = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:o, s:o, s:o}", "version", 1, "phase",
                     phases[state->phase], "why", state->why, "command", state->command, "epoch",
                     (json_int_t)state->epoch, "failures", (json_int_t)state->failures, "since", state->since,
                     "recovery", state->recovery, "usual", usual_json(&state->usual), "hosts",
                     hosts_json(roster, used, q, offset), "wards", wards_json(q, offset));
    text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (!text) return fault(ST_MEMORY, "out of memory: %s", path);
    s = file_replace(path, text, strlen(text));
    free(text);
    return s;
}

status launch_state_add_epoch(const char *folder, const struct epoch_line *l)
{
    char path[4096], *text;
    json_t *root;
    status s = ST_OK;
    int fd;

    TRY(file_join(path, sizeof path, folder, "epochs.jsonl"));
    root = json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:i, s:s, s:s}", "epoch", (json_int_t)l->epoch, "step",
                     (json_int_t)l->step, "began", l->began, "first_step", l->first_step, "ended", l->ended, "recovery",
                     l->recovery, "status", l->status, "hosts", l->hosts, "why", l->why);
    text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text) return fault(ST_MEMORY, "out of memory: %s", path);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 || file_write_fully(fd, text, strlen(text)) != ST_OK || file_write_fully(fd, "\n", 1) != ST_OK)
        s = fault(ST_IO, "%s: cannot be written: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    free(text);
    return s;
}

/* ---- reading ---- */

static double number(const json_t *root, const char *key)
{
    const json_t *value = json_object_get(root, key);

    return json_is_number(value) ? json_number_value(value) : 0;
}

static const char *word(const json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));

    return text ? text : "";
}

static status take_wards(const json_t *list, struct quarantine *q, double offset)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        struct ward *w;

        if (!word(entry, "name")[0]) continue;
        TRY(quarantine_doubt(q, word(entry, "name"), word(entry, "reason")));
        w = quarantine_find(q, word(entry, "name"));
        w->strikes = (int)number(entry, "strikes");
        w->times = (int)number(entry, "times");
        w->last = number(entry, "last") - offset;
        w->until = number(entry, "until") > 0 ? number(entry, "until") - offset : 0;
        w->silent = json_is_true(json_object_get(entry, "silent"));
    }
    return ST_OK;
}

static void take_usual(const json_t *root, struct pulse_usual *u)
{
    u->steps[0] = number(root, "step");
    u->step_count = u->step_next = u->steps[0] > 0;
    for (int p = 0; p < HEARTBEAT_PHASES; p++)
        u->longest[p] = number(root, heartbeat_phase_name((enum heartbeat_phase)p));
}

status launch_state_load(const char *folder, struct launch_state *state, struct quarantine *q, double offset)
{
    char path[4096];
    json_t *root;
    status s;

    TRY(file_join(path, sizeof path, folder, "state.json"));
    if (!file_exists(path)) return ST_OK;
    if (json_open(path, &root) != ST_OK) {
        log_warn("launch-state", "path=%s is not used", path);
        return ST_OK;
    }
    if (number(root, "version") != 1) {
        s = fault(ST_INPUT, "%s: version %g, this program reads 1: use a newer mp2", path, number(root, "version"));
    } else {
        state->epoch = (uint64_t)number(root, "epoch");
        state->failures = (int64_t)number(root, "failures");
        state->recovery = number(root, "recovery");
        take_usual(json_object_get(root, "usual"), &state->usual);
        s = take_wards(json_object_get(root, "wards"), q, offset);
    }
    json_decref(root);
    return s;
}

/* ---- for people ---- */

static const char *moment(double unix_seconds, char out[32])
{
    time_t t = (time_t)unix_seconds;
    struct tm parts;

    if (!localtime_r(&t, &parts) || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &parts) == 0) out[0] = 0;
    return out;
}

static void print_hosts(const json_t *list, FILE *to)
{
    const json_t *entry;
    char at[32];
    size_t i;

    json_array_foreach(list, i, entry)
    {
        fprintf(to, "  %-24s %4d  %s", word(entry, "name"), (int)number(entry, "slots"), word(entry, "use"));
        if (number(entry, "until") > 0) fprintf(to, " until %s", moment(number(entry, "until"), at));
        if (word(entry, "reason")[0]) fprintf(to, ": %s", word(entry, "reason"));
        fputc('\n', to);
    }
}

static void print_epoch(const char *line, FILE *to)
{
    json_t *e;
    char at[32];

    if (json_parse("epochs.jsonl", line, strlen(line), &e) != ST_OK) return;
    fprintf(to, "  %5d  %s  %8.1f s  %8d  ", (int)number(e, "epoch"), moment(number(e, "began"), at),
            number(e, "ended") - number(e, "began"), (int)number(e, "step"));
    if (number(e, "recovery") > 0) fprintf(to, "%6.2f s", number(e, "recovery"));
    else fprintf(to, "       -");
    fprintf(to, "  %s; %s\n", word(e, "hosts"), word(e, "why"));
    json_decref(e);
}

/* The last lines of a text. */
static void print_epochs(char *text, size_t size, FILE *to)
{
    size_t at = size, lines = 0;

    while (at > 0 && lines <= EPOCHS_SHOWN)
        if (text[--at] == '\n') lines++;
    if (at > 0) at++;
    fprintf(to, "%7s  %-19s  %10s  %8s  %8s  %s\n", "epoch", "began", "lasted", "step", "recovery", "hosts; end");
    for (char *line = text + at, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = 0;
        print_epoch(line, to);
    }
}

static void print_state(const char *run, const json_t *root, FILE *to)
{
    int there = run_folder_is_held(run, RUN_FOLDER_LAUNCH_LOCK) || strcmp(word(root, "phase"), "ended") == 0;
    char at[32];

    fprintf(to, "%s: %s, %s since %s%s\n", run, word(root, "command"), word(root, "phase"),
            moment(number(root, "since"), at), there ? "" : "; its supervisor is gone");
    if (word(root, "why")[0]) fprintf(to, "  %s\n", word(root, "why"));
    fprintf(to, "  epoch %d, %d lost or failed so far", (int)number(root, "epoch"), (int)number(root, "failures"));
    if (number(root, "recovery") > 0) fprintf(to, "; the last recovery took %.2f s", number(root, "recovery"));
    fprintf(to, "\nhosts\n");
    print_hosts(json_object_get(root, "hosts"), to);
}

status launch_state_print(const char *run, FILE *to)
{
    char path[4096], *text;
    json_t *root;
    size_t size;

    TRY(file_join(path, sizeof path, run, LAUNCH_FOLDER "/state.json"));
    if (!file_exists(path)) return fault(ST_INPUT, "%s: no run that mp2 launch keeps going", run);
    TRY(json_open(path, &root));
    print_state(run, root, to);
    json_decref(root);
    TRY(file_join(path, sizeof path, run, LAUNCH_FOLDER "/epochs.jsonl"));
    if (!file_exists(path)) return ST_OK;
    TRY(file_read(path, (size_t)1 << 30, &text, &size));
    print_epochs(text, size, to);
    mem_free(text);
    return ST_OK;
}
