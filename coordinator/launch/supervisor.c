#include "coordinator/launch/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/launched.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/journal.h"
#include "cluster/store/run_folder.h"
#include "coordinator/launch/epoch.h"
#include "coordinator/launch/launch_state.h"
#include "coordinator/launch/probe.h"
#include "coordinator/launch/pulse.h"
#include "coordinator/launch/requests.h"
#include "coordinator/launch/roster.h"
#include "coordinator/launch/source.h"
#include "coordinator/launch/verdict.h"

enum { TICK_MS = 50 };

/* Seconds: asking again; from SIGTERM to SIGKILL; probing again; of the longest back-off; that probes are waited for.
 */
static const double ASK_AGAIN = 1, KILL_AFTER = 1, PROBE_EVERY = 2, BACKOFF_MOST = 30, PROBE_WAIT = 1, SAVE_AGAIN = 1,
                    FORGET = 600;

struct supervisor {
    const struct launch_config *config;
    const struct launch_run *run;
    char folder[4096]; /* RUN/launch */
    int lock;
    struct requests requests;
    struct source source;
    struct roster roster;
    struct quarantine quarantine;
    struct probes probes;
    struct launch_state state;
    struct hosts offer, desired;
    /* the epoch under way */
    struct epoch epoch;
    struct pulse pulse;
    double began;      /* Unix seconds */
    double asked;      /* when it was asked to stop last; 0: not */
    double ended_at;   /* when it was sent SIGTERM; 0: not */
    char overdue[200]; /* why it was */
    /* from epoch to epoch */
    int over, exit_status;
    uint64_t best_step; /* the newest step seen */
    int lost, failed;   /* epochs without a new step in a row: all; those that the program itself failed */
    double not_before;  /* of the next epoch */
    double lost_at;     /* Unix seconds: when the last loss was seen; 0: none since the last first step */
    double doubted;     /* when all hosts were put in doubt; 0: not */
    char said[REASON_BYTES];
    int dirty;         /* the state is to be saved */
    double save_after; /* and could not be */
};

/* ---- saying ---- */

static void set_phase(struct supervisor *s, enum launch_phase phase, const char *why)
{
    if (s->state.phase == phase && strcmp(s->state.why, why) == 0) return;
    s->state.phase = phase;
    s->state.since = clock_unix();
    snprintf(s->state.why, sizeof s->state.why, "%s", why);
    s->dirty = 1;
}

/* On standard error, and as an event of the next epoch's stream and page. */
static void __attribute__((format(printf, 4, 5)))
notice(struct supervisor *s, int level, const char *tag, const char *format, ...)
{
    char text[512], path[4200];
    va_list args;
    FILE *f;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (level > 0) log_warn(tag, "%s", text);
    else log_info(tag, "%s", text);
    if (file_join(path, sizeof path, s->folder, "notices") != ST_OK) return;
    f = fopen(path, "ae");
    if (!f) return;
    fprintf(f, "%d %s %s\n", level, tag, text);
    fclose(f);
}

/* Nothing that cannot be written ends the supervisor: a disk that is full may have room again. */
static void save(struct supervisor *s)
{
    double now = clock_now();

    if (!s->dirty || now < s->save_after) return;
    s->dirty = launch_state_save(s->folder, &s->state, &s->roster, &s->epoch.hosts, &s->quarantine,
                                 clock_unix() - now) != ST_OK;
    s->save_after = s->dirty ? now + SAVE_AGAIN : 0;
}

/* ---- asking the epoch to stop ---- */

/* Again and again: a run that is just starting removes older requests. */
static status ask_to_stop(struct supervisor *s)
{
    char path[4200];
    double now = clock_now();

    TRY(file_join(path, sizeof path, s->run->folder, "stop"));
    if (s->asked > 0 && (now - s->asked < ASK_AGAIN || file_exists(path))) return ST_OK;
    s->asked = now;
    return file_replace(path, "", 0);
}

static void end_now(struct supervisor *s, const char *why)
{
    double now = clock_now();

    if (s->ended_at > 0) {
        if (now - s->ended_at > KILL_AFTER) epoch_signal(&s->epoch, SIGKILL);
        return;
    }
    s->ended_at = now;
    snprintf(s->overdue, sizeof s->overdue, "%s", why);
    epoch_signal(&s->epoch, SIGTERM);
}

/* ---- the end of an epoch ---- */

/* A host that nothing can take the place of is not struck, only asked whether it is there. */
static void strike(struct supervisor *s, const struct verdict *v)
{
    const char *host = s->epoch.hosts.items[v->host].name;
    int silent = v->silent && !host_is_here(host), out = 0;
    const struct ward *w;
    status r = s->epoch.hosts.count > 1 ? quarantine_strike(&s->quarantine, host, clock_now(), silent, v->why, &out)
               : silent                 ? quarantine_doubt(&s->quarantine, host, v->why)
                                        : ST_OK;

    if (silent) s->doubted = clock_now();
    w = quarantine_find(&s->quarantine, host);
    if (r == ST_OK && out && w)
        notice(s, 1, "quarantine", "%s is left out for %.0f s: %d failures, the last one: %s", host,
               w->until - clock_now(), w->strikes, v->why);
}

