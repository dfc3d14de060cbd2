// mp2 checkpoint info and verify. The digest is that of the folder's files, one after the other in name order:
//     cat RUN/step-100/* | sha256sum
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include "cluster/base/bar.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/checkpoint/commands.h"
#include "coordinator/command/checkpoint/tuned.h"
#include "cluster/store/checkpoint.h"
#include "cluster/store/journal.h"
#include "cluster/store/run_folder.h"
#include "coordinator/tune/tuned.h"

enum { READ_BYTES = 1 << 20 };

/* ---- sha256 ---- */

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static status digest_file(const char *path, struct sha256_ctx *sha, struct bar *bar)
{
    struct file_map map;

    TRY(file_map_open(path, &map));
    for (size_t at = 0; at < map.size; at += READ_BYTES) {
        size_t n = map.size - at < READ_BYTES ? map.size - at : READ_BYTES;

        sha256_update(sha, n, map.data + at);
        bar_show(bar, bar->done + n, "%s", strrchr(path, '/') + 1);
    }
    file_map_close(&map);
    return ST_OK;
}

static status digest_folder(const char *folder, char hex[2 * SHA256_DIGEST_SIZE + 1])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    char path[CHECKPOINT_PATH_BYTES];
    struct dirent **entries;
    struct sha256_ctx sha;
    struct bar bar;
    status s = ST_OK;
    int count = scandir(folder, &entries, visible, by_bytes);

    if (count < 0) return fault(ST_IO, "%s: cannot be read: %s", folder, strerror(errno));
    sha256_init(&sha);
    bar_open(&bar, "sha256", 0, "bytes");
    for (int i = 0; i < count; i++) {
        if (s == ST_OK) s = file_join(path, sizeof path, folder, entries[i]->d_name);
        if (s == ST_OK) s = digest_file(path, &sha, &bar);
        free(entries[i]);
    }
    bar_close(&bar, 0);
    free(entries);
    sha256_digest(&sha, sizeof digest, digest);
    for (int i = 0; i < SHA256_DIGEST_SIZE; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return s;
}

/* ---- info ---- */

static void line(const char *name, const char *text)
{
    if (text[0]) printf("%-18s %s\n", name, text);
}

static void print_values(const struct state *s)
{
    for (size_t i = 0; i < s->value_count; i++) {
        const struct state_value *v = &s->values[i];

        if (v->type == STATE_WHOLE) printf("%-18s %" PRId64 "\n", v->name, v->whole);
        if (v->type == STATE_REAL) printf("%-18s %.17g\n", v->name, v->real);
        if (v->type == STATE_TEXT) printf("%-18s %s\n", v->name, v->text);
    }
}

static void print_state(const struct state *s)
{
    line("kind", s->kind);
    printf("%-18s %" PRIu64 "\n%-18s %" PRIu64 "\n", "step", s->step, "seed", s->seed);
    line("config digest", s->config_digest);
    line("vocabulary digest", s->vocabulary_digest);
    line("encoder digest", s->encoder_digest);
    line("precision", s->precision);
    line("instruction set", s->instruction_set);
    line("libraries", s->libraries);
    if (s->broken_at)
        printf("%-18s at step %" PRIu64 ", by another precision, instruction set or library\n", "exactness broken",
               s->broken_at);
    if (s->layers)
        printf("%-18s L=%u K=%u d=%u P=%u H=%u tau=%g\n", "sizes", s->layers, s->modules, s->intrinsic,
               s->prompt_tokens, s->hidden, s->tau);
    line("separator", s->separator);
    if (s->best_step) printf("%-18s %.6f at step %" PRIu64 "\n", "best score", s->best_score, s->best_step);
    print_values(s);
    if (s->task_count) printf("%-18s %zu:", "tasks", s->task_count);
    for (size_t i = 0; i < s->task_count; i++) printf(" %s", s->tasks[i].name);
    if (s->task_count) putchar('\n');
    for (size_t i = 0; i < s->file_count; i++)
        printf("%-18s %s, %" PRIu64 " bytes\n", "file", s->files[i].name, s->files[i].bytes);
}

