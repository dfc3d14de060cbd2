/* Names, and writing. Tensors first, then the JSON that holds their digest. */
#include "coordinator/tune/tuned.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/digest.h"
#include "cluster/base/file.h"
#include "cluster/base/json.h"
#include "cluster/base/log.h"
#include "cluster/store/safetensors.h"
#include "coordinator/tune/tuned_names.h"

const char *const tuned_form_names[WORDING_COUNT] = {"right", "run", "head"};

static const char *const ends[] = {".json", ".safetensors"};

status tuned_paths(const char *path, char json[TUNED_PATH_BYTES], char tensors[TUNED_PATH_BYTES])
{
    size_t n = strlen(path);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);

        if (n <= end || strcmp(path + n - end, ends[i]) != 0) continue;
        n -= end;
        break;
    }
    if (n == 0 || n + 16 >= TUNED_PATH_BYTES) return fault(ST_INPUT, "\"%.100s\": no name for a tuned file", path);
    snprintf(json, TUNED_PATH_BYTES, "%.*s.json", (int)n, path);
    snprintf(tensors, TUNED_PATH_BYTES, "%.*s.safetensors", (int)n, path);
    return ST_OK;
}

int tuned_is_file(const char *path)
{
    char json[TUNED_PATH_BYTES], tensors[TUNED_PATH_BYTES];
    size_t n = strlen(path);

    if (n == 0 || n + 16 >= TUNED_PATH_BYTES || tuned_paths(path, json, tensors) != ST_OK) return 0;
    return file_exists(json) && file_exists(tensors);
}

const struct tuned_task *tuned_find(const struct tuned *t, const char *id)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->task[i].meta.id, id) == 0) return &t->task[i];
    return NULL;
}

status tuned_choose(const struct tuned *t, const char *path, const char *id, const struct tuned_task **out)
{
    char list[512] = "";

    *out = id[0] ? tuned_find(t, id) : t->count == 1 ? &t->task[0] : NULL;
    if (*out) return ST_OK;
    for (size_t i = 0; i < t->count; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), " %s", t->task[i].meta.id);
    if (id[0]) return fault(ST_INPUT, "%s: has no task %s, but:%s", path, id, list);
    return fault(ST_USAGE, "%s: has several tasks; expected --task with one of:%s", path, list);
}

const char *tuned_depth(const struct tuned *t, const struct tuned_task *task)
{
    if (task->layers == 0) return "none";
    return task->layers == t->encoder_layers ? "deep" : "shallow";
}

void tuned_digest(const void *data, size_t bytes, char out[33])
{
    digest_bytes(data, bytes, out);
}

void tuned_tensor_name(const char *id, const char *what, char out[TUNED_NAME_BYTES])
{
    snprintf(out, TUNED_NAME_BYTES, "%.64s/%s", id, what);
}

/* ---- writing ---- */

struct tuned_writer {
    const struct tuned *t;
    struct tensor_spec *spec;
    const void **data;
    size_t count;
    char (*name)[TUNED_NAME_BYTES];
};

static status add_tensor(struct tuned_writer *w, const char *id, const char *what, const float *values, int rank,
                         const int64_t *shape)
{
    struct tensor_spec *spec = &w->spec[w->count];
    int64_t count = 1;

    if (!values) return ST_OK;
    tuned_tensor_name(id, what, w->name[w->count]);
    *spec = (struct tensor_spec){.name = w->name[w->count], .type = TENSOR_F32, .rank = rank};
    for (int i = 0; i < rank; i++) count *= spec->shape[i] = shape[i];
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return fault(ST_INPUT, "a tuned file: %s holds a value that is not finite", spec->name);
    w->data[w->count++] = values;
    return ST_OK;
}

static status describe_tensors(struct tuned_writer *w, const struct tuned_task *task, const char *id)
{
    int64_t hidden = w->t->hidden;

    if (task->layers == 0) return add_tensor(w, id, "head.weight", task->head, 2, (int64_t[]){2, hidden});
    TRY(add_tensor(w, id, "prompt", task->prompt, 3, (int64_t[]){task->layers, task->form.prompt, hidden}));
    TRY(add_tensor(w, id, "head.weight", task->head, 2, (int64_t[]){2, hidden}));
    return add_tensor(w, id, "router", task->router, 2, (int64_t[]){task->layers, task->modules});
}

