/* Arenas. Layout, little-endian: struct head, then count entries, then the parts, each at its alignment; parts of
 * 4096 begin on a page. Offsets are from the start of the mapping, and a foreign header is checked before any of
 * them is used. */
#include "cluster/base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"

enum { ARENA_VERSION = 1, PAGE_BYTES = 4096, PARTS_MOST = 1 << 20 };

static const char arena_magic[8] = "MP2ARENA";

struct arena_head {
    char magic[8];
    uint32_t version;
    _Atomic uint32_t sealed; /* 1: the contents are complete */
    uint64_t size, count;
    char tag[ARENA_TAG_BYTES];
};

struct arena_entry {
    char name[ARENA_NAME_BYTES];
    uint64_t offset, bytes;
};

static struct arena_head *head_of(const struct arena *a)
{
    return a->base;
}

static struct arena_entry *entries_of(const struct arena *a)
{
    return (struct arena_entry *)((char *)a->base + sizeof(struct arena_head));
}

/* Round up; 0 when it overflows. */
static size_t align(size_t n, size_t alignment)
{
    size_t up;

    return __builtin_add_overflow(n, alignment - 1, &up) ? 0 : up / alignment * alignment;
}

/* Offsets of the parts (offsets may be NULL) and the whole size. */
static status plan(const struct arena_part *parts, size_t count, struct arena_entry *entries, size_t *size)
{
    size_t at = sizeof(struct arena_head) + count * sizeof(struct arena_entry);

    if (count > PARTS_MOST) return fault(ST_USAGE, "an arena of %zu parts, expected at most %d", count, PARTS_MOST);
    for (size_t i = 0; i < count; i++) {
        const struct arena_part *p = &parts[i];

        if (strlen(p->name) >= ARENA_NAME_BYTES || (p->alignment != 64 && p->alignment != PAGE_BYTES))
            return fault(ST_USAGE, "arena part \"%s\": name of at most %d bytes, alignment 64 or 4096", p->name,
                         ARENA_NAME_BYTES - 1);
        at = align(at, p->alignment);
        if (entries) {
            memcpy(entries[i].name, p->name, strlen(p->name) + 1);
            entries[i].offset = at;
            entries[i].bytes = p->bytes;
        }
        if (at == 0 || __builtin_add_overflow(at, p->bytes, &at))
            return fault(ST_MEMORY, "out of memory: arena part \"%s\" of %zu bytes", p->name, p->bytes);
    }
    *size = align(at, PAGE_BYTES);
    return *size > 0 ? ST_OK : fault(ST_MEMORY, "out of memory: an arena larger than an address space");
}

static status fill_head(struct arena *a, const struct arena_part *parts, size_t count, const char *tag)
{
    struct arena_head *h = head_of(a);
    size_t size;

    memcpy(h->magic, arena_magic, sizeof h->magic);
    h->version = ARENA_VERSION;
    h->size = a->size;
    h->count = count;
    memcpy(h->tag, tag, strlen(tag) + 1);
    return plan(parts, count, entries_of(a), &size);
}

static status map(struct arena *a, size_t size, int fd, int protection)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *p = mmap(NULL, size, protection, flags, fd, 0);

    if (p == MAP_FAILED)
        return fault(ST_MEMORY, "out of memory: %zu bytes cannot be mapped: %s", size, strerror(errno));
    madvise(p, size, MADV_HUGEPAGE); /* a wish: not every file system has huge pages */
    a->base = p;
    a->size = size;
    a->writable = (protection & PROT_WRITE) != 0;
    return ST_OK;
}

status arena_new(const struct arena_part *parts, size_t count, struct arena *out)
{
    size_t size;

    *out = (struct arena){0};
    TRY(plan(parts, count, NULL, &size));
    TRY(map(out, size, -1, PROT_READ | PROT_WRITE));
    return fill_head(out, parts, count, "");
}

/* ---- files ---- */

static unsigned long long free_bytes(const char *folder)
{
    struct statvfs fs;

    return statvfs(folder, &fs) == 0 ? (unsigned long long)fs.f_bavail * fs.f_frsize : 0;
}

/* A file of this size with all its room; -1 and errno when there is none. */
static int make_file(const char *path, size_t size)
{
    int fd, why;

    if (unlink(path) != 0 && errno != ENOENT) return -1;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    do why = posix_fallocate(fd, 0, (off_t)size);
    while (why == EINTR);
    if (why == 0) return fd;
    close(fd);
    unlink(path);
    errno = why;
    return -1;
}

static status make_somewhere(const char *name, const char *folder, size_t size, char path[ARENA_PATH_BYTES], int *fd)
{
    int why;

    TRY(file_join(path, ARENA_PATH_BYTES, "/dev/shm", name));
    *fd = make_file(path, size);
    if (*fd >= 0) return ST_OK;
    why = errno;
    TRY(file_join(path, ARENA_PATH_BYTES, folder, name));
    *fd = make_file(path, size);
    if (*fd < 0)
        return fault(ST_IO, "%s: %zu bytes of shared memory cannot be had: %s (%llu free); in /dev/shm: %s (%llu free)",
                     path, size, strerror(errno), free_bytes(folder), strerror(why), free_bytes("/dev/shm"));
    log_warn("arena-file", "path=%s bytes=%zu why=\"/dev/shm: %s\"", path, size, strerror(why));
    return ST_OK;
}

