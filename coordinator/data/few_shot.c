/* One walk over the permuted split deals each row to its label's training part until it is full, then to its dev
 * part. */
#include "coordinator/data/few_shot.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/random.h"

int few_shot_standard(const struct task *task, int reference)
{
    if (task->kind != TASK_LABELS) return task->few_shot && !reference ? task->few_shot : 32;
    if (reference) return task->classes >= 10 ? 8 : 32 / task->classes;
    if (task->few_shot) return task->few_shot;
    return task->classes >= 10 ? 8 : 16;
}

/* The task's id keys the draw, so that a task's rows do not depend on which others are open. */
static struct random_key key_of(const struct task *task, uint64_t seed)
{
    struct random_key key = random_seed(seed, RANDOM_FEW_SHOT);

    for (const char *p = task->id; *p; p++) key = random_derive(key, (unsigned char)*p, 0, 0, 0);
    return key;
}

static status too_few(const struct task *task, enum split split, int label, int64_t have, int k)
{
    if (task->kind == TASK_LABELS)
        return fault(
            ST_INPUT,
            "task %s: label \"%s\" has %lld rows in %s, expected at least %d (%d for training, %d for development)",
            task->id, task->words[label], (long long)have, split_text(split), 2 * k, k, k);
    return fault(ST_INPUT, "task %s: %lld rows in %s, expected at least %d (%d for training, %d for development)",
                 task->id, (long long)have, split_text(split), 2 * k, k, k);
}

static status deal(const struct dataset *d, int task, int k, uint64_t seed, int groups, int64_t *have,
                   struct few_shot *out)
{
    const struct task *t = dataset_task(d, task);
    uint64_t rows = (uint64_t)dataset_rows(d, task, out->split);
    struct random_key key = key_of(t, seed);

    for (uint64_t i = 0; i < rows; i++) {
        int64_t row = (int64_t)random_permute(key, rows, i);
        int group = t->kind == TASK_LABELS ? dataset_label(d, task, out->split, row) : 0;
        if (have[group] < k) out->train[(int64_t)group * k + have[group]] = row;
        else if (have[group] < 2 * k) out->dev[(int64_t)group * k + have[group] - k] = row;
        have[group]++;
    }
    for (int g = 0; g < groups; g++)
        if (have[g] < 2 * k) return too_few(t, out->split, g, have[g], k);
    out->train_count = out->dev_count = (int64_t)groups * k;
    return ST_OK;
}

status few_shot_draw(const struct dataset *d, int task, int k, uint64_t seed, struct few_shot *out)
{
    const struct task *t = dataset_task(d, task);
    int groups = t->kind == TASK_LABELS ? t->classes : 1;
    int64_t *have = NULL;
    status s;

    memset(out, 0, sizeof *out);
    if (k < 1 || k > 1 << 20) return fault(ST_INPUT, "few-shot examples: found %d, expected 1 to %d", k, 1 << 20);
    out->split = dataset_rows(d, task, SPLIT_POOL) > 0 ? SPLIT_POOL : SPLIT_TRAIN;
    s = mem_alloc((size_t)groups, sizeof *have, &have);
    if (s == ST_OK) s = mem_alloc((size_t)groups * (size_t)k, sizeof *out->train, &out->train);
    if (s == ST_OK) s = mem_alloc((size_t)groups * (size_t)k, sizeof *out->dev, &out->dev);
    if (s == ST_OK) s = deal(d, task, k, seed, groups, have, out);
    mem_free(have);
    if (s != ST_OK) few_shot_fini(out);
    return s;
}

void few_shot_fini(struct few_shot *draw)
{
    mem_free(draw->train);
    mem_free(draw->dev);
    memset(draw, 0, sizeof *draw);
}