/* A task's object, without the description that stands in it as "input". */
static json_t *describe_task(const struct tuned *t, const struct tuned_task *task, const struct meta *meta)
{
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", meta->id, "name", meta->name, "kind",
                          task_kind_text(meta->kind), "metric", task_metric_text(meta->metric), "depth",
                          tuned_depth(t, task));

    json_object_set_new(o, "prompt_tokens", json_integer(task->form.prompt));
    json_object_set_new(o, "first_placeholder", json_integer(task->form.first_placeholder));
    json_object_set_new(o, "max_length", json_integer(task->form.max_length));
    json_object_set_new(o, "form", json_string(tuned_form_names[task->form.reference]));
    json_object_set_new(o, "product", json_boolean(task->product));
    json_object_set_new(o, "method", json_string(task->method));
    json_object_set_new(o, "seed", json_integer(task->seed));
    json_object_set_new(o, "k", json_integer(task->k));
    json_object_set_new(o, "modules", json_integer(task->modules));
    json_object_set_new(o, "dev", isfinite(task->dev) ? json_real(task->dev) : json_null());
    return o;
}

static status add_task(struct tuned_writer *w, const struct tuned_task *task, json_t *list)
{
    struct meta meta;
    json_t *o;
    status s;

    TRY(meta_parse("a tuned file", task->description, task->description_bytes, &meta));
    o = describe_task(w->t, task, &meta);
    json_object_set_new(o, "input", json_loadb(task->description, task->description_bytes, 0, NULL));
    json_array_append_new(list, o);
    for (size_t i = 0; i + 1 < json_array_size(list); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "id")), meta.id) == 0) {
            s = fault(ST_INPUT, "a tuned file: task %s stands there twice", meta.id);
            meta_fini(&meta);
            return s;
        }
    s = describe_tensors(w, task, meta.id);
    meta_fini(&meta);
    return s;
}

/* The JSON's text, tensors_digest filled in. */
static status print(json_t *root, char **text, size_t *n)
{
    *text = json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    if (!*text) return fault(ST_MEMORY, "out of memory: a tuned file's description");
    *n = strlen(*text);
    return *n <= JSON_LIMIT
               ? ST_OK
               : fault(ST_INPUT, "a tuned file: a description of %zu bytes, expected at most %d", *n, JSON_LIMIT);
}

static status digest_file(const char *path, char out[33])
{
    struct file_map map;

    TRY(file_map_open(path, &map));
    tuned_digest(map.data, map.size, out);
    file_map_close(&map);
    return ST_OK;
}

/* Both files; what is wrong with the content has been found before the first is touched. */
static status write_pair(const struct tuned_writer *w, const char *json, const char *tensors, json_t *root)
{
    char digest[33], *text = NULL;
    size_t n = 0;
    status s;

    TRY(safetensors_write(tensors, w->spec, w->count, NULL, 0, w->data));
    TRY(digest_file(tensors, digest));
    json_object_set_new(root, "tensors_digest", json_string(digest));
    s = print(root, &text, &n);
    if (s == ST_OK) s = file_replace(json, text, n);
    free(text);
    return s;
}

static status save(struct tuned_writer *w, const char *json, const char *tensors, json_t *root)
{
    json_t *list = json_array();

    json_object_set_new(root, "tasks", list);
    json_object_set_new(root, "version", json_integer(TUNED_VERSION));
    json_object_set_new(root, "encoder_digest", json_string(w->t->encoder_digest));
    json_object_set_new(root, "encoder_layers", json_integer(w->t->encoder_layers));
    json_object_set_new(root, "hidden", json_integer(w->t->hidden));
    json_object_set_new(root, "vocabulary_digest", json_string(w->t->vocabulary_digest));
    if (w->t->encoder) json_object_set_new(root, "encoder", json_string(w->t->encoder));
    if (w->t->count == 0 || w->t->count > TUNED_TASK_LIMIT)
        return fault(ST_INPUT, "a tuned file of %zu tasks, expected 1 to %d", w->t->count, TUNED_TASK_LIMIT);
    for (size_t i = 0; i < w->t->count; i++) TRY(add_task(w, &w->t->task[i], list));
    return write_pair(w, json, tensors, root);
}

status tuned_save(const char *path, const struct tuned *t)
{
    char json[TUNED_PATH_BYTES], tensors[TUNED_PATH_BYTES];
    struct tuned_writer w = {.t = t};
    json_t *root;
    status s;

    TRY(tuned_paths(path, json, tensors));
    root = json_object();
    s = mem_alloc(3 * t->count, sizeof *w.spec, &w.spec);
    if (s == ST_OK) s = mem_alloc(3 * t->count, sizeof *w.data, &w.data);
    if (s == ST_OK) s = mem_alloc(3 * t->count, sizeof *w.name, &w.name);
    if (s == ST_OK) s = root ? save(&w, json, tensors, root) : fault(ST_MEMORY, "out of memory: a tuned file");
    json_decref(root);
    mem_free(w.spec);
    mem_free(w.data);
    mem_free(w.name);
    return s;
}
