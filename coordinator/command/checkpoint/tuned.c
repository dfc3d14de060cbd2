/* What a tuned file holds, whether it is sound, how two differ, and several in one. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/file.h"
#include "cluster/base/json.h"
#include "cluster/base/log.h"
#include "coordinator/command/checkpoint/commands.h"
#include "coordinator/command/checkpoint/tuned.h"
#include "coordinator/tune/tuned.h"

/* ---- info, verify ---- */

static void print_wording(const struct tuned_task *t)
{
    printf("  %-16s", "fields");
    for (int i = 0; i < t->meta.fields; i++) printf(" %s", t->meta.field[i]);
    if (t->meta.kind == TASK_CHOICES) printf(" options");
    if (t->meta.kind == TASK_LABELS) printf("\n  %-16s", "labels");
    for (int i = 0; i < t->rule.wording->labels; i++) printf(" %s", t->rule.wording->words[i]);
    putchar('\n');
}

static void print_router(const struct tuned_task *t)
{
    for (int32_t l = 0; t->router && l < t->layers; l++) {
        printf("  router layer %-3d", (int)l);
        for (int32_t k = 0; k < t->modules; k++) printf(" %.3f", (double)t->router[l * t->modules + k]);
        putchar('\n');
    }
}

static void print_task(const struct tuned *f, const struct tuned_task *t)
{
    printf("%s (%s): %s, %s prompt of %d tokens, at most %d tokens in all\n", t->meta.id, t->meta.name,
           task_kind_text(t->meta.kind), tuned_depth(f, t), t->form.prompt, t->form.max_length);
    printf("  %-16s %s, seed %" PRId64 ", k %d", "tuned by", t->method, t->seed, t->k);
    if (isfinite(t->dev)) printf(", dev %s %.4f", task_metric_text(t->meta.metric), t->dev);
    putchar('\n');
    print_wording(t);
    print_router(t);
}

status tuned_info(const char *path)
{
    struct tuned f;

    TRY(tuned_load(path, &f));
    printf("%-18s tuned, version %d\n%-18s %s: %d layers, %d wide\n%-18s %s\n", "kind", TUNED_VERSION, "encoder digest",
           f.encoder_digest, f.encoder_layers, f.hidden, "vocabulary digest", f.vocabulary_digest);
    if (f.encoder) printf("%-18s %s, beside the file\n", "encoder", f.encoder);
    for (size_t i = 0; i < f.count; i++) print_task(&f, &f.task[i]);
    tuned_fini(&f);
    return ST_OK;
}

status tuned_verify(const char *path)
{
    struct tuned f;

    TRY(tuned_load(path, &f));
    printf("%s: valid: tuned, %zu task%s:", path, f.count, f.count == 1 ? "" : "s");
    for (size_t i = 0; i < f.count; i++) printf(" %s", f.task[i].meta.id);
    putchar('\n');
    tuned_fini(&f);
    return ST_OK;
}

/* ---- diff ---- */

static json_t *task_of(const json_t *root, const char *id)
{
    const json_t *list = json_object_get(root, "tasks");

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *task = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(task, "id")), id) == 0) return task;
    }
    return NULL;
}

/* Members of a that b lacks or has otherwise; with both: also 1 for what differs (seen from one side alone). */
static void compare_members(const char *where, json_t *a, json_t *b, int both, int *differ)
{
    const char *key;
    json_t *value;

    json_object_foreach(a, key, value)
    {
        json_t *other = json_object_get(b, key);

        if (strcmp(key, "tasks") == 0 || strcmp(key, "tensors_digest") == 0) continue;
        if (other ? !both || json_equal(value, other) : 0) continue;
        printf("%s%s: %s\n", where, key, other ? "differs" : both ? "only in the first" : "only in the second");
        *differ = 1;
    }
}

