#include "coordinator/pretrain/heads.h"

int64_t heads_count(enum heads heads, int64_t tasks)
{
    switch (heads) {
    case HEADS_ONE: return 1;
    case HEADS_KINDS: return 2;
    case HEADS_TASKS: return tasks;
    }
    return 1;
}

static int is_span(const struct dataset *data, int task)
{
    return dataset_task(data, task)->kind == TASK_EXTRACTIVE;
}

int heads_of_task(enum heads heads, const struct dataset *data, int task)
{
    switch (heads) {
    case HEADS_ONE: return 0;
    case HEADS_KINDS: return is_span(data, task);
    case HEADS_TASKS: return task;
    }
    return 0;
}

void heads_means(const struct dataset *data, size_t n, const float *heads, float *out)
{
    int tasks = dataset_tasks(data), spans = 0;

    for (int t = 0; t < tasks; t++) spans += is_span(data, t);
    for (int kind = 0; kind < 2; kind++) {
        int of_kind = kind ? spans : tasks - spans, all = of_kind == 0;

        for (size_t i = 0; i < n; i++) {
            double sum = 0;

            for (int t = 0; t < tasks; t++)
                if (all || is_span(data, t) == kind) sum += (double)heads[(size_t)t * n + i];
            out[(size_t)kind * n + i] = (float)(sum / (all ? tasks : of_kind));
        }
    }
}