static status print_tensors(const char *folder, const struct state *s)
{
    char path[CHECKPOINT_PATH_BYTES], shape[256];
    struct safetensors file;

    for (size_t f = 0; f < s->file_count; f++) {
        TRY(file_join(path, sizeof path, folder, s->files[f].name));
        TRY(safetensors_open(path, &file));
        for (size_t i = 0; i < file.count; i++)
            printf("%-18s %s %s %s\n", "tensor", file.tensors[i].name, tensor_type_name(file.tensors[i].type),
                   tensor_shape_text(file.tensors[i].rank, file.tensors[i].shape, shape, sizeof shape));
        safetensors_close(&file);
    }
    return ST_OK;
}

status cmd_checkpoint_info(int argc, char **argv)
{
    char folder[CHECKPOINT_PATH_BYTES], hex[2 * SHA256_DIGEST_SIZE + 1] = "";
    struct state state;
    status s;

    (void)argc;
    if (tuned_is_file(argv[1])) return tuned_info(argv[1]);
    TRY(checkpoint_resolve(argv[1], folder));
    TRY(state_load(folder, &state));
    print_state(&state);
    s = print_tensors(folder, &state);
    if (s == ST_OK) s = digest_folder(folder, hex);
    if (s == ST_OK) line("sha256", hex);
    state_fini(&state);
    return s;
}

/* ---- verify ---- */

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
    struct bar *bar = arg;

    bar->total = total;
    bar_show(bar, done < total ? done : total, "%s", "");
}

static status verify_folder(const char *folder)
{
    uint64_t bytes = 0;
    struct state state;
    struct bar bar;
    status s;

    bar_open(&bar, "verify", 0, "bytes");
    s = checkpoint_verify(folder, show_progress, &bar, &state);
    bar_close(&bar, 0);
    if (s != ST_OK) return s;
    for (size_t i = 0; i < state.file_count; i++) bytes += state.files[i].bytes;
    printf("%s: valid: %s, step %" PRIu64 ", %" PRIu64 " bytes of tensors in %zu files\n", folder, state.kind,
           state.step, bytes, state.file_count);
    state_fini(&state);
    return ST_OK;
}

/* A torn end is what a crash leaves, and what a run at work may be writing. */
static status verify_journal(const char *run)
{
    char folder[CHECKPOINT_PATH_BYTES];
    struct journal_facts f;

    TRY(file_join(folder, sizeof folder, run, "journal"));
    if (!file_exists(folder)) return ST_OK;
    TRY(journal_verify(folder, &f));
    if (f.torn > 0 && !run_folder_is_held(run, "run.lock"))
        return fault(ST_INPUT,
                     "%s: the last %" PRIu64
                     " bytes are no whole record, torn by a crash or damaged: what stands behind "
                     "step %" PRIu64 " is computed again when the run goes on",
                     folder, f.torn, f.last_step);
    printf("%s: valid: %" PRIu64 " records in %" PRIu64 " segments, steps %" PRIu64 " to %" PRIu64 ", epoch %" PRIu64
           ", %" PRIu64 " bytes\n",
           folder, f.records, f.segments, f.first_step, f.last_step, f.epoch, f.bytes);
    return ST_OK;
}

/* Every checkpoint that is kept, and the journal; all that is bad is said. */
static status verify_run(const char *run, const uint64_t *steps, size_t count)
{
    char folder[CHECKPOINT_PATH_BYTES];
    status worst = ST_OK, s;

    for (size_t i = 0; i < count; i++) {
        s = checkpoint_path(run, steps[i], folder);
        if (s == ST_OK) s = verify_folder(folder);
        if (s != ST_OK) worst = s;
    }
    s = verify_journal(run);
    return s != ST_OK ? s : worst;
}

status cmd_checkpoint_verify(int argc, char **argv)
{
    char folder[CHECKPOINT_PATH_BYTES];
    uint64_t *steps = NULL;
    size_t count = 0;
    status s;

    (void)argc;
    if (tuned_is_file(argv[1])) return tuned_verify(argv[1]);
    if (file_is_folder(argv[1])) TRY(checkpoint_list(argv[1], &steps, &count));
    if (count > 0) {
        s = verify_run(argv[1], steps, count);
    } else {
        s = checkpoint_resolve(argv[1], folder);
        if (s == ST_OK) s = verify_folder(folder);
    }
    mem_free(steps);
    return s;
}
