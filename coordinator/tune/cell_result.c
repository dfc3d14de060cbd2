/* result.json. Numbers that are not finite are null. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/json.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/tune/cell_state.h"

enum { RESULT_VERSION = 1, GATES_MOST = 1 << 20 };

void cell_result_fini(struct cell_result *r)
{
    mem_free(r->router);
    memset(r, 0, sizeof *r);
}

/* ---- one list of the plain fields, for both ways ---- */

enum field_type { FIELD_TEXT, FIELD_REAL, FIELD_WHOLE, FIELD_INT };
struct field {
    const char *name;
    enum field_type type;
    size_t offset, room;
};

#define AT(field) offsetof(struct cell_result, field)
#define TEXT(field)                                                           \
    {                                                                         \
#field, FIELD_TEXT, AT(field), sizeof((struct cell_result *)0)->field \
    }
#define REAL(field)                      \
    {                                    \
#field, FIELD_REAL, AT(field), 0 \
    }
#define WHOLE(field)                      \
    {                                     \
#field, FIELD_WHOLE, AT(field), 0 \
    }

static const struct field fields[] = {
    TEXT(task),        TEXT(method),       WHOLE(seed),      {"k", FIELD_INT, AT(k), 0},
    TEXT(metric),      REAL(dev),          REAL(dev_loss),   REAL(test),
    REAL(test_loss),   TEXT(test_split),   WHOLE(test_rows), REAL(majority),
    REAL(untuned_dev), REAL(train_loss),   WHOLE(steps),     WHOLE(evaluations),
    WHOLE(parameters), TEXT(best_stage),   WHOLE(best_at),   REAL(seconds),
    WHOLE(ranks),      TEXT(config_digest)};

enum { FIELD_COUNT = sizeof fields / sizeof *fields };

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *field_json(const struct cell_result *r, const struct field *f)
{
    const char *at = (const char *)r + f->offset;

    switch (f->type) {
    case FIELD_TEXT: return json_string(at);
    case FIELD_REAL: return number(*(const double *)(const void *)at);
    case FIELD_WHOLE: return json_integer(*(const int64_t *)(const void *)at);
    case FIELD_INT: return json_integer(*(const int *)(const void *)at);
    }
    return NULL;
}

static json_t *router_json(const struct cell_result *r)
{
    json_t *layers = json_array();

    for (int l = 0; r->router && l < r->layers; l++) {
        json_t *row = json_array();

        for (int k = 0; k < r->modules; k++) json_array_append_new(row, number(r->router[l * r->modules + k]));
        json_array_append_new(layers, row);
    }
    return layers;
}

static json_t *rows_json(const int64_t *rows, int64_t count)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < count; i++) json_array_append_new(list, json_integer(rows[i]));
    return list;
}

/* root is given up. */
static status write_json(const char *folder, const char *name, json_t *root, size_t flags)
{
    char path[4096 + 32], *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    int bad = !root || !to || json_dumpf(root, to, flags | JSON_REAL_PRECISION(17)) != 0 || fputc('\n', to) == EOF;
    status s;

    json_decref(root);
    if (to && fclose(to) != 0) bad = 1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    s = bad ? fault(ST_MEMORY, "out of memory: %s", name) : file_replace(path, text, bytes);
    free(text);
    return s;
}

status cell_save_examples(const char *folder, const struct few_shot *draw)
{
    json_t *root = json_object();
    int bad = json_object_set_new(root, "split", json_string(split_text(draw->split)));

    bad |= json_object_set_new(root, "train", rows_json(draw->train, draw->train_count));
    bad |= json_object_set_new(root, "dev", rows_json(draw->dev, draw->dev_count));
    if (bad) {
        json_decref(root);
        root = NULL;
    }
    return write_json(folder, "examples.json", root, 0);
}

