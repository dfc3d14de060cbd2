/* A mean that forgets: a task's norm changes by a factor of ten as it leaves its plateau, within some twenty visits. */
#include "coordinator/pretrain/balance.h"

#include <math.h>

#include "cluster/base/memory.h"

static const double memory = 0.95; /* what a visit leaves of the mean before it */

status balance_new(int64_t tasks, struct balance **out)
{
    status s;

    TRY(mem_alloc(1, sizeof **out, out));
    (*out)->tasks = tasks;
    s = mem_alloc((size_t)tasks, sizeof *(*out)->mean, &(*out)->mean);
    if (s == ST_OK) s = mem_alloc((size_t)tasks, sizeof *(*out)->count, &(*out)->count);
    if (s != ST_OK) balance_destroy(out);
    return s;
}

void balance_destroy(struct balance **b)
{
    if (!*b) return;
    mem_free((*b)->mean);
    mem_free((*b)->count);
    mem_free(*b);
    *b = NULL;
}

double balance_square(const float *gradient, size_t n)
{
    double lane[8] = {0};
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++) lane[j] += (double)gradient[i + j] * (double)gradient[i + j];
    for (size_t j = 0; i < n; i++, j++) lane[j] += (double)gradient[i] * (double)gradient[i];
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

static double mean_after(const struct balance *b, int64_t task, double square)
{
    return memory * b->mean[task] + (1.0 - memory) * square;
}

double balance_weight(const struct balance *b, int64_t task, double square)
{
    double mean = mean_after(b, task, square) / (1.0 - pow(memory, (double)(b->count[task] + 1)));

    return mean > 0.0 ? 1.0 / sqrt(mean) : 1.0;
}

void balance_add(struct balance *b, int64_t task, double square)
{
    b->mean[task] = mean_after(b, task, square);
    b->count[task]++;
}
