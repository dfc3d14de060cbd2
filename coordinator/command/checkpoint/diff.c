/* mp2 checkpoint diff A B: every tensor bit by bit, and the states' bytes. Of a tensor that differs: how many
 * elements, the first one and the one that differs most, with both values. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/bar.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/checkpoint/commands.h"
#include "coordinator/command/checkpoint/tuned.h"
#include "cluster/store/checkpoint.h"
#include "coordinator/tune/tuned.h"

enum { RUN_ELEMENTS = 1 << 16 };

struct difference {
    int64_t count, first, largest_at;
    float first_a, first_b, largest_a, largest_b;
    double largest; /* -1: none of the differing pairs has a distance (NaN) */
};

static void note_difference(struct difference *d, int64_t at, float a, float b)
{
    double distance = fabs((double)a - (double)b);

    if (d->count++ == 0) {
        d->first = at;
        d->first_a = a;
        d->first_b = b;
        d->largest = -1;
    }
    if (distance > d->largest) {
        d->largest = distance;
        d->largest_at = at;
        d->largest_a = a;
        d->largest_b = b;
    }
}

/* Elements first … first + n - 1, some of which differ. Types without numbers are only counted. */
static status compare_run(const struct tensor *a, const struct tensor *b, int64_t first, int64_t n,
                          struct difference *d)
{
    size_t item = tensor_type_bytes(a->type);
    float x[256], y[256];

    for (int64_t at = first; at < first + n; at += 256) {
        int64_t m = first + n - at < 256 ? first + n - at : 256;
        int numbers = tensor_type_is_float(a->type);

        if (numbers) {
            TRY(tensor_read_f32("A", a, at, m, x));
            TRY(tensor_read_f32("B", b, at, m, y));
        }
        for (int64_t i = 0; i < m; i++)
            if (memcmp(a->data + (size_t)(at + i) * item, b->data + (size_t)(at + i) * item, item) != 0)
                note_difference(d, at + i, numbers ? x[i] : NAN, numbers ? y[i] : NAN);
    }
    return ST_OK;
}

/* "[3,17,204]" of a flat index */
static const char *place(const struct tensor *t, int64_t at, char *out, size_t room)
{
    int64_t index[TENSOR_RANK];

    for (int i = t->rank - 1; i >= 0; i--) {
        index[i] = at % t->shape[i];
        at /= t->shape[i];
    }
    return tensor_shape_text(t->rank, index, out, room);
}

static void print_difference(const struct tensor *t, const struct difference *d)
{
    char where[256];

    printf("%s: %" PRId64 " of %" PRId64 " elements differ", t->name, d->count, t->count);
    printf("; first at %s: %.9g, %.9g", place(t, d->first, where, sizeof where), (double)d->first_a,
           (double)d->first_b);
    if (d->largest >= 0)
        printf("; largest at %s: %.9g, %.9g (by %.3g)", place(t, d->largest_at, where, sizeof where),
               (double)d->largest_a, (double)d->largest_b, d->largest);
    putchar('\n');
}

static status compare_tensors(const struct tensor *a, const struct tensor *b, struct bar *bar, int *differ)
{
    char shape_a[256], shape_b[256];
    struct difference d = {0};
    size_t item = tensor_type_bytes(a->type);

    if (a->type != b->type || a->rank != b->rank ||
        memcmp(a->shape, b->shape, sizeof *a->shape * (size_t)a->rank) != 0) {
        printf("%s: %s %s, %s %s\n", a->name, tensor_type_name(a->type),
               tensor_shape_text(a->rank, a->shape, shape_a, sizeof shape_a), tensor_type_name(b->type),
               tensor_shape_text(b->rank, b->shape, shape_b, sizeof shape_b));
        *differ = 1;
        return ST_OK;
    }
    for (int64_t at = 0; at < a->count; at += RUN_ELEMENTS) {
        int64_t n = a->count - at < RUN_ELEMENTS ? a->count - at : RUN_ELEMENTS;

        if (memcmp(a->data + (size_t)at * item, b->data + (size_t)at * item, (size_t)n * item) != 0)
            TRY(compare_run(a, b, at, n, &d));
        bar_show(bar, bar->done + (uint64_t)n * item, "%s", a->name);
    }
    if (d.count > 0) {
        print_difference(a, &d);
        *differ = 1;
    }
    return ST_OK;
}

