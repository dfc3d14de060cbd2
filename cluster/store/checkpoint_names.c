/* Which checkpoints a run has, which of them are latest and best, and which may go. Everything that removes one
 * renames it to *.part first, so that it is complete or absent, too. */
#include "cluster/store/checkpoint_names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/numbered.h"

status checkpoint_path(const char *run, uint64_t step, char out[CHECKPOINT_PATH_BYTES])
{
    char name[64];

    snprintf(name, sizeof name, "step-%" PRIu64, step);
    return file_join(out, CHECKPOINT_PATH_BYTES, run, name);
}

status checkpoint_list(const char *run, uint64_t **steps, size_t *count)
{
    TRY(numbered_list(run, "step-", "", steps, count));
    for (size_t i = 0; i < *count / 2; i++) { /* newest first */
        uint64_t swap = (*steps)[i];

        (*steps)[i] = (*steps)[*count - 1 - i];
        (*steps)[*count - 1 - i] = swap;
    }
    return ST_OK;
}

status checkpoint_resolve(const char *path, char out[CHECKPOINT_PATH_BYTES])
{
    char inside[CHECKPOINT_PATH_BYTES];

    TRY(file_join(inside, sizeof inside, path, "state.pb"));
    if (file_exists(inside)) return file_join(out, CHECKPOINT_PATH_BYTES, "", path);
    TRY(file_join(inside, sizeof inside, path, "latest/state.pb"));
    if (file_exists(inside)) return file_join(out, CHECKPOINT_PATH_BYTES, path, "latest");
    return fault(ST_INPUT, "%s: no checkpoint: found neither state.pb nor latest/state.pb", path);
}

status checkpoint_config(const char *folder, char out[CHECKPOINT_PATH_BYTES])
{
    char run[CHECKPOINT_PATH_BYTES];
    size_t n;

    TRY(file_join(run, sizeof run, "", folder));
    for (n = strlen(run); n > 1 && run[n - 1] == '/'; n--) run[n - 1] = 0;
    while (n > 0 && run[n - 1] != '/') n--;
    run[n] = 0;
    return file_join(out, CHECKPOINT_PATH_BYTES, run, "config.resolved.yaml");
}

status checkpoint_link(const char *run, const char *name, uint64_t step)
{
    char link[CHECKPOINT_PATH_BYTES], beside[CHECKPOINT_PATH_BYTES + 8], target[64];

    TRY(file_join(link, sizeof link, run, name));
    snprintf(beside, sizeof beside, "%s.part", link);
    snprintf(target, sizeof target, "step-%" PRIu64, step);
    if (unlink(beside) != 0 && errno != ENOENT)
        return fault(ST_IO, "%s: cannot be removed: %s", beside, strerror(errno));
    if (symlink(target, beside) != 0) return fault(ST_IO, "%s: cannot be linked: %s", beside, strerror(errno));
    if (rename(beside, link) != 0) return fault(ST_IO, "%s: cannot be replaced: %s", link, strerror(errno));
    return file_sync_parent(link);
}

status checkpoint_mark_best(const char *run, uint64_t step)
{
    char path[CHECKPOINT_PATH_BYTES];

    TRY(checkpoint_path(run, step, path));
    if (!file_is_folder(path)) return fault(ST_SYSTEM, "%s: is no checkpoint that could be the best", path);
    return checkpoint_link(run, "best", step);
}

status checkpoint_set_aside(const char *run, uint64_t step, char gone[CHECKPOINT_PATH_BYTES])
{
    char path[CHECKPOINT_PATH_BYTES], name[64];

    snprintf(name, sizeof name, "step-%" PRIu64 ".old.part", step);
    TRY(checkpoint_path(run, step, path));
    TRY(file_join(gone, CHECKPOINT_PATH_BYTES, run, name));
    TRY(file_remove_tree(gone));
    if (rename(path, gone) != 0 && errno != ENOENT)
        return fault(ST_IO, "%s: cannot be set aside: %s", path, strerror(errno));
    return ST_OK;
}

static status remove_checkpoint(const char *run, uint64_t step)
{
    char gone[CHECKPOINT_PATH_BYTES];

    TRY(checkpoint_set_aside(run, step, gone));
    return file_remove_tree(gone);
}

/* The step that a link of the run names; 0: none. */
static uint64_t linked_step(const char *run, const char *name)
{
    char link[CHECKPOINT_PATH_BYTES], target[64];
    uint64_t step;
    ssize_t n;

    if (file_join(link, sizeof link, run, name) != ST_OK) return 0;
    n = readlink(link, target, sizeof target - 1);
    if (n <= 0) return 0;
    target[n] = 0;
    return numbered_parse(target, "step-", "", &step) ? step : 0;
}

status checkpoint_prune(const char *run, int keep, uint64_t *oldest)
{
    uint64_t *steps, best = linked_step(run, "best"), latest = linked_step(run, "latest");
    size_t count;
    status s;

    *oldest = 0;
    TRY(checkpoint_list(run, &steps, &count));
    s = ST_OK;
    for (size_t i = 0; s == ST_OK && i < count; i++)
        if (i < (size_t)keep) *oldest = steps[i];
        else if (steps[i] != best && steps[i] != latest) s = remove_checkpoint(run, steps[i]);
    mem_free(steps);
    return s == ST_OK ? file_sync_folder(run) : s;
}
