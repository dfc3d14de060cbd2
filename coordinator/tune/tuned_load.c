/* Reading a tuned file. Both halves are foreign: every number is checked before it is used, every tensor must be one
 * that a task asks for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/json.h"
#include "cluster/base/log.h"
#include "cluster/store/safetensors.h"
#include "coordinator/tune/tuned_names.h"

enum { LAYERS_MOST = 4096, HIDDEN_MOST = 1 << 20, LENGTH_MOST = 1 << 20, MODULES_MOST = 256 };

struct reading {
    const char *name; /* of the JSON, for messages */
    const struct safetensors *tensors;
    struct tuned *t;
    size_t used; /* tensors that some task asked for */
};

static status broken(const struct reading *r, const char *task, const char *key, const char *expected)
{
    return fault(ST_INPUT, "%s: %s%s%s: expected %s", r->name, task, task[0] ? ": " : "", key, expected);
}

static status want_int(const struct reading *r, const char *task, const json_t *o, const char *key, int64_t least,
                       int64_t most, int64_t *out)
{
    const json_t *value = json_object_get(o, key);
    char expected[80];

    *out = json_integer_value(value);
    if (json_is_integer(value) && *out >= least && *out <= most) return ST_OK;
    snprintf(expected, sizeof expected, "a whole number from %lld to %lld", (long long)least, (long long)most);
    return broken(r, task, key, expected);
}

