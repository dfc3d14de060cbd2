#include "coordinator/data/groups.h"

#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

static const char name[] = "groups.tsv";

/* One line, its end found; cut into two texts. */
static int cut_line(char *line, const char *end)
{
    char *tab = memchr(line, '\t', (size_t)(end - line));

    if (!tab || tab == line || tab + 1 == end || end - tab > GROUP_BYTES || memchr(line, 0, (size_t)(end - line)))
        return 0;
    *tab = 0;
    return !memchr(tab + 1, '\t', (size_t)(end - tab - 1));
}

static status cut_lines(struct groups *g, const char *path)
{
    char *stop = g->text + g->size;
    int number = 1;

    for (char *line = g->text; line < stop; number++) {
        char *end = memchr(line, '\n', (size_t)(stop - line));

        if (!end || !cut_line(line, end))
            return fault(ST_INPUT, "%s:%d: expected task, tab, group (at most %d bytes), end of line", path, number,
                         GROUP_BYTES - 1);
        *end = 0;
        line = end + 1;
    }
    return ST_OK;
}

status groups_load(const char *raw, struct groups *out)
{
    char path[4096];
    status s;

    *out = (struct groups){0};
    TRY(file_join(path, sizeof path, raw, name));
    if (!file_exists(path)) return ST_OK;
    TRY(file_read(path, (size_t)1 << 20, &out->text, &out->size));
    s = cut_lines(out, path);
    if (s != ST_OK) groups_free(out);
    return s;
}

void groups_free(struct groups *groups)
{
    mem_free(groups->text);
    *groups = (struct groups){0};
}

const char *groups_find(const struct groups *groups, const char *task)
{
    for (const char *at = groups->text; groups->size && at < groups->text + groups->size;) {
        const char *group = at + strlen(at) + 1;

        if (strcmp(at, task) == 0) return group;
        at = group + strlen(group) + 1;
    }
    return "";
}