/* Nobody knows who failed: who does not answer is left out. */
static void doubt_all(struct supervisor *s)
{
    for (size_t i = 0; i < s->epoch.hosts.count; i++)
        if (!host_is_here(s->epoch.hosts.items[i].name))
            (void)quarantine_doubt(&s->quarantine, s->epoch.hosts.items[i].name, "is asked whether it is there");
    if (s->quarantine.count > 0) s->doubted = clock_now();
}

static void back_off(struct supervisor *s)
{
    double wait = s->lost < 2 ? 0 : fmin(0.25 * pow(2, s->lost - 2), BACKOFF_MOST);

    s->not_before = clock_now() + wait;
    if (wait >= 1) notice(s, 1, "back-off", "%d epochs in a row without a step: the next one in %.1f s", s->lost, wait);
}

static void give_up(struct supervisor *s, const struct verdict *v)
{
    s->over = 1;
    s->exit_status = v->exit_status;
    snprintf(s->said, sizeof s->said, "given up: %.150s", v->why);
}

static void after_loss(struct supervisor *s, const struct verdict *v, int moved)
{
    int held = run_folder_is_held(s->run->folder, "run.lock");

    s->state.failures++;
    if (moved) s->lost = s->failed = 0;
    s->lost++;
    s->failed += v->kind == VERDICT_FAILED && !held;
    if (s->lost_at <= 0) s->lost_at = clock_unix();
    notice(s, 1, "epoch-lost", "epoch %" PRIu64 " at step %" PRIu64 ": %s", s->epoch.number, s->best_step, v->why);
    if (v->host >= 0) strike(s, v);
    else if (v->kind == VERDICT_LOST && !WIFSIGNALED(s->epoch.status)) doubt_all(s);
    if (v->kind == VERDICT_FAILED && !held) {
        int first = pulse_median_step(&s->state.usual) <= 0 && v->exit_status == status_exit(ST_INPUT);

        if (first || (s->config->retries > 0 && s->failed >= s->config->retries)) give_up(s, v);
    }
    if (!s->over) back_off(s);
}

static status note_epoch(struct supervisor *s, const struct verdict *v)
{
    char hosts[1024];
    const struct heartbeat *h = &s->pulse.last;
    struct epoch_line line = {.epoch = s->epoch.number,
                              .step = h->step,
                              .began = s->began,
                              .first_step = h->first_step,
                              .ended = clock_unix(),
                              .status = v->exit_status,
                              .hosts = hosts,
                              .why = v->why};

    hosts_text(&s->epoch.hosts, 0, hosts, sizeof hosts);
    if (h->first_step > 0 && s->lost_at > 0) line.recovery = s->state.recovery = h->first_step - s->lost_at;
    if (h->first_step > 0) s->lost_at = 0;
    return launch_state_add_epoch(s->folder, &line);
}

static void take_heartbeat(struct supervisor *s);

static void finish_epoch(struct supervisor *s)
{
    struct verdict v;
    struct epoch_end end;
    int moved;

    take_heartbeat(s);
    end = (struct epoch_end){.epoch = &s->epoch,
                             .last = &s->pulse.last,
                             .alive = s->pulse.alive,
                             .asked = s->asked > 0,
                             .ending = s->requests.ending,
                             .overdue = s->overdue};
    verdict_of(&end, &v);
    moved = s->pulse.last.step > s->best_step;
    if (moved) s->best_step = s->pulse.last.step;
    if (note_epoch(s, &v) != ST_OK) log_warn("epochs", "this one is not noted");
    s->dirty = 1;
    switch (v.kind) {
    case VERDICT_DONE:
        s->over = 1;
        snprintf(s->said, sizeof s->said, "%s", v.why);
        break;
    case VERDICT_CHANGED:
        s->lost = s->failed = 0;
        log_info("epoch-changed", "epoch=%" PRIu64 " step=%" PRIu64, s->epoch.number, s->best_step);
        break;
    default: after_loss(s, &v, moved);
    }
    if (s->requests.ending && !s->over) { /* it was lost on its way to an end: the step is in the journal */
        s->over = 1;
        s->exit_status = v.exit_status;
        snprintf(s->said, sizeof s->said, "was to end and did: %.150s", v.why);
    }
}

/* ---- an epoch under way ---- */