static int is_word(const char *text, size_t most)
{
    size_t n = strlen(text);

    return n > 0 && n <= most && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

static status want_digest(const struct reading *r, const json_t *o, const char *key, char out[33])
{
    const char *text = json_string_value(json_object_get(o, key));

    if (!text || strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32)
        return broken(r, "", key, "32 hexadecimal digits");
    memcpy(out, text, 33);
    return ST_OK;
}

/* ---- a task ---- */

static status read_form(const struct reading *r, const char *id, const json_t *o, struct tuned_task *task)
{
    const char *form = json_string_value(json_object_get(o, "form"));
    int64_t prompt, first, length;

    TRY(want_int(r, id, o, "prompt_tokens", 0, LENGTH_MOST, &prompt));
    TRY(want_int(r, id, o, "first_placeholder", 0, 1 << 24, &first));
    TRY(want_int(r, id, o, "max_length", 8, LENGTH_MOST, &length));
    task->form = (struct input_form){
        .prompt = (int)prompt, .first_placeholder = (int32_t)first, .max_length = (int)length, .reference = -1};
    for (int i = 0; form && i < WORDING_COUNT; i++)
        if (strcmp(form, tuned_form_names[i]) == 0) task->form.reference = i;
    if (task->form.reference < 0) return broken(r, id, "form", "right, run or head");
    if (!json_is_boolean(json_object_get(o, "product"))) return broken(r, id, "product", "true or false");
    task->product = json_is_true(json_object_get(o, "product"));
    return ST_OK;
}

static status read_origin(const struct reading *r, const char *id, const json_t *o, struct tuned_task *task)
{
    const char *method = json_string_value(json_object_get(o, "method"));
    const json_t *dev = json_object_get(o, "dev");
    int64_t k, modules;

    if (!method || !is_word(method, 64)) return broken(r, id, "method", "a method's name");
    TRY(mem_keep_text(&r->t->keep, method, strlen(method), &task->method));
    TRY(want_int(r, id, o, "seed", INT64_MIN, INT64_MAX, &task->seed));
    TRY(want_int(r, id, o, "k", 0, 1 << 30, &k));
    TRY(want_int(r, id, o, "modules", 0, MODULES_MOST, &modules));
    task->k = (int)k;
    task->modules = (int32_t)modules;
    task->dev = json_is_number(dev) ? json_number_value(dev) : NAN;
    if (!json_is_null(dev) && !(task->dev >= 0 && task->dev <= 1))
        return broken(r, id, "dev", "null or a number from 0 to 1");
    return ST_OK;
}

/* The description in the words of shards, so that it is the same text. */
static status read_description(const struct reading *r, const char *id, const json_t *o, struct tuned_task *task)
{
    char *text = json_dumps(json_object_get(o, "input"), JSON_COMPACT | JSON_SORT_KEYS);
    status s;

    if (!text) return broken(r, id, "input", "the task's description");
    task->description_bytes = strlen(text);
    s = mem_keep_text(&r->t->keep, text, task->description_bytes, &task->description);
    free(text);
    TRY(s);
    TRY(meta_parse(r->name, task->description, task->description_bytes, &task->meta));
    if (!is_word(task->meta.id, 64) || strcmp(task->meta.id, id) != 0)
        return broken(r, id, "input", "the description of that task");
    if (strcmp(task->meta.vocabulary, r->t->vocabulary_digest) != 0)
        return broken(r, id, "input", "a description in the file's vocabulary");
    return input_rule_init(&task->meta, &task->form, &task->rule);
}

/* *out NULL when the file has no such tensor and may lack it. */
static status read_tensor(struct reading *r, const char *id, const char *what, int needed, int rank,
                          const int64_t *shape, const float **out)
{
    const struct tensor *tensor;
    char name[TUNED_NAME_BYTES];
    float *values;

    *out = NULL;
    tuned_tensor_name(id, what, name);
    if (!needed && !safetensors_find(r->tensors, name)) return ST_OK;
    TRY(safetensors_expect(r->tensors, name, TENSOR_F32, rank, shape, &tensor));
    TRY(mem_keep_new(&r->t->keep, (size_t)tensor->count, sizeof *values, &values));
    TRY(tensor_read_f32(r->tensors->path, tensor, 0, tensor->count, values));
    for (int64_t i = 0; i < tensor->count; i++)
        if (!isfinite(values[i])) return fault(ST_INPUT, "%s: %s: a value that is not finite", r->tensors->path, name);
    r->used++;
    *out = values;
    return ST_OK;
}

static status read_tensors(struct reading *r, const char *id, const json_t *o, struct tuned_task *task)
{
    const char *depth = json_string_value(json_object_get(o, "depth"));
    int64_t hidden = r->t->hidden;

    if (depth && strcmp(depth, "deep") == 0) task->layers = r->t->encoder_layers;
    else if (depth && strcmp(depth, "shallow") == 0) task->layers = 1;
    else if (!depth || strcmp(depth, "none") != 0) return broken(r, id, "depth", "deep, shallow or none");
    if (task->layers > 0 && task->form.prompt < 1)
        return broken(r, id, "prompt_tokens", "at least 1 where there is a prompt");
    if (task->layers == 0 && task->modules > 0) return broken(r, id, "modules", "0 where there is no prompt");
    TRY(read_tensor(r, id, "head.weight", 1, 2, (int64_t[]){2, hidden}, &task->head));
    if (task->layers > 0)
        TRY(read_tensor(r, id, "prompt", 1, 3, (int64_t[]){task->layers, task->form.prompt, hidden}, &task->prompt));
    if (task->modules > 0)
        TRY(read_tensor(r, id, "router", 1, 2, (int64_t[]){task->layers, task->modules}, &task->router));
    return ST_OK;
}

static status read_task(struct reading *r, const json_t *o, struct tuned_task *task)
{
    const char *id = json_string_value(json_object_get(o, "id"));

    if (!id || !is_word(id, 64)) return broken(r, "tasks", "id", "a task's id");
    TRY(read_form(r, id, o, task));
    TRY(read_origin(r, id, o, task));
    TRY(read_description(r, id, o, task));
    for (const struct tuned_task *other = r->t->task; other < task; other++)
        if (strcmp(other->meta.id, id) == 0) return fault(ST_INPUT, "%s: task %s stands there twice", r->name, id);
    return read_tensors(r, id, o, task);
}

/* ---- the whole ---- */

static status read_top(struct reading *r, const json_t *root)
{
    const json_t *encoder = json_object_get(root, "encoder");
    int64_t version, layers, hidden;
    char digest[33];

    TRY(want_int(r, "", root, "version", 1, INT32_MAX, &version));
    if (version > TUNED_VERSION)
        return fault(ST_INPUT, "%s: a tuned file of version %lld; this program reads up to %d", r->name,
                     (long long)version, TUNED_VERSION);
    TRY(want_digest(r, root, "encoder_digest", r->t->encoder_digest));
    TRY(want_digest(r, root, "vocabulary_digest", r->t->vocabulary_digest));
    TRY(want_digest(r, root, "tensors_digest", digest));
    TRY(want_int(r, "", root, "encoder_layers", 1, LAYERS_MOST, &layers));
    TRY(want_int(r, "", root, "hidden", 1, HIDDEN_MOST, &hidden));
    r->t->encoder_layers = (int32_t)layers;
    r->t->hidden = (int32_t)hidden;
    if (!encoder) return ST_OK;
    if (!json_is_string(encoder) || !is_word(json_string_value(encoder), 64))
        return broken(r, "", "encoder", "the name of a folder beside the file");
    return mem_keep_text(&r->t->keep, json_string_value(encoder), json_string_length(encoder), &r->t->encoder);
}

static status read_root(struct reading *r, const json_t *root)
{
    const json_t *list = json_object_get(root, "tasks");
    size_t n = json_array_size(list);

    TRY(read_top(r, root));
    if (n < 1 || n > TUNED_TASK_LIMIT) return broken(r, "", "tasks", "a list of 1 to 256 tasks");
    TRY(mem_keep_new(&r->t->keep, n, sizeof *r->t->task, &r->t->task));
    for (size_t i = 0; i < n; i++) {
        r->t->count = i + 1; /* what tuned_fini has to look at */
        TRY(read_task(r, json_array_get(list, i), &r->t->task[i]));
    }
    if (r->used == r->tensors->count) return ST_OK;
    return fault(ST_INPUT, "%s: %zu tensors, of which %zu belong to tasks of %s", r->tensors->path, r->tensors->count,
                 r->used, r->name);
}

static status read_all(const char *name, const json_t *root, const struct safetensors *tensors, struct tuned *out)
{
    struct reading r = {.name = name, .tensors = tensors, .t = out};
    status s;

    memset(out, 0, sizeof *out);
    s = read_root(&r, root);
    if (s != ST_OK) tuned_fini(out);
    return s;
}

status tuned_parse(const char *name, const char *json, size_t json_bytes, const void *tensors, size_t tensor_bytes,
                   struct tuned *out)
{
    struct safetensors file;
    json_t *root;
    status s;

    TRY(json_parse(name, json, json_bytes, &root));
    s = safetensors_open_bytes(name, tensors, tensor_bytes, &file);
    if (s == ST_OK) {
        s = read_all(name, root, &file, out);
        safetensors_close(&file);
    }
    json_decref(root);
    return s;
}

static status load_pair(const char *json, const json_t *root, const char *tensors, struct tuned *out)
{
    const char *said = json_string_value(json_object_get(root, "tensors_digest"));
    struct safetensors file;
    char digest[33];
    status s;

    TRY(safetensors_open(tensors, &file));
    tuned_digest(file.map.data, file.map.size, digest);
    if (!said || strcmp(said, digest) != 0)
        s = fault(ST_INPUT, "%s: is damaged, or of another time than %s: its digest is %s", tensors, json, digest);
    else s = read_all(json, root, &file, out);
    safetensors_close(&file);
    return s;
}

status tuned_load(const char *path, struct tuned *out)
{
    char json[TUNED_PATH_BYTES], tensors[TUNED_PATH_BYTES];
    json_t *root;
    status s;

    TRY(tuned_paths(path, json, tensors));
    TRY(json_open(json, &root));
    s = load_pair(json, root, tensors, out);
    json_decref(root);
    return s;
}

void tuned_fini(struct tuned *t)
{
    for (size_t i = 0; i < t->count; i++) meta_fini(&t->task[i].meta);
    mem_keep_free(&t->keep);
    memset(t, 0, sizeof *t);
}
