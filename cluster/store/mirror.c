#include "cluster/store/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/journal_segment.h"

enum { COPY_BYTES = 1 << 20, NEWS_BYTES = PATH_MAX + 128 };

struct mirror {
    char folder[PATH_MAX], journal[PATH_MAX];
    int fd; /* of the newest segment; -1: closed */
    int lost, told;
    char news[NEWS_BYTES]; /* of the loss */
};

/* ---- whose it is ---- */

static status name_path(const char *mirror, char out[PATH_MAX])
{
    return file_join(out, PATH_MAX, mirror, "mirror-of");
}

/* The journal's folder by its full name, a line. */
static status identity(const char *folder, char out[PATH_MAX + 1])
{
    if (!realpath(folder, out)) return fault(ST_IO, "%s: cannot be looked at: %s", folder, strerror(errno));
    out[strlen(out) + 1] = 0;
    out[strlen(out)] = '\n';
    return ST_OK;
}

/* *there: it has an owner, which is this journal. */
static status check_owner(const char *mirror, const char *folder, int *there)
{
    char path[PATH_MAX], mine[PATH_MAX + 1], *found;
    size_t n;
    status s = ST_OK;

    TRY(name_path(mirror, path));
    *there = file_exists(path);
    if (!*there) return ST_OK;
    TRY(identity(folder, mine));
    TRY(file_read(path, PATH_MAX + 1, &found, &n));
    if (strcmp(found, mine) != 0) {
        found[strcspn(found, "\n")] = 0;
        s = fault(ST_INPUT, "%s: is the mirror of %s, expected one of %s (write that into it where the run has moved)",
                  path, found, folder);
    }
    mem_free(found);
    return s;
}

/* ---- copying ---- */