static void take_heartbeat(struct supervisor *s)
{
    struct heartbeat h;
    char path[4200];

    if (file_join(path, sizeof path, s->folder, "heartbeat") == ST_OK && heartbeat_read(path, &h) &&
        h.epoch == s->epoch.number)
        pulse_take(&s->pulse, &h, clock_now());
}

static status tend_epoch(struct supervisor *s)
{
    double now = clock_now();
    char why[200];

    epoch_read(&s->epoch);
    if (epoch_ended(&s->epoch)) {
        finish_epoch(s);
        return ST_OK;
    }
    take_heartbeat(s);
    if (s->ended_at > 0 || s->requests.urgent) {
        end_now(s, "ended by a second signal");
        return ST_OK;
    }
    if (pulse_overdue(&s->pulse, now, why, sizeof why)) {
        notice(s, 1, "overdue", "%s", why);
        end_now(s, why);
        return ST_OK;
    }
    TRY(roster_pick(&s->roster, &s->quarantine, now, &s->desired));
    if (s->requests.ending || !hosts_equal(&s->desired, &s->epoch.hosts)) {
        if (s->asked <= 0) log_info("epoch-asked", "why=\"%s\"", s->requests.ending ? "end" : "other hosts");
        if (ask_to_stop(s) != ST_OK) log_warn("epoch-asked", "it cannot be asked");
    }
    return ST_OK;
}

/* ---- the next epoch ---- */

/* The journal knows better than a state that could not be saved. */
static uint64_t next_number(const struct supervisor *s)
{
    char folder[4200];
    uint64_t there = 0;

    if (file_join(folder, sizeof folder, s->run->folder, "journal") == ST_OK) there = journal_epoch(folder);
    return (there > s->state.epoch ? there : s->state.epoch) + 1;
}

static status start_epoch(struct supervisor *s, double now)
{
    const struct launch_config *c = s->config;
    const struct epoch_plan plan = {.mpirun = c->mpirun,
                                    .flags = c->mpi,
                                    .rsh = c->rsh,
                                    .run = s->run->folder,
                                    .words = s->run->words,
                                    .alone = s->source.kind != SOURCE_HERE && getenv("SLURM_JOB_ID") != NULL};
    const struct pulse_options po = {c->hang, c->first, s->run->steady};
    char hosts[400];
    int killed;

    s->state.epoch = next_number(s);
    killed = epoch_sweep(s->run->folder, s->state.epoch);
    if (killed > 0) log_warn("leftovers", "processes=%d", killed);
    s->asked = s->ended_at = 0;
    s->overdue[0] = 0;
    s->doubted = 0;
    s->began = clock_unix();
    hosts_text(&s->desired, 0, hosts, sizeof hosts);
    notice(s, 0, "epoch", "epoch %" PRIu64 ": %d workers on %s", s->state.epoch, hosts_slots(&s->desired), hosts);
    if (epoch_start(&plan, &s->desired, s->state.epoch, &s->epoch) != ST_OK) { /* no process, no memory: for now */
        s->lost++;
        back_off(s);
        return ST_OK;
    }
    pulse_begin(&s->pulse, &po, &s->state.usual, now);
    set_phase(s, LAUNCH_RUNNING, "");
    s->dirty = 1;
    return ST_OK;
}

/* Probes of hosts in doubt may still come back well. */
static int probes_pending(const struct supervisor *s, double now)
{
    if (s->doubted <= 0 || now - s->doubted >= PROBE_WAIT) return 0;
    for (size_t i = 0; i < s->quarantine.count; i++)
        if (s->quarantine.wards[i].silent && hosts_find(&s->roster.settled, s->quarantine.wards[i].name) >= 0) return 1;
    return 0;
}

static status try_epoch(struct supervisor *s)
{
    double now = clock_now();
    char why[REASON_BYTES];
    int workers;

    if (!s->roster.known) {
        set_phase(s, LAUNCH_WAITING, "for the list of hosts");
        return ST_OK;
    }
    TRY(roster_pick(&s->roster, &s->quarantine, now, &s->desired));
    workers = hosts_slots(&s->desired);
    if (probes_pending(s, now)) {
        set_phase(s, LAUNCH_WAITING, "for hosts that are asked whether they are there");
        return ST_OK;
    }
    if (workers < s->config->min || workers == 0) {
        snprintf(why, sizeof why, "%d workers have room, at least %lld are wanted", workers, (long long)s->config->min);
        if (s->state.phase != LAUNCH_WAITING || strcmp(s->state.why, why) != 0) log_warn("launch-waits", "%s", why);
        set_phase(s, LAUNCH_WAITING, why);
        return ST_OK;
    }
    if (now < s->not_before) {
        set_phase(s, LAUNCH_BACKOFF, "the last epochs made no step");
        return ST_OK;
    }
    return start_epoch(s, now);
}

/* ---- what comes from outside ---- */

