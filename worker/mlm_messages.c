#include "worker/mlm_messages.h"

#include <string.h>

#include "cluster/base/memory.h"

enum { NUMBERS = 3 };

status mlm_reports_begin(struct mlm_reports *r, int64_t items, int workers)
{
    r->items = items;
    r->workers = workers;
    TRY(mem_grow(&r->values, &r->room, (size_t)mlm_reports_count(r), sizeof *r->values));
    memset(r->values, 0, (size_t)mlm_reports_count(r) * sizeof *r->values);
    return ST_OK;
}

void mlm_reports_fini(struct mlm_reports *r)
{
    mem_free(r->values);
    *r = (struct mlm_reports){0};
}

int mlm_reports_count(const struct mlm_reports *r)
{
    return (int)(NUMBERS * (r->items + r->workers));
}

void mlm_reports_put_score(struct mlm_reports *r, int64_t i, const struct mlm_score *score)
{
    int64_t *at = r->values + NUMBERS * i;

    memcpy(&at[0], &score->loss, sizeof score->loss);
    at[1] = score->targets;
    at[2] = score->correct;
}

void mlm_reports_put_worker(struct mlm_reports *r, int w, double seconds, double sent, double memory)
{
    int64_t *at = r->values + NUMBERS * (r->items + w);

    at[0] = (int64_t)(seconds * 1e9);
    at[1] = (int64_t)sent;
    at[2] = (int64_t)memory;
}

struct mlm_score mlm_reports_total(const struct mlm_reports *r)
{
    struct mlm_score total = {0};

    for (int64_t i = 0; i < r->items; i++) {
        const int64_t *at = r->values + NUMBERS * i;
        double loss;

        memcpy(&loss, &at[0], sizeof loss);
        total.loss += loss;
        total.targets += at[1];
        total.correct += at[2];
    }
    return total;
}

void mlm_reports_worker(const struct mlm_reports *r, int w, double *seconds, double *sent, double *memory)
{
    const int64_t *at = r->values + NUMBERS * (r->items + w);

    *seconds = (double)at[0] * 1e-9;
    *sent = (double)at[1];
    *memory = (double)at[2];
}