status cell_save(const char *folder, const struct cell_result *r)
{
    json_t *root = json_object();
    int bad = json_object_set_new(root, "version", json_integer(RESULT_VERSION));

    for (int i = 0; i < FIELD_COUNT; i++) bad |= json_object_set_new(root, fields[i].name, field_json(r, &fields[i]));
    bad |= json_object_set_new(root, "layers", json_integer(r->layers));
    bad |= json_object_set_new(root, "modules", json_integer(r->modules));
    bad |= json_object_set_new(root, "router", router_json(r));
    if (bad) {
        json_decref(root);
        root = NULL;
    }
    return write_json(folder, "result.json", root, JSON_INDENT(1));
}

/* ---- reading ---- */

static status wrong(const char *path, const char *what)
{
    return fault(ST_INPUT, "%s: \"%s\" is missing or no value of its kind; remove the file to run the cell again", path,
                 what);
}

static status take_field(const char *path, const json_t *root, const struct field *f, struct cell_result *r)
{
    const json_t *v = json_object_get(root, f->name);
    char *at = (char *)r + f->offset;

    switch (f->type) {
    case FIELD_TEXT:
        if (!json_is_string(v) || json_string_length(v) >= f->room) return wrong(path, f->name);
        snprintf(at, f->room, "%s", json_string_value(v));
        return ST_OK;
    case FIELD_REAL:
        if (!json_is_number(v) && !json_is_null(v)) return wrong(path, f->name);
        *(double *)(void *)at = json_is_null(v) ? NAN : json_number_value(v);
        return ST_OK;
    case FIELD_WHOLE:
    case FIELD_INT:
        if (!json_is_integer(v) || (f->type == FIELD_INT && llabs(json_integer_value(v)) > INT32_MAX))
            return wrong(path, f->name);
        if (f->type == FIELD_INT) *(int *)(void *)at = (int)json_integer_value(v);
        else *(int64_t *)(void *)at = json_integer_value(v);
        return ST_OK;
    }
    return wrong(path, f->name);
}

static status take_router(const char *path, const json_t *root, struct cell_result *r)
{
    const json_t *rows = json_object_get(root, "router");
    int64_t layers = json_integer_value(json_object_get(root, "layers"));
    int64_t modules = json_integer_value(json_object_get(root, "modules"));

    if (layers < 0 || modules < 0 || (modules > 0 && layers > GATES_MOST / modules) || !json_is_array(rows) ||
        (int64_t)json_array_size(rows) != layers)
        return wrong(path, "router");
    if (layers * modules == 0) return ST_OK;
    r->layers = (int32_t)layers;
    r->modules = (int32_t)modules;
    TRY(mem_alloc((size_t)(layers * modules), sizeof *r->router, &r->router));
    for (int64_t l = 0; l < layers; l++) {
        const json_t *row = json_array_get(rows, (size_t)l);

        if (!json_is_array(row) || (int64_t)json_array_size(row) != modules) return wrong(path, "router");
        for (int64_t k = 0; k < modules; k++) {
            const json_t *v = json_array_get(row, (size_t)k);

            if (!json_is_number(v)) return wrong(path, "router");
            r->router[l * modules + k] = json_number_value(v);
        }
    }
    return ST_OK;
}

static status take_values(const char *path, const json_t *root, struct cell_result *r)
{
    json_int_t version = json_integer_value(json_object_get(root, "version"));

    if (version != RESULT_VERSION)
        return fault(ST_INPUT, "%s: version %lld, expected %d", path, (long long)version, RESULT_VERSION);
    for (int i = 0; i < FIELD_COUNT; i++) TRY(take_field(path, root, &fields[i], r));
    return take_router(path, root, r);
}

status cell_load(const char *folder, struct cell_result *out)
{
    char path[4096 + 16];
    json_t *root;
    status s;

    memset(out, 0, sizeof *out);
    snprintf(path, sizeof path, "%s/result.json", folder);
    if (!file_exists(path)) return ST_END;
    TRY(json_open(path, &root));
    s = take_values(path, root, out);
    json_decref(root);
    if (s != ST_OK) cell_result_fini(out);
    return s;
}
