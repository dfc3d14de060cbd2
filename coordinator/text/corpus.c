#include "coordinator/text/corpus.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/utf8.h"

enum { PATH_ROOM = 4096 };

static status add_file(struct corpus *c, const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0) return fault(ST_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    TRY(mem_grow(&c->paths, &c->room, c->count + 1, sizeof *c->paths));
    TRY(mem_text(path, strlen(path), &c->paths[c->count]));
    c->count++;
    c->bytes += S_ISREG(st.st_mode) ? (int64_t)st.st_size : 0;
    return ST_OK;
}

static int ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

static int is_text(const struct dirent *entry)
{
    const char *name = entry->d_name;

    return ends_with(name, ".txt") || ends_with(name, ".txt.gz") || ends_with(name, ".txt.xz");
}

/* strcmp whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static status add_folder(struct corpus *c, const char *folder)
{
    struct dirent **names;
    int n = scandir(folder, &names, is_text, by_name);
    status s = ST_OK;

    if (n < 0) return fault(ST_INPUT, "%s: cannot be read: %s", folder, strerror(errno));
    if (n == 0) s = fault(ST_INPUT, "%s: no text in this folder, expected files *.txt, *.txt.gz or *.txt.xz", folder);
    for (int i = 0; i < n; i++) {
        char path[PATH_ROOM];

        if (s == ST_OK) s = file_join(path, sizeof path, folder, names[i]->d_name);
        if (s == ST_OK && !file_is_folder(path)) s = add_file(c, path);
        free(names[i]);
    }
    free(names);
    return s;
}

status corpus_open(const struct option_list *texts, struct corpus *out)
{
    status s = ST_OK;

    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < texts->count && s == ST_OK; i++)
        s = file_is_folder(texts->items[i]) ? add_folder(out, texts->items[i]) : add_file(out, texts->items[i]);
    if (s == ST_OK && out->count == 0) s = fault(ST_INPUT, "no text is named, expected files or folders");
    if (s != ST_OK) corpus_close(out);
    return s;
}

void corpus_close(struct corpus *c)
{
    stream_close(&c->stream);
    for (size_t i = 0; i < c->count; i++) mem_free(c->paths[i]);
    mem_free(c->paths);
    memset(c, 0, sizeof *c);
}

static void end_file(struct corpus *c)
{
    c->bytes_before += stream_file_offset(c->stream);
    stream_close(&c->stream);
    c->file++;
}

status corpus_next(struct corpus *c, size_t limit, char **text, size_t *n, int *ends)
{
    size_t bad;
    status s;

    for (;;) {
        if (!c->stream) {
            if (c->file == c->count) return ST_END;
            TRY(stream_open(c->paths[c->file], &c->stream));
        }
        c->starts = stream_line_number(c->stream) == 0;
        s = stream_piece(c->stream, limit, text, n, ends);
        if (s != ST_END) break;
        end_file(c);
    }
    if (s != ST_OK) return s;
    if (c->starts && *n >= 3 && memcmp(*text, "\xef\xbb\xbf", 3) == 0) {
        *text += 3;
        *n -= 3;
    }
    bad = utf8_valid(*text, *n);
    if (bad == *n) return ST_OK;
    return fault(ST_INPUT, "%s:%lld: invalid UTF-8 (byte 0x%02x), expected text in UTF-8", c->paths[c->file],
                 (long long)stream_line_number(c->stream), (unsigned char)(*text)[bad]);
}

int corpus_file_starts(const struct corpus *c)
{
    return c->starts;
}

int64_t corpus_bytes_read(const struct corpus *c)
{
    return c->bytes_before + (c->stream ? stream_file_offset(c->stream) : 0);
}

void corpus_rewind(struct corpus *c)
{
    stream_close(&c->stream);
    c->file = 0;
    c->bytes_before = 0;
}
