/* One decoder (plain, gzip, xz) fills one buffer; lines are found in place and the buffer grows only for a line that
 * does not fit. What a caller may be told about a damaged file is known where it is decoded, so the faults stand
 * there. */
#include "cluster/base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { INPUT_BYTES = 1 << 18, LINE_BYTES = 1 << 18 };
#define XZ_MEMORY ((uint64_t)1 << 30) /* a dictionary beyond this is hostile or a mistake */

enum coding { PLAIN, GZIP, XZ };

struct stream {
    char *path;
    int fd, owned;
    enum coding coding;
    int decoder;   /* z or xz is to be ended */
    int coded_end; /* the last gzip member is complete */
    z_stream z;
    lzma_stream xz;
    unsigned char *input; /* bytes of the file: [input_at, input_have) are not decoded yet */
    size_t input_at, input_have;
    int input_end, end; /* no more bytes of the file; no more bytes of text */
    int64_t offset, size;
    char *text; /* decoded: [at, have) is not given yet; one byte more is allocated */
    size_t at, have, room;
    char covered; /* the byte under the 0 after a piece */
    int is_covered;
    int64_t line;
    int inside; /* stream_piece gave a part of the line and not its end */
};

/* The line being read, for messages. */
static long long line_now(const struct stream *s)
{
    return (long long)s->line + !s->inside;
}

static status read_input(struct stream *s)
{
    ssize_t n;

    if (s->input_at < s->input_have || s->input_end) return ST_OK;
    do n = read(s->fd, s->input, INPUT_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0) return fault(errno == EISDIR ? ST_INPUT : ST_IO, "%s: cannot be read: %s", s->path, strerror(errno));
    s->input_at = 0;
    s->input_have = (size_t)n;
    s->offset += n;
    if (n > 0) return ST_OK;
    s->input_end = 1;
    if (s->offset < s->size)
        return fault(ST_INPUT, "%s:%lld: the file became shorter while it was read: %lld bytes, expected %lld", s->path,
                     line_now(s), (long long)s->offset, (long long)s->size);
    return ST_OK;
}

static status cut_short(const struct stream *s)
{
    return fault(ST_INPUT, "%s:%lld: the %s data ends early, after %lld bytes of the file", s->path, line_now(s),
                 s->coding == GZIP ? "gzip" : "xz", (long long)s->offset);
}

static status damaged(const struct stream *s, const char *why)
{
    return fault(ST_INPUT, "%s:%lld: the %s data is damaged near byte %lld of the file: %s", s->path, line_now(s),
                 s->coding == GZIP ? "gzip" : "xz", (long long)s->offset - (long long)(s->input_have - s->input_at),
                 why);
}

static status decode_plain(struct stream *s, char *out, size_t room, size_t *got)
{
    size_t n = s->input_have - s->input_at;

    *got = n < room ? n : room;
    memcpy(out, s->input + s->input_at, *got);
    s->input_at += *got;
    return ST_OK;
}

/* One call of inflate. A member may be followed by another one; anything else after it is damage. */
static status decode_gzip(struct stream *s, char *out, size_t room, size_t *got)
{
    int rc;

    if (s->coded_end) {
        if (s->input_at == s->input_have) return ST_OK;
        if (inflateReset(&s->z) != Z_OK) return damaged(s, "cannot start over");
        s->coded_end = 0;
    }
    if (s->input_at == s->input_have) return cut_short(s);
    s->z.next_in = s->input + s->input_at;
    s->z.avail_in = (uInt)(s->input_have - s->input_at);
    s->z.next_out = (unsigned char *)out;
    s->z.avail_out = room < INT32_MAX ? (uInt)room : INT32_MAX;
    rc = inflate(&s->z, Z_NO_FLUSH);
    *got = (size_t)(s->z.next_out - (unsigned char *)out);
    s->input_at = s->input_have - s->z.avail_in;
    if (rc == Z_STREAM_END) s->coded_end = 1;
    else if (rc == Z_MEM_ERROR) return fault(ST_MEMORY, "%s: out of memory", s->path);
    else if (rc != Z_OK && rc != Z_BUF_ERROR) return damaged(s, s->z.msg ? s->z.msg : "not gzip");
    return ST_OK;
}