static void compare_tasks(const json_t *a, const json_t *b, int both, int *differ)
{
    const json_t *list = json_object_get(a, "tasks");

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *task = json_array_get(list, i);
        const char *id = json_string_value(json_object_get(task, "id"));
        json_t *other = task_of(b, id);
        char where[128];

        snprintf(where, sizeof where, "%.64s: ", id);
        if (other) {
            compare_members(where, task, other, both, differ);
            continue;
        }
        printf("%.64s: only in the %s\n", id, both ? "first" : "second");
        *differ = 1;
    }
}

static status open_json(const char *path, json_t **root)
{
    char json[TUNED_PATH_BYTES], tensors[TUNED_PATH_BYTES];
    struct tuned f;

    TRY(tuned_load(path, &f));
    tuned_fini(&f);
    TRY(tuned_paths(path, json, tensors));
    return json_open(json, root);
}

status tuned_diff(const char *path_a, const char *path_b, int *differ)
{
    json_t *a, *b;
    status s;

    TRY(open_json(path_a, &a));
    s = open_json(path_b, &b);
    if (s == ST_OK) {
        compare_members("", a, b, 1, differ);
        compare_members("", b, a, 0, differ);
        compare_tasks(a, b, 1, differ);
        compare_tasks(b, a, 0, differ);
        json_decref(b);
    }
    json_decref(a);
    return s;
}

status tuned_tensors_path(const char *path, char *out, size_t room)
{
    char json[TUNED_PATH_BYTES], tensors[TUNED_PATH_BYTES];

    TRY(tuned_paths(path, json, tensors));
    return file_keep_path(out, room, tensors);
}

/* ---- merge ---- */

static const char *holder(const struct tuned *files, char *const *paths, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (tuned_find(&files[i], id)) return paths[i];
    return NULL;
}

static status check_member(const struct tuned *files, char *const *paths, size_t i)
{
    const struct tuned *f = &files[i];

    if (f->encoder) return fault(ST_INPUT, "%s: has an encoder of its own; it cannot be joined with others", paths[i]);
    if (strcmp(f->encoder_digest, files->encoder_digest) != 0)
        return fault(ST_INPUT, "%s: tuned over another encoder (%s) than %s (%s)", paths[i], f->encoder_digest,
                     paths[0], files->encoder_digest);
    if (strcmp(f->vocabulary_digest, files->vocabulary_digest) != 0)
        return fault(ST_INPUT, "%s: tuned with another vocabulary (%s) than %s (%s)", paths[i], f->vocabulary_digest,
                     paths[0], files->vocabulary_digest);
    for (size_t k = 0; k < f->count; k++) {
        const char *other = holder(files, paths, i, f->task[k].meta.id);
        if (other) return fault(ST_INPUT, "%s: task %s is in %s, too", paths[i], f->task[k].meta.id, other);
    }
    return ST_OK;
}

static status join(const char *out, const struct tuned *files, size_t count)
{
    struct tuned all = files[0];
    size_t tasks = 0;
    status s;

    for (size_t i = 0; i < count; i++) tasks += files[i].count;
    all.count = 0;
    TRY(mem_alloc(tasks, sizeof *all.task, &all.task));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < files[i].count; k++) all.task[all.count++] = files[i].task[k];
    s = tuned_save(out, &all);
    mem_free(all.task);
    if (s == ST_OK) printf("%s: %zu tasks\n", out, all.count);
    return s;
}

status cmd_checkpoint_merge(int argc, char **argv)
{
    size_t count = (size_t)argc - 2, opened = 0;
    struct tuned *files;
    status s;

    TRY(mem_alloc(count, sizeof *files, &files));
    for (s = ST_OK; opened < count && s == ST_OK; opened++) {
        s = tuned_load(argv[2 + opened], &files[opened]);
        if (s == ST_OK) s = check_member(files, argv + 2, opened);
    }
    if (s == ST_OK) s = join(argv[1], files, count);
    for (size_t i = 0; i < opened; i++) tuned_fini(&files[i]);
    mem_free(files);
    return s;
}