status arena_create(const struct arena_part *parts, size_t count, const char *name, const char *folder, const char *tag,
                    struct arena *out)
{
    char path[ARENA_PATH_BYTES];
    size_t size;
    status s;
    int fd;

    *out = (struct arena){0};
    if (strlen(tag) >= ARENA_TAG_BYTES || strchr(name, '/'))
        return fault(ST_USAGE, "arena \"%s\": its tag has at most %d bytes, its name no slash", name,
                     ARENA_TAG_BYTES - 1);
    TRY(plan(parts, count, NULL, &size));
    TRY(make_somewhere(name, folder, size, path, &fd));
    s = map(out, size, fd, PROT_READ | PROT_WRITE);
    close(fd);
    if (s == ST_OK) {
        memcpy(out->path, path, sizeof out->path);
        return fill_head(out, parts, count, tag);
    }
    unlink(path);
    return s;
}

/* What is wrong with a mapped arena; NULL: nothing. */
static const char *problem_of(const struct arena *a, const char *tag)
{
    const struct arena_head *h = head_of(a);
    const struct arena_entry *e = entries_of(a);
    uint64_t end;

    if (a->size < sizeof *h || memcmp(h->magic, arena_magic, sizeof h->magic) != 0) return "no arena";
    if (h->version != ARENA_VERSION) return "an arena of another version";
    if (h->size != a->size) return "an arena of another size than its file";
    if (h->count > PARTS_MOST || sizeof *h + h->count * sizeof *e > a->size) return "an arena with a damaged table";
    end = sizeof *h + h->count * sizeof *e;
    for (uint64_t i = 0; i < h->count; i++) {
        if (!memchr(e[i].name, 0, sizeof e[i].name) || e[i].offset % 64 != 0 || e[i].offset < end ||
            e[i].offset > a->size || e[i].bytes > a->size - e[i].offset)
            return "an arena with a damaged table";
        end = e[i].offset + e[i].bytes;
    }
    if (!memchr(h->tag, 0, sizeof h->tag)) return "an arena with a damaged tag";
    if (atomic_load_explicit(&head_of(a)->sealed, memory_order_acquire) != 1)
        return "an arena that was never completed";
    if (tag && strcmp(h->tag, tag) != 0) return "an arena that holds something else";
    return NULL;
}

/* NULL and *out, or what is wrong. */
static const char *try_open(const char *path, const char *tag, int writable, struct arena *out)
{
    const char *problem;
    struct stat st;
    void *p;
    int fd;

    *out = (struct arena){0};
    if (strlen(path) >= sizeof out->path) return "a path that is too long";
    fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0) return strerror(errno);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct arena_head)) {
        close(fd);
        return "no arena";
    }
    p = mmap(NULL, (size_t)st.st_size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
    close(fd);
    if (p == MAP_FAILED) return strerror(errno);
    *out = (struct arena){.base = p, .size = (size_t)st.st_size, .writable = writable};
    memcpy(out->path, path, strlen(path) + 1);
    problem = problem_of(out, tag);
    if (problem) arena_close(out);
    return problem;
}

status arena_open(const char *path, const char *tag, int writable, struct arena *out)
{
    const char *problem = try_open(path, tag, writable, out);

    return problem ? fault(ST_INPUT, "%s: found %s, expected shared memory made by mp2", path, problem) : ST_OK;
}

int arena_usable(const char *path, const char *tag)
{
    struct arena a;

    if (try_open(path, tag, 0, &a)) return 0;
    arena_close(&a);
    return 1;
}

void arena_seal(struct arena *a)
{
    atomic_store_explicit(&head_of(a)->sealed, 1, memory_order_release);
}

void arena_unlink(struct arena *a)
{
    if (a->path[0]) unlink(a->path);
    a->path[0] = 0;
}

void arena_close(struct arena *a)
{
    if (a->base) munmap(a->base, a->size);
    a->base = NULL;
    a->size = 0;
}

/* ---- parts ---- */

size_t arena_count(const struct arena *a)
{
    return (size_t)head_of(a)->count;
}

void *arena_at(const struct arena *a, size_t index, size_t *bytes)
{
    const struct arena_entry *e = &entries_of(a)[index];

    if (bytes) *bytes = (size_t)e->bytes;
    return (char *)a->base + e->offset;
}

void *arena_find(const struct arena *a, const char *name, size_t *bytes)
{
    for (size_t i = 0; i < arena_count(a); i++)
        if (strcmp(entries_of(a)[i].name, name) == 0) return arena_at(a, i, bytes);
    return NULL;
}