static status take_hosts(struct supervisor *s, double now)
{
    int fresh = 0, changed = 0;
    status r = source_look(&s->source, now, &s->offer, &fresh);

    /* While the run goes on a list that cannot be read is said and changes nothing. */
    if (r != ST_OK) return s->roster.known ? ST_OK : r;
    if (fresh) TRY(roster_offer(&s->roster, &s->offer, now));
    TRY(roster_settle(&s->roster, now, &changed));
    s->dirty |= changed;
    return ST_OK;
}

static void ask_silent(struct supervisor *s, double now)
{
    char host[HOST_BYTES];
    int answered;

    for (size_t i = 0; i < s->quarantine.count; i++) {
        struct ward *w = &s->quarantine.wards[i];

        if (!w->silent || now - w->probed < PROBE_EVERY || hosts_find(&s->roster.settled, w->name) < 0) continue;
        w->probed = now;
        probes_begin(&s->probes, w->name, now);
    }
    while (probes_next(&s->probes, now, host, &answered)) {
        if (!answered) continue;
        quarantine_answered(&s->quarantine, host, s->epoch.pid > 0 ? now + s->config->settle : 0);
        s->dirty = 1;
        log_info("host-answers", "host=%s", host);
    }
}

static void wait_a_moment(struct supervisor *s)
{
    struct pollfd fds[2] = {{.fd = s->requests.signals, .events = POLLIN}, {.fd = s->epoch.errors, .events = POLLIN}};

    (void)poll(fds, s->epoch.pid > 0 ? 2 : 1, TICK_MS);
}

static status go_on(struct supervisor *s)
{
    while (!s->over) {
        double now;

        requests_look(&s->requests, &s->roster.drained);
        now = clock_now();
        TRY(take_hosts(s, now));
        ask_silent(s, now);
        if (s->epoch.pid > 0) {
            TRY(tend_epoch(s));
        } else if (s->requests.ending) {
            s->over = 1;
            snprintf(s->said, sizeof s->said, "ended between two epochs");
        } else {
            TRY(try_epoch(s));
        }
        save(s);
        if (!s->over && (s->epoch.pid > 0 || s->state.phase != LAUNCH_RUNNING)) wait_a_moment(s);
    }
    return ST_OK;
}

/* ---- beginning and end ---- */

static status open_all(struct supervisor *s)
{
    const struct launch_config *c = s->config;
    char path[4200];

    TRY(file_join(s->folder, sizeof s->folder, s->run->folder, LAUNCH_FOLDER));
    TRY(file_make_folder(s->folder));
    TRY(file_join(path, sizeof path, s->folder, "lock"));
    TRY(run_folder_lock(path, "mp2 launch of this run", 0, &s->lock));
    TRY(file_join(path, sizeof path, s->folder, "notices"));
    if (unlink(path) != 0 && errno != ENOENT) return fault(ST_IO, "%s: cannot be removed: %s", path, strerror(errno));
    TRY(requests_open(s->folder, &s->requests));
    TRY(epoch_environment());
    TRY(source_open(c->hosts, c->discover, c->poll, &s->source));
    s->quarantine.options = (struct quarantine_options){(int)c->strikes, c->cool_down, FORGET};
    s->roster.options = (struct roster_options){(int)c->max, c->settle};
    s->probes.patience = 5;
    s->probes.shell = c->rsh[0]                        ? c->rsh
                      : s->source.kind == SOURCE_SLURM ? "srun --overlap --immediate=4 -N1 -n1 -w"
                                                       : "ssh -o BatchMode=yes -o ConnectTimeout=3";
    snprintf(s->state.command, sizeof s->state.command, "%s", s->run->command);
    set_phase(s, LAUNCH_WAITING, "for the list of hosts");
    return launch_state_load(s->folder, &s->state, &s->quarantine, clock_unix() - clock_now());
}

static void close_all(struct supervisor *s)
{
    epoch_fini(&s->epoch);
    source_close(&s->source);
    probes_end(&s->probes);
    hosts_fini(&s->offer);
    hosts_fini(&s->desired);
    roster_fini(&s->roster);
    quarantine_fini(&s->quarantine);
    requests_close(&s->requests);
    if (s->lock >= 0) close(s->lock);
}

status supervisor_run(const struct launch_config *config, const struct launch_run *run, int *exit_status)
{
    struct supervisor s = {.config = config, .run = run, .lock = -1, .requests.signals = -1, .source.out = -1};
    status r;

    epoch_fini(&s.epoch);
    r = open_all(&s);
    if (r == ST_OK) r = go_on(&s);
    if (r == ST_OK) {
        set_phase(&s, LAUNCH_ENDED, s.said);
        log_info("launch-ended", "why=\"%s\" epochs=%" PRIu64, s.said, s.state.epoch);
        s.save_after = 0;
        save(&s);
    }
    *exit_status = s.exit_status;
    close_all(&s);
    return r;
}
