/* The run folder. The lock is an open file description's (F_OFD_SETLK): the kernel drops it with the process,
 * whatever ended that, and closing another descriptor of the same file does not. */
#include "cluster/store/run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stop.h"
#include "cluster/store/checkpoint.h"

enum { POLL_MS = 50, ASK_NS = 200 * 1000 * 1000, LOCK_TEXT_BYTES = 512 };

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

/* ---- the lock ---- */

static struct flock whole_file(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

/* What the holder wrote about itself, in one line. */
static void read_holder(int fd, char text[LOCK_TEXT_BYTES])
{
    ssize_t n = pread(fd, text, LOCK_TEXT_BYTES - 1, 0);

    if (n < 0) n = 0;
    text[n] = 0;
    text[strcspn(text, "\n")] = 0;
    if (text[0] == 0) snprintf(text, LOCK_TEXT_BYTES, "another process");
}

status run_folder_lock(const char *path, const char *what, int wait_ms, int *lock)
{
    int64_t until = clock_ns() + (int64_t)wait_ms * 1000000;
    char holder[LOCK_TEXT_BYTES], host[256] = "";
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), n;
    struct flock whole = whole_file(F_WRLCK);

    if (fd < 0) return fault(ST_IO, "%s: cannot be opened: %s", path, strerror(errno));
    while (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        int why = errno;

        if ((why == EAGAIN || why == EACCES || why == EINTR) && clock_ns() < until) {
            sleep_ms(POLL_MS);
            continue;
        }
        read_holder(fd, holder);
        close(fd);
        if (why == EAGAIN || why == EACCES) return fault(ST_INPUT, "%s: %s is in the hands of %s", path, what, holder);
        return fault(ST_IO, "%s: cannot be locked: %s", path, strerror(why));
    }
    if (gethostname(host, sizeof host - 1) != 0) host[0] = 0;
    n = snprintf(holder, sizeof holder, "process %ld on %s\n", (long)getpid(), host);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)n, 0) != n) {
        int why = errno;
        close(fd);
        return fault(ST_IO, "%s: cannot be written: %s", path, strerror(why));
    }
    *lock = fd;
    return ST_OK;
}

/* ---- opening ---- */

static int is_leftover(const char *name)
{
    size_t n = strlen(name);

    return n > 5 && strcmp(name + n - 5, ".part") == 0;
}

/* Remove every *.part in a folder. */
static status clean(const char *folder)
{
    char path[PATH_MAX];
    struct dirent *entry;
    status s = ST_OK;
    DIR *dir = opendir(folder);

    if (!dir) return errno == ENOENT ? ST_OK : fault(ST_IO, "%s: cannot be read: %s", folder, strerror(errno));
    while (s == ST_OK && (entry = readdir(dir)) != NULL) {
        if (!is_leftover(entry->d_name)) continue;
        s = file_join(path, sizeof path, folder, entry->d_name);
        if (s == ST_OK) log_info("leftover-removed", "path=%s", path);
        if (s == ST_OK && unlink(path) != 0) s = file_remove_tree(path);
    }
    closedir(dir);
    return s;
}

static status inspect_folder(struct run_folder *run)
{
    char journal[PATH_MAX];
    uint64_t *steps;
    size_t count;

    TRY(checkpoint_list(run->path, &steps, &count));
    mem_free(steps);
    TRY(file_join(journal, sizeof journal, run->path, "journal"));
    run->existed = count > 0 || file_exists(journal);
    return clean(journal);
}

static status remove_request(const char *folder)
{
    char path[PATH_MAX];

    TRY(file_join(path, sizeof path, folder, "stop"));
    if (unlink(path) != 0 && errno != ENOENT) return fault(ST_IO, "%s: cannot be removed: %s", path, strerror(errno));
    return ST_OK;
}

static status take_folder(struct run_folder *run, enum run_folder_mode mode)
{
    TRY(clean(run->path));
    TRY(inspect_folder(run));
    if (mode == RUN_FOLDER_NEW && run->existed)
        return fault(ST_INPUT, "%s: holds a run already, expected an empty or a new folder (or resume it)", run->path);
    if (mode == RUN_FOLDER_RESUME && !run->existed)
        return fault(ST_INPUT, "%s: holds no run that could be resumed", run->path);
    return remove_request(run->path);
}

