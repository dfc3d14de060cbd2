#include "coordinator/launch/requests.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/launched.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/run_folder.h"

enum { PATH_BYTES = 4200, TEXT_MOST = 1 << 20 };

static void remove_stop(const struct requests *r)
{
    char path[PATH_BYTES];

    if (file_join(path, sizeof path, r->folder, "stop") == ST_OK && unlink(path) != 0 && errno != ENOENT)
        log_warn("stop", "path=%s why=\"%s\"", path, strerror(errno));
}

status requests_open(const char *folder, struct requests *out)
{
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    sigset_t set;

    *out = (struct requests){.signals = -1};
    TRY(file_keep_path(out->folder, sizeof out->folder, folder));
    remove_stop(out);
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaddset(&set, numbers[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return fault(ST_SYSTEM, "signals: %s", strerror(errno));
    out->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return out->signals >= 0 ? ST_OK : fault(ST_SYSTEM, "signals: %s", strerror(errno));
}

void requests_close(struct requests *r)
{
    if (r->signals < 0) return;
    remove_stop(r);
    close(r->signals);
    r->signals = -1;
}

static void take_signals(struct requests *r)
{
    struct signalfd_siginfo info;

    while (read(r->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) continue;
        log_warn("launch-ends", "signal=%u", info.ssi_signo);
        r->ending = 1;
        r->terms += info.ssi_signo != SIGUSR1;
        r->urgent = r->terms > 1;
    }
}

static void take_stop(struct requests *r)
{
    char path[PATH_BYTES];

    if (r->ending || file_join(path, sizeof path, r->folder, "stop") != ST_OK || !file_exists(path)) return;
    log_info("launch-ends", "asked by=mp2-stop");
    r->ending = 1;
}

/* A file that cannot be read leaves the list as it was. */
static void take_drained(const struct requests *r, struct hosts *drained)
{
    char path[PATH_BYTES], *text;
    size_t size;

    if (file_join(path, sizeof path, r->folder, "drained") != ST_OK) return;
    if (!file_exists(path)) {
        drained->count = 0;
        return;
    }
    if (file_read(path, TEXT_MOST, &text, &size) != ST_OK) return;
    if (hosts_parse_script(path, text, drained) != ST_OK) log_warn("drained", "path=%s", path);
    mem_free(text);
}

void requests_look(struct requests *r, struct hosts *drained)
{
    take_signals(r);
    take_stop(r);
    take_drained(r, drained);
}

/* ---- asking ---- */

static status write_drained(const char *path, const struct hosts *names, const char *without)
{
    size_t used = 0;
    char *text;
    status s;

    TRY(mem_alloc(names->count * (HOST_BYTES + 1) + 1, 1, &text));
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i].name, without) != 0)
            used += (size_t)snprintf(text + used, HOST_BYTES + 1, "%s\n", names->items[i].name);
    s = file_replace(path, text, used);
    mem_free(text);
    return s;
}

static status change_drained(const char *path, const char *host, int leave, struct hosts *names)
{
    char line[HOST_BYTES + 2], *text;
    size_t size;
    status s;

    snprintf(line, sizeof line, "%s\n", host);
    TRY(hosts_parse_script("--drain", line, names)); /* is it a name? */
    names->count = 0;
    if (file_exists(path)) {
        TRY(file_read(path, TEXT_MOST, &text, &size));
        s = hosts_parse_script(path, text, names);
        mem_free(text);
        TRY(s);
    }
    if (leave && hosts_find(names, host) < 0) TRY(hosts_add(names, host, 1));
    return write_drained(path, names, leave ? "" : host);
}

status requests_drain(const char *run, const char *host, int leave)
{
    struct hosts names = {0};
    char path[PATH_BYTES];
    status s;

    if (!run_folder_is_held(run, RUN_FOLDER_LAUNCH_LOCK))
        return fault(ST_INPUT, "%s: no run that mp2 launch keeps going", run);
    TRY(file_join(path, sizeof path, run, LAUNCH_FOLDER "/drained"));
    s = change_drained(path, host, leave, &names);
    hosts_fini(&names);
    return s;
}
