/* The folder of entries: label sets first, then every other file by name. */
#include "coordinator/data/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/place.h"
#include "coordinator/data/entry.h"

enum { ENTRY_LIMIT = 4096 };
static const char sets_name[] = "label_sets.yaml";

static int is_entry(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".yaml") == 0 && strcmp(d->d_name, sets_name) != 0;
}

/* The id is the file's stem: letters, digits, - and _ (it becomes a folder's name). */
static status id_of(struct catalogue *c, const char *path, const char **id)
{
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    size_t n = strlen(stem);

    if (n > 5 && strcmp(stem + n - 5, ".yaml") == 0) n -= 5;
    if (n == 0 || n > 64 || strspn(stem, "abcdefghijklmnopqrstuvwxyz0123456789-_") < n)
        return fault(ST_INPUT, "%s: a task's id is its file's name: 1 to 64 of a-z 0-9 - _", path);
    return mem_keep_text(&c->keep, stem, n, id);
}

static status parse_file(struct catalogue *c, struct yaml_file *file)
{
    struct entry *e = &c->entry[c->count];
    struct parser p = {file->path, c, e};

    memset(e, 0, sizeof *e);
    e->path = file->path;
    TRY(id_of(c, file->path, &e->id));
    TRY(entry_parse(&p, file->root));
    c->count++;
    return ST_OK;
}

static status load_one(struct catalogue *c, const char *folder, const char *name, int sets)
{
    const char *kept;
    char path[4096];

    TRY(file_join(path, sizeof path, folder, name));
    if (sets && !file_exists(path)) return ST_OK;
    TRY(mem_keep_text(&c->keep, path, strlen(path), &kept));
    TRY(yaml_load(kept, &c->file[c->files]));
    c->files++;
    if (sets) return label_sets_parse(&(struct parser){kept, c, NULL}, c->file[c->files - 1].root);
    return parse_file(c, &c->file[c->files - 1]);
}

static int entry_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if ((x->upstream < 0) != (y->upstream < 0)) return x->upstream < 0 ? 1 : -1;
    if (x->upstream != y->upstream) return x->upstream < y->upstream ? -1 : 1;
    return strcmp(x->id, y->id);
}

static status check_order(const struct catalogue *c)
{
    for (size_t i = 1; i < c->count; i++)
        if (c->entry[i].upstream >= 0 && c->entry[i].upstream == c->entry[i - 1].upstream)
            return fault(ST_INPUT, "%s: upstream: %d is %s's too", c->entry[i].path, c->entry[i].upstream,
                         c->entry[i - 1].path);
    return ST_OK;
}

static status load_names(struct catalogue *c, const char *folder, struct dirent **names, size_t n)
{
    if (n == 0) return fault(ST_INPUT, "%s: no task entries (*.yaml) in it", folder);
    if (n > ENTRY_LIMIT) return fault(ST_INPUT, "%s: %zu entries, expected at most %d", folder, n, ENTRY_LIMIT);
    TRY(mem_alloc(n, sizeof *c->entry, &c->entry));
    TRY(mem_alloc(n + 1, sizeof *c->file, &c->file));
    TRY(load_one(c, folder, sets_name, 1));
    for (size_t i = 0; i < n; i++) TRY(load_one(c, folder, names[i]->d_name, 0));
    qsort(c->entry, c->count, sizeof *c->entry, entry_order);
    return check_order(c);
}

status catalogue_load(const char *given, struct catalogue *c)
{
    struct dirent **names = NULL;
    char folder[PATH_MAX];
    status s;
    int n;

    memset(c, 0, sizeof *c);
    TRY(place_find(given, folder, sizeof folder));
    n = scandir(folder, &names, is_entry, alphasort);
    if (n < 0) return fault(ST_INPUT, "%s: cannot be read as the folder of task entries: %s", folder, strerror(errno));
    s = load_names(c, folder, names, (size_t)n);
    while (n > 0) free(names[--n]);
    free(names);
    if (s != ST_OK) catalogue_free(c);
    return s;
}

status catalogue_parse(const char *name, const char *text, size_t n, struct catalogue *c)
{
    status s;

    memset(c, 0, sizeof *c);
    s = mem_alloc(1, sizeof *c->entry, &c->entry);
    if (s == ST_OK) s = mem_alloc(1, sizeof *c->file, &c->file);
    if (s == ST_OK) s = yaml_parse(name, text, n, &c->file[0]);
    if (s == ST_OK) c->files = 1;
    if (s == ST_OK) s = parse_file(c, &c->file[0]);
    if (s != ST_OK) catalogue_free(c);
    return s;
}

void catalogue_free(struct catalogue *c)
{
    for (size_t i = 0; i < c->files; i++) yaml_close(&c->file[i]);
    mem_free(c->file);
    mem_free(c->entry);
    mem_keep_free(&c->keep);
    memset(c, 0, sizeof *c);
}

const struct entry *catalogue_find(const struct catalogue *c, const char *id)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->entry[i].id, id) == 0) return &c->entry[i];
    return NULL;
}