status run_folder_open(const char *path, enum run_folder_mode mode, int wait_ms, struct run_folder *out)
{
    char lock[PATH_MAX];
    status s;

    *out = (struct run_folder){.lock = -1};
    TRY(file_join(out->path, sizeof out->path, "", path));
    if (mode == RUN_FOLDER_RESUME && !file_is_folder(path)) return fault(ST_INPUT, "%s: no such run", path);
    TRY(file_make_folder(path));
    TRY(file_join(lock, sizeof lock, path, "run.lock"));
    TRY(run_folder_lock(lock, "the run", wait_ms, &out->lock));
    s = take_folder(out, mode);
    if (s != ST_OK) {
        close(out->lock);
        out->lock = -1;
    }
    return s;
}

void run_folder_close(struct run_folder *run)
{
    if (run->lock < 0) return;
    if (run->stop_seen) remove_request(run->path);
    close(run->lock);
    run->lock = -1;
}

status run_folder_save_config(const struct run_folder *run, const char *text, size_t bytes)
{
    char path[PATH_MAX];

    TRY(file_join(path, sizeof path, run->path, "config.resolved.yaml"));
    return file_replace(path, text, bytes);
}

/* ---- stopping ---- */

int run_folder_stop_asked(struct run_folder *run)
{
    int64_t now = clock_ns();
    char path[PATH_MAX];

    if (stop_requested()) return 1;
    if (!run) return 0;
    if (run->stop_seen || (run->asked_ns != 0 && now - run->asked_ns < ASK_NS)) return run->stop_seen;
    run->asked_ns = now;
    run->stop_seen = file_join(path, sizeof path, run->path, "stop") == ST_OK && file_exists(path);
    return run->stop_seen;
}

static int is_held(int fd)
{
    struct flock whole = whole_file(F_WRLCK);

    return fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

int run_folder_is_held(const char *path, const char *lock)
{
    char name[PATH_MAX];
    int fd, held;

    if (file_join(name, sizeof name, path, lock) != ST_OK) return 0;
    fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0) return 0;
    held = is_held(fd);
    close(fd);
    return held;
}

/* A supervisor that keeps the run going is asked first: it would start the next epoch. */
static status ask(const char *path)
{
    int launched = run_folder_is_held(path, RUN_FOLDER_LAUNCH_LOCK), held = run_folder_is_held(path, "run.lock");
    char request[PATH_MAX];

    if (!launched && !held) return fault(ST_INPUT, "%s: no run is going on there", path);
    TRY(file_join(request, sizeof request, path, RUN_FOLDER_LAUNCH_STOP));
    if (launched) TRY(file_replace(request, "", 0));
    TRY(file_join(request, sizeof request, path, "stop"));
    return held ? file_replace(request, "", 0) : ST_OK;
}

status run_folder_ask_stop(const char *path, int wait_ms, int *ended)
{
    int64_t until = clock_ns() + (int64_t)wait_ms * 1000000;

    *ended = 0;
    if (!file_is_folder(path)) return fault(ST_INPUT, "%s: no run: %s", path, strerror(ENOENT));
    TRY(ask(path));
    while (!(*ended = !run_folder_is_held(path, "run.lock") && !run_folder_is_held(path, RUN_FOLDER_LAUNCH_LOCK)) &&
           clock_ns() < until)
        sleep_ms(POLL_MS);
    return ST_OK;
}

/* ---- room ---- */

status run_folder_check_room(const char *path, uint64_t bytes)
{
    struct statvfs fs;
    uint64_t there;

    if (statvfs(path, &fs) != 0) return fault(ST_IO, "%s: cannot be looked at: %s", path, strerror(errno));
    there = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (bytes > there)
        return fault(ST_IO, "%s: the run will need %.1f GB there, %.1f GB are free", path, (double)bytes / 1e9,
                     (double)there / 1e9);
    if (bytes / 9 > there / 10) log_warn("disk-narrow", "path=%s needed=%" PRIu64 " free=%" PRIu64, path, bytes, there);
    return ST_OK;
}
