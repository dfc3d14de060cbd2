#include "coordinator/command/checkpoint/rows.h"

#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/catalogue.h"

static status check_without(const struct catalogue *c, const char *folder, const struct option_list *without)
{
    for (size_t i = 0; i < without->count; i++) {
        const struct entry *e = catalogue_find(c, without->items[i]);
        if (!e || e->upstream < 0)
            return fault(ST_INPUT, "without: \"%.60s\" is no upstream task of %s", without->items[i], folder);
    }
    return ST_OK;
}

static int is_among(const struct option_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], id) == 0) return 1;
    return 0;
}

static status take_rows(const struct catalogue *c, const struct option_list *without, int form,
                        struct checkpoint_rows *out)
{
    TRY(mem_keep_new(&out->keep, c->count, sizeof *out->tasks, &out->tasks));
    for (size_t i = 0; i < c->count; i++) {
        const struct entry *e = &c->entry[i];
        const char *labels = e->wording[form].labels ? e->wording[form].labels->name : "";
        struct state_task *t = &out->tasks[out->count];

        if (e->upstream < 0 || is_among(without, e->id)) continue;
        TRY(mem_keep_text(&out->keep, e->id, strlen(e->id), &t->name));
        TRY(mem_keep_text(&out->keep, labels, strlen(labels), &t->label_set));
        out->count++;
    }
    return ST_OK;
}

status checkpoint_rows_load(const char *catalogue, const struct option_list *without, int form,
                            struct checkpoint_rows *out)
{
    struct catalogue c;
    status s;

    memset(out, 0, sizeof *out);
    TRY(catalogue_load(catalogue, &c));
    s = check_without(&c, catalogue, without);
    if (s == ST_OK) s = take_rows(&c, without, form, out);
    catalogue_free(&c);
    if (s != ST_OK) checkpoint_rows_free(out);
    return s;
}

void checkpoint_rows_free(struct checkpoint_rows *rows)
{
    mem_keep_free(&rows->keep);
    memset(rows, 0, sizeof *rows);
}
