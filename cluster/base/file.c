/* Reading by map, writing beside and renaming. The failure line names the operation that failed. */
#include "cluster/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

static status open_plain(const char *path, int *fd, size_t *size)
{
    struct stat st;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* opening a pipe of that name must not block */
    if (*fd < 0) return fault(ST_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(*fd);
        return fault(ST_INPUT, "%s: is not a plain file", path);
    }
    *size = (size_t)st.st_size;
    return ST_OK;
}

status file_map_open(const char *path, struct file_map *map)
{
    void *p;
    int fd;

    map->data = (const unsigned char *)"";
    TRY(open_plain(path, &fd, &map->size));
    if (map->size > 0) {
        p = mmap(NULL, map->size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) {
            int why = errno;
            close(fd);
            return fault(ST_IO, "%s: cannot be mapped: %s", path, strerror(why));
        }
        map->data = p;
    }
    close(fd);
    return ST_OK;
}

void file_map_close(struct file_map *map)
{
    if (map->data && map->size > 0) munmap((void *)(uintptr_t)map->data, map->size);
    map->data = NULL;
    map->size = 0;
}

void file_map_drop(const void *data, size_t bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)data + page - 1) / page * page, end = ((uintptr_t)data + bytes) / page * page;

    if (first < end) madvise((void *)first, end - first, MADV_DONTNEED);
}

status file_read(const char *path, size_t limit, char **data, size_t *size)
{
    size_t expected, have = 0;
    status s;
    int fd;

    *data = NULL;
    TRY(open_plain(path, &fd, &expected));
    if (expected > limit) {
        close(fd);
        return fault(ST_INPUT, "%s: %zu bytes, expected at most %zu", path, expected, limit);
    }
    s = mem_alloc(expected + 1, 1, data);
    while (s == ST_OK && have < expected) {
        ssize_t n = read(fd, *data + have, expected - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) s = fault(ST_IO, "%s: cannot be read: %s", path, strerror(errno));
        else if (n == 0) break;
        else have += (size_t)n;
    }
    close(fd);
    if (s != ST_OK) {
        mem_free(*data);
        *data = NULL;
        return s;
    }
    *size = have;
    return ST_OK;
}

status file_write_fully(int fd, const void *data, size_t bytes)
{
    const char *p = data;

    while (bytes > 0) {
        ssize_t n = write(fd, p, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ST_IO;
        if (n == 0) {
            errno = ENOSPC;
            return ST_IO;
        }
        p += n;
        bytes -= (size_t)n;
    }
    return ST_OK;
}

status file_replace(const char *path, const void *data, size_t bytes)
{
    struct file_out out;

    TRY(file_out_open(path, &out));
    if (bytes > 0 && fwrite(data, 1, bytes, out.stream) != bytes) {
        int why = errno;
        file_out_abandon(&out);
        return fault(ST_IO, "%s: cannot be written: %s", path, strerror(why));
    }
    return file_out_commit(&out);
}

status file_out_open(const char *path, struct file_out *out)
{
    size_t n = strlen(path);

    out->stream = NULL;
    if (n + 1 > sizeof out->path)
        return fault(ST_INPUT, "path of %zu bytes, expected at most %zu", n, sizeof out->path);
    memcpy(out->path, path, n + 1);
    snprintf(out->beside, sizeof out->beside, "%s.part", path);
    out->stream = fopen(out->beside, "we");
    if (!out->stream) return fault(ST_IO, "%s: cannot be created: %s", out->beside, strerror(errno));
    return ST_OK;
}

status file_out_commit(struct file_out *out)
{
    const char *doing = "written";
    int failed;

    failed = fflush(out->stream) != 0 || ferror(out->stream);
    if (!failed) {
        doing = "made durable";
        failed = fsync(fileno(out->stream)) != 0;
    }
    if (fclose(out->stream) != 0) failed = 1;
    out->stream = NULL;
    if (!failed) {
        doing = "renamed";
        failed = rename(out->beside, out->path) != 0;
    }
    if (failed) {
        int why = errno;
        unlink(out->beside);
        return fault(ST_IO, "%s: cannot be %s: %s", out->path, doing, strerror(why));
    }
    return file_sync_parent(out->path);
}

void file_out_abandon(struct file_out *out)
{
    if (!out->stream) return;
    fclose(out->stream);
    unlink(out->beside);
    out->stream = NULL;
}

status file_make_folder(const char *path)
{
    char part[PATH_MAX];
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof part)
        return fault(ST_INPUT, "folder name of %zu bytes, expected 1 to %d", n, PATH_MAX - 1);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++)
        if (part[i] == '/' || part[i] == 0) {
            char kept = part[i];
            part[i] = 0;
            if (mkdir(part, 0777) != 0 && errno != EEXIST)
                return fault(ST_IO, "%s: cannot be made: %s", part, strerror(errno));
            part[i] = kept;
        }
    if (!file_is_folder(path)) return fault(ST_IO, "%s: is not a folder", path);
    return ST_OK;
}

status file_sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed;

    if (fd < 0) return fault(ST_IO, "%s: cannot be opened: %s", path, strerror(errno));
    failed = fsync(fd) != 0;
    close(fd);
    return failed ? fault(ST_IO, "%s: cannot be made durable: %s", path, strerror(errno)) : ST_OK;
}

status file_sync_parent(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    if (!slash) return file_sync_folder(".");
    if (n == 0) return file_sync_folder("/");
    if (n >= sizeof folder) return fault(ST_INPUT, "path of %zu bytes, expected at most %d", n, PATH_MAX - 1);
    memcpy(folder, path, n);
    folder[n] = 0;
    return file_sync_folder(folder);
}

status file_join(char *out, size_t room, const char *folder, const char *name)
{
    int n;

    if (name[0] == '/' || folder[0] == 0) n = snprintf(out, room, "%s", name);
    else n = snprintf(out, room, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name);
    if (n < 0 || (size_t)n >= room) return fault(ST_INPUT, "path too long: %.60s…/%.60s", folder, name);
    return ST_OK;
}

status file_keep_path(char *out, size_t room, const char *path)
{
    size_t n = strlen(path);

    if (n >= room) return fault(ST_INPUT, "path of %zu bytes, expected less than %zu", n, room);
    memcpy(out, path, n + 1);
    return ST_OK;
}

int file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int file_is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

status file_remove_tree(const char *path)
{
    if (!file_exists(path)) return ST_OK;
    if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS) != 0)
        return fault(ST_IO, "%s: cannot be removed: %s", path, strerror(errno));
    return ST_OK;
}

void file_guard_standard(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++) /* the lowest free one is what open gives */
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) _exit(1);
}