static status decode_xz(struct stream *s, char *out, size_t room, size_t *got)
{
    lzma_ret rc;

    s->xz.next_in = s->input + s->input_at;
    s->xz.avail_in = s->input_have - s->input_at;
    s->xz.next_out = (unsigned char *)out;
    s->xz.avail_out = room;
    rc = lzma_code(&s->xz, s->input_end ? LZMA_FINISH : LZMA_RUN);
    *got = room - s->xz.avail_out;
    s->input_at = s->input_have - s->xz.avail_in;
    switch (rc) {
    case LZMA_OK: return ST_OK;
    case LZMA_STREAM_END: s->coded_end = 1; return ST_OK;
    case LZMA_BUF_ERROR: return s->input_end ? cut_short(s) : ST_OK;
    case LZMA_MEM_ERROR: return fault(ST_MEMORY, "%s: out of memory", s->path);
    case LZMA_MEMLIMIT_ERROR: return damaged(s, "its dictionary needs more than 1 GiB");
    case LZMA_OPTIONS_ERROR: return damaged(s, "made with options that this liblzma does not know");
    case LZMA_FORMAT_ERROR: return damaged(s, "not xz");
    default: return damaged(s, "a checksum or the coding is wrong");
    }
}

/* Decode until there are bytes or the end is reached. */
static status decode(struct stream *s, char *out, size_t room, size_t *got)
{
    *got = 0;
    while (*got == 0 && !s->end && room > 0) {
        TRY(read_input(s));
        switch (s->coding) {
        case PLAIN: TRY(decode_plain(s, out, room, got)); break;
        case GZIP: TRY(decode_gzip(s, out, room, got)); break;
        case XZ: TRY(decode_xz(s, out, room, got)); break;
        }
        if (*got == 0 && s->input_end && (s->coding == PLAIN || s->coded_end)) s->end = 1;
    }
    return ST_OK;
}

static status choose_decoder(struct stream *s)
{
    static const unsigned char xz_magic[6] = {0xfd, '7', 'z', 'X', 'Z', 0};

    TRY(read_input(s));
    if (s->input_have >= 2 && s->input[0] == 0x1f && s->input[1] == 0x8b) {
        if (inflateInit2(&s->z, 15 + 16) != Z_OK) return fault(ST_MEMORY, "%s: out of memory", s->path);
        s->coding = GZIP;
        s->decoder = 1;
    } else if (s->input_have >= sizeof xz_magic && memcmp(s->input, xz_magic, sizeof xz_magic) == 0) {
        if (lzma_stream_decoder(&s->xz, XZ_MEMORY, LZMA_CONCATENATED) != LZMA_OK)
            return fault(ST_MEMORY, "%s: out of memory", s->path);
        s->coding = XZ;
        s->decoder = 1;
    }
    return ST_OK;
}

static status stream_new(int fd, int owned, const char *path, struct stream **out)
{
    status st;

    *out = NULL;
    st = mem_alloc(1, sizeof **out, out);
    if (st != ST_OK) {
        if (owned) close(fd);
        return st;
    }
    (*out)->xz = (lzma_stream)LZMA_STREAM_INIT;
    (*out)->fd = fd;
    (*out)->owned = owned;
    (*out)->size = -1;
    (*out)->room = LINE_BYTES;
    TRY(mem_text(path, strlen(path), &(*out)->path));
    TRY(mem_alloc(INPUT_BYTES, 1, &(*out)->input));
    return mem_alloc(LINE_BYTES + 1, 1, &(*out)->text);
}