static status copy_bytes(const char *from, int fd, FILE *to)
{
    unsigned char *buffer;
    ssize_t n = 0;
    status s = mem_alloc(COPY_BYTES, 1, &buffer);

    while (s == ST_OK && ((n = read(fd, buffer, COPY_BYTES)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0 && fwrite(buffer, 1, (size_t)n, to) != (size_t)n) break; /* file_out_commit reports it */
    if (s == ST_OK && n < 0) s = fault(ST_IO, "%s: cannot be read: %s", from, strerror(errno));
    mem_free(buffer);
    return s;
}

static status copy_segment(const char *from, const char *to, uint64_t first)
{
    char source[PATH_MAX], target[PATH_MAX];
    struct file_out out;
    status s;
    int fd;

    TRY(segment_path(from, first, source));
    TRY(segment_path(to, first, target));
    fd = open(source, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fault(ST_IO, "%s: cannot be opened: %s", source, strerror(errno));
    s = file_out_open(target, &out);
    if (s == ST_OK) {
        s = copy_bytes(source, fd, out.stream);
        if (s == ST_OK) s = file_out_commit(&out);
        else file_out_abandon(&out);
    }
    close(fd);
    return s;
}

static int same_streams(FILE *a, FILE *b)
{
    char x[4096], y[4096];
    size_t n;

    do {
        n = fread(x, 1, sizeof x, a);
        if (fread(y, 1, sizeof y, b) != n || memcmp(x, y, n) != 0) return 0;
    } while (n > 0);
    return !ferror(a) && !ferror(b);
}

/* 1: both are there and hold the same bytes. */
static int same_bytes(const char *a, const char *b)
{
    FILE *x = fopen(a, "re"), *y = fopen(b, "re");
    int same = x && y && same_streams(x, y);

    if (x) fclose(x);
    if (y) fclose(y);
    return same;
}

static int in_list(const uint64_t *list, size_t count, uint64_t first)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == first) return 1;
    return 0;
}

static status remove_others(const char *folder, const uint64_t *keep, size_t count)
{
    char path[PATH_MAX];
    uint64_t *firsts;
    size_t there;
    status s;

    TRY(segment_list(folder, &firsts, &there));
    s = ST_OK;
    for (size_t i = 0; s == ST_OK && i < there; i++) {
        if (in_list(keep, count, firsts[i])) continue;
        s = segment_path(folder, firsts[i], path);
        if (s == ST_OK && unlink(path) != 0) s = fault(ST_IO, "%s: cannot be removed: %s", path, strerror(errno));
    }
    mem_free(firsts);
    return s;
}

/* Make the segments in `to` those in `from`; *newest: the first step of the last. */
static status copy_all(const char *from, const char *to, uint64_t *newest)
{
    char source[PATH_MAX], target[PATH_MAX];
    uint64_t *firsts;
    size_t count;
    status s;

    *newest = 0;
    TRY(segment_list(from, &firsts, &count));
    s = remove_others(to, firsts, count);
    for (size_t i = 0; s == ST_OK && i < count; i++) {
        *newest = firsts[i];
        s = segment_path(from, firsts[i], source);
        if (s == ST_OK) s = segment_path(to, firsts[i], target);
        if (s == ST_OK && !same_bytes(source, target)) s = copy_segment(from, to, firsts[i]);
    }
    mem_free(firsts);
    return s == ST_OK ? file_sync_folder(to) : s;
}

/* ---- restoring ---- */

/* 1: the mirror goes further than the journal does, or as far from an earlier record on. An epoch that the mirror has
 * not seen outweighs any record. */
static int holds_more(const struct journal_facts *mirror, const struct journal_facts *journal)
{
    if (mirror->epoch != journal->epoch) return mirror->epoch > journal->epoch;
    if (mirror->last_number != journal->last_number) return mirror->last_number > journal->last_number;
    return mirror->records > journal->records;
}

static status put_back(const char *mirror, const char *folder, const char *why)
{
    char before[PATH_MAX], beside[PATH_MAX];
    uint64_t newest;

    if (snprintf(before, sizeof before, "%s.before-mirror", folder) >= (int)sizeof before ||
        snprintf(beside, sizeof beside, "%s.part", folder) >= (int)sizeof beside)
        return fault(ST_INPUT, "%s: the name is too long", folder);
    TRY(file_remove_tree(beside));
    TRY(file_make_folder(beside));
    TRY(copy_all(mirror, beside, &newest));
    TRY(file_remove_tree(before));
    if (rename(folder, before) != 0 || rename(beside, folder) != 0)
        return fault(ST_IO, "%s: cannot be replaced by %s: %s", folder, beside, strerror(errno));
    TRY(file_sync_parent(folder));
    log_warn("journal-restored", "path=%s mirror=%s why=\"%s\" before=%s", folder, mirror, why, before);
    return ST_OK;
}

status mirror_restore(const char *mirror, const char *folder, int begun)
{
    struct journal_facts copy, mine;
    status found;
    int there;

    TRY(file_make_folder(folder));
    TRY(check_owner(mirror, folder, &there));
    if (!there || journal_verify(mirror, &copy) != ST_OK || copy.records == 0) return ST_OK;
    found = journal_verify(folder, &mine);
    if (found == ST_IO) return found;
    if (found == ST_OK && mine.segments == 0 && !begun)
        return fault(ST_INPUT,
                     "%s: holds the journal of steps up to %" PRIu64 ", and %s none: put it back (cp -r), or name "
                     "another mirror",
                     mirror, copy.last_step, folder);
    if (found != ST_OK) return put_back(mirror, folder, "it is damaged");
    return holds_more(&copy, &mine) ? put_back(mirror, folder, "the mirror holds more") : ST_OK;
}

/* ---- writing ---- */

static void lose(struct mirror *m, const char *why)
{
    if (m->lost) return;
    m->lost = 1;
    m->told = 0;
    snprintf(m->news, sizeof m->news, "%s: %s", m->folder, why);
    log_warn("journal-mirror-lost", "path=%s why=\"%s\"", m->folder, why);
}

void mirror_lose(struct mirror *m, int why)
{
    lose(m, strerror(why));
}

static status follow(struct mirror *m)
{
    char path[PATH_MAX];
    uint64_t newest;

    if (m->fd >= 0) close(m->fd);
    m->fd = -1;
    TRY(copy_all(m->journal, m->folder, &newest));
    TRY(segment_path(m->folder, newest, path));
    m->fd = open(path, O_WRONLY | O_CLOEXEC);
    return m->fd >= 0 ? ST_OK : fault(ST_IO, "%s: cannot be opened: %s", path, strerror(errno));
}

void mirror_follow(struct mirror *m)
{
    int was = m->lost;

    if (follow(m) != ST_OK) {
        lose(m, "cannot be made equal to the journal");
        return;
    }
    m->lost = 0;
    if (was) log_info("journal-mirror", "path=%s: written again", m->folder);
}

static status prune(struct mirror *m)
{
    uint64_t *firsts;
    size_t count;
    status s;

    TRY(segment_list(m->journal, &firsts, &count));
    s = remove_others(m->folder, firsts, count);
    mem_free(firsts);
    return s;
}

void mirror_prune(struct mirror *m)
{
    if (!m->lost && prune(m) != ST_OK) lose(m, "old segments cannot be removed");
}

static status claim(struct mirror *m)
{
    char path[PATH_MAX], mine[PATH_MAX + 1];
    int there;

    TRY(file_make_folder(m->folder));
    TRY(check_owner(m->folder, m->journal, &there));
    if (there) return ST_OK;
    TRY(name_path(m->folder, path));
    TRY(identity(m->journal, mine));
    return file_replace(path, mine, strlen(mine));
}

status mirror_open(const char *mirror, const char *folder, struct mirror **out)
{
    struct mirror *m;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *m, &m));
    m->fd = -1;
    s = file_keep_path(m->folder, sizeof m->folder, mirror);
    if (s == ST_OK) s = file_keep_path(m->journal, sizeof m->journal, folder);
    if (s == ST_OK) s = claim(m);
    if (s == ST_OK) s = follow(m);
    if (s == ST_OK) *out = m;
    else mirror_close(&m);
    return s;
}

void mirror_close(struct mirror **mirror)
{
    struct mirror *m = *mirror;

    if (!m) return;
    if (m->fd >= 0 && close(m->fd) != 0) log_warn("journal-mirror", "path=%s why=\"%s\"", m->folder, strerror(errno));
    mem_free(m);
    *mirror = NULL;
}

int mirror_fd(const struct mirror *m)
{
    return m->lost ? -1 : m->fd;
}

void mirror_write(struct mirror *m, const struct iovec *v, int n, uint64_t offset)
{
    for (int i = 0; i < n && !m->lost; i++) {
        const char *data = v[i].iov_base;

        for (size_t done = 0; done < v[i].iov_len && !m->lost;) {
            ssize_t wrote = pwrite(m->fd, data + done, v[i].iov_len - done, (off_t)(offset + done));

            if (wrote < 0 && errno != EINTR) lose(m, strerror(errno));
            if (wrote == 0) lose(m, strerror(ENOSPC));
            if (wrote > 0) done += (size_t)wrote;
        }
        offset += v[i].iov_len;
    }
}

const char *mirror_news(struct mirror *m)
{
    if (!m->lost || m->told) return NULL;
    m->told = 1;
    return m->news;
}