static status compare_opened(const struct safetensors *a, const struct safetensors *b, int *differ)
{
    struct bar bar;
    status s = ST_OK;

    bar_open(&bar, "diff", a->map.size, "bytes");
    for (size_t i = 0; s == ST_OK && i < a->count; i++) {
        const struct tensor *other = safetensors_find(b, a->tensors[i].name);

        if (other) {
            s = compare_tensors(&a->tensors[i], other, &bar, differ);
        } else {
            printf("%s: only in %s\n", a->tensors[i].name, a->path);
            *differ = 1;
        }
    }
    for (size_t i = 0; s == ST_OK && i < b->count; i++)
        if (!safetensors_find(a, b->tensors[i].name)) {
            printf("%s: only in %s\n", b->tensors[i].name, b->path);
            *differ = 1;
        }
    bar_close(&bar, 0);
    return s;
}

static status compare_files(const char *path_a, const char *path_b, int *differ)
{
    struct safetensors a, b;
    status s;

    TRY(safetensors_open(path_a, &a));
    s = safetensors_open(path_b, &b);
    if (s == ST_OK) {
        s = compare_opened(&a, &b, differ);
        safetensors_close(&b);
    }
    safetensors_close(&a);
    return s;
}

static int has_file(const struct state *s, const char *name)
{
    for (size_t i = 0; i < s->file_count; i++)
        if (strcmp(s->files[i].name, name) == 0) return 1;
    return 0;
}

/* The states apart from the checksums, which the tensors speak for. */
static status compare_states(const struct state *a, const struct state *b, int *differ)
{
    struct state x = *a, y = *b;
    void *data_x = NULL, *data_y = NULL;
    size_t n = 0, m = 0;
    status s;

    x.file_count = y.file_count = 0;
    s = state_encode(&x, &data_x, &n);
    if (s == ST_OK) s = state_encode(&y, &data_y, &m);
    if (s == ST_OK && (n != m || memcmp(data_x, data_y, n) != 0)) {
        printf("state.pb: differs (steps %" PRIu64 ", %" PRIu64 "; `mp2 checkpoint info` shows both)\n", a->step,
               b->step);
        *differ = 1;
    }
    mem_free(data_x);
    mem_free(data_y);
    return s;
}

static status compare_folders(const char *folder_a, const char *folder_b, const struct state *a, const struct state *b,
                              int *differ)
{
    char path_a[CHECKPOINT_PATH_BYTES], path_b[CHECKPOINT_PATH_BYTES];

    TRY(compare_states(a, b, differ));
    for (size_t i = 0; i < a->file_count; i++) {
        if (!has_file(b, a->files[i].name)) {
            printf("%s: only in %s\n", a->files[i].name, folder_a);
            *differ = 1;
            continue;
        }
        TRY(file_join(path_a, sizeof path_a, folder_a, a->files[i].name));
        TRY(file_join(path_b, sizeof path_b, folder_b, a->files[i].name));
        TRY(compare_files(path_a, path_b, differ));
    }
    for (size_t i = 0; i < b->file_count; i++)
        if (!has_file(a, b->files[i].name)) {
            printf("%s: only in %s\n", b->files[i].name, folder_b);
            *differ = 1;
        }
    return ST_OK;
}

static status compare_checkpoints(const char *name_a, const char *name_b, int *differ)
{
    char folder_a[CHECKPOINT_PATH_BYTES], folder_b[CHECKPOINT_PATH_BYTES];
    struct state a, b;
    status s;

    if (tuned_is_file(name_a) && tuned_is_file(name_b)) {
        TRY(tuned_diff(name_a, name_b, differ));
        TRY(tuned_tensors_path(name_a, folder_a, sizeof folder_a));
        TRY(tuned_tensors_path(name_b, folder_b, sizeof folder_b));
        return compare_files(folder_a, folder_b, differ);
    }
    if (!file_is_folder(name_a) && !file_is_folder(name_b)) return compare_files(name_a, name_b, differ);
    TRY(checkpoint_resolve(name_a, folder_a));
    TRY(checkpoint_resolve(name_b, folder_b));
    TRY(state_load(folder_a, &a));
    s = state_load(folder_b, &b);
    if (s == ST_OK) {
        s = compare_folders(folder_a, folder_b, &a, &b, differ);
        state_fini(&b);
    }
    state_fini(&a);
    return s;
}

status cmd_checkpoint_diff(int argc, char **argv)
{
    int differ = 0;

    (void)argc;
    TRY(compare_checkpoints(argv[1], argv[2], &differ));
    if (!differ) printf("equal\n");
    return differ ? ST_DIFFERENT : ST_OK;
}