status stream_open(const char *path, struct stream **out)
{
    struct stat st;
    status result;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    *out = NULL;
    if (fd < 0) return fault(ST_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    result = stream_new(fd, 1, path, out);
    if (result == ST_OK && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) (*out)->size = (int64_t)st.st_size;
    if (result == ST_OK) result = choose_decoder(*out);
    if (result != ST_OK) stream_close(out);
    return result;
}

status stream_open_raw(int fd, const char *name, struct stream **out)
{
    status result = stream_new(fd, 0, name, out);

    if (result != ST_OK) stream_close(out);
    return result;
}

void stream_close(struct stream **s)
{
    if (!*s) return;
    if ((*s)->decoder && (*s)->coding == GZIP) inflateEnd(&(*s)->z);
    if ((*s)->decoder && (*s)->coding == XZ) lzma_end(&(*s)->xz);
    if ((*s)->owned) close((*s)->fd);
    mem_free((*s)->path);
    mem_free((*s)->input);
    mem_free((*s)->text);
    mem_free(*s);
    *s = NULL;
}

static void uncover(struct stream *s)
{
    if (s->is_covered) s->text[s->at] = s->covered;
    s->is_covered = 0;
}

status stream_read(struct stream *s, void *data, size_t room, size_t *got)
{
    uncover(s);
    if (s->at == s->have) return decode(s, data, room, got);
    *got = s->have - s->at < room ? s->have - s->at : room;
    memcpy(data, s->text + s->at, *got);
    s->at += *got;
    return ST_OK;
}

/* Make more of the line visible: move what is left to the front, grow when it fills the buffer, decode. */
static status more_text(struct stream *s, size_t *got)
{
    if (s->at > 0) {
        memmove(s->text, s->text + s->at, s->have - s->at);
        s->have -= s->at;
        s->at = 0;
    }
    if (s->have == s->room) {
        size_t room = s->room + 1; /* the byte for the 0 */
        TRY(mem_grow(&s->text, &room, 2 * s->room + 1, 1));
        s->room = room - 1;
    }
    TRY(decode(s, s->text + s->have, s->room - s->have, got));
    s->have += *got;
    return ST_OK;
}

status stream_peek(struct stream *s, size_t least, const char **text, size_t *n)
{
    size_t got = 1;

    uncover(s);
    while (s->have - s->at < least && got > 0) TRY(more_text(s, &got));
    *text = s->text + s->at;
    *n = s->have - s->at;
    return ST_OK;
}

/* The bytes up to the next \n in *n, or limit + 1 when there are more, or what is left of the last line. */
static status find_line(struct stream *s, size_t limit, size_t *n, int *newline)
{
    size_t seen = 0, got;

    uncover(s);
    *newline = 0;
    for (;;) {
        const char *from = s->text + s->at + seen;
        const char *found = memchr(from, '\n', s->have - s->at - seen);

        seen = found ? (size_t)(found - s->text) - s->at : s->have - s->at;
        *newline = found != NULL && seen <= limit;
        if (found || seen > limit) break;
        TRY(more_text(s, &got));
        if (got == 0) break;
    }
    *n = seen <= limit ? seen : limit + 1;
    return *n == 0 && !*newline ? ST_END : ST_OK;
}

/* Where a piece of at most limit bytes ends so that no character is cut. */
static size_t piece_end(const char *text, size_t limit)
{
    size_t cut = limit;

    while (cut > limit - 3 && ((unsigned char)text[cut] & 0xc0) == 0x80) cut--;
    return ((unsigned char)text[cut] & 0xc0) == 0x80 ? limit : cut;
}

static void give_line(struct stream *s, size_t n, int newline, char **text)
{
    *text = s->text + s->at;
    s->at += n;
    if (!newline) {
        s->covered = s->text[s->at];
        s->is_covered = s->at < s->have;
    }
    s->text[s->at] = 0;
    s->at += (size_t)newline;
}

status stream_line(struct stream *s, size_t limit, char **text, size_t *n)
{
    int newline;

    TRY(find_line(s, limit, n, &newline));
    if (*n > limit) return fault(ST_INPUT, "%s:%lld: line of more than %zu bytes", s->path, line_now(s), limit);
    s->line++;
    give_line(s, *n, newline, text);
    return ST_OK;
}

status stream_piece(struct stream *s, size_t limit, char **text, size_t *n, int *ends)
{
    int newline, fresh = !s->inside;

    TRY(find_line(s, limit, n, &newline));
    *ends = *n <= limit;
    if (!*ends) *n = piece_end(s->text + s->at, limit);
    s->line += fresh;
    s->inside = !*ends;
    give_line(s, *n, newline, text);
    return ST_OK;
}

int stream_waits(const struct stream *s)
{
    return s->at == s->have && s->input_at == s->input_have;
}

int64_t stream_line_number(const struct stream *s)
{
    return s->line;
}

int64_t stream_file_offset(const struct stream *s)
{
    return s->offset;
}

int64_t stream_file_size(const struct stream *s)
{
    return s->size;
}
