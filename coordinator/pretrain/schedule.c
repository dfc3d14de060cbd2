/* Draws use counter-based random numbers: key (seed, RANDOM_TASK) at (step, group), and so on. */
#include "coordinator/pretrain/schedule.h"

#include "cluster/base/memory.h"
#include "cluster/base/random.h"

status schedule_new(uint64_t seed, int tasks, int groups, int batch, const int64_t *rows, struct schedule **out)
{
    struct schedule *s;
    status st;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *s, &s));
    *s = (struct schedule){.seed = seed, .tasks = tasks, .groups = groups, .batch = batch, .rows = rows};
    st = mem_alloc((size_t)tasks, sizeof *s->visits, &s->visits);
    if (st != ST_OK) {
        mem_free(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

void schedule_destroy(struct schedule **s)
{
    if (!*s) return;
    mem_free((*s)->visits);
    mem_free(*s);
    *s = NULL;
}

int schedule_task(const struct schedule *s, int64_t step, int group)
{
    struct random_key key = random_derive(random_seed(s->seed, RANDOM_TASK), (uint32_t)step,
                                          (uint32_t)((uint64_t)step >> 32), 0, 0);

    return (int)random_below(key, (uint64_t)group, (uint64_t)s->tasks);
}

void schedule_seek(struct schedule *s, int64_t step)
{
    if (step < s->step) {
        for (int t = 0; t < s->tasks; t++) s->visits[t] = 0;
        s->step = 0;
    }
    for (; s->step < step; s->step++)
        for (int g = 0; g < s->groups; g++) s->visits[schedule_task(s, s->step, g)]++;
}

int schedule_rows(const struct schedule *s, int group, int64_t *rows)
{
    int task = schedule_task(s, s->step, group);
    int64_t visit = s->visits[task], n = s->rows[task];

    for (int g = 0; g < group; g++) visit += schedule_task(s, s->step, g) == task;
    for (int i = 0; i < s->batch; i++) {
        int64_t place = visit * s->batch + i, epoch = place / n;
        struct random_key key = random_derive(random_seed(s->seed, RANDOM_ROWS), (uint32_t)task, (uint32_t)epoch,
                                              (uint32_t)((uint64_t)epoch >> 32), 0);

        rows[i] = (int64_t)random_permute(key, (uint64_t)n, (uint64_t)(place % n));
    }
    return task;
}

void schedule_noise(const struct schedule *s, int64_t step, int group, int layers, int modules, double *uniform)
{
    struct random_key key = random_derive(random_seed(s->seed, RANDOM_ROUTER), (uint32_t)step,
                                          (uint32_t)((uint64_t)step >> 32), (uint32_t)group, 0);

    for (int i = 0; i < layers * modules; i++) uniform[i] = random_uniform(key, (uint64_t)i);
}
