#include "worker/mlm_messages.h"

#include <string.h>

#include "cluster/base/memory.h"

enum { NUMBERS = 3 };

status mlm_notes_begin(struct mlm_notes *n, int64_t items, int workers)
{
    n->items = items;
    n->workers = workers;
    TRY(mem_grow(&n->values, &n->room, (size_t)mlm_notes_count(n), sizeof *n->values));
    memset(n->values, 0, (size_t)mlm_notes_count(n) * sizeof *n->values);
    return ST_OK;
}

void mlm_notes_fini(struct mlm_notes *n)
{
    mem_free(n->values);
    *n = (struct mlm_notes){0};
}

int mlm_notes_count(const struct mlm_notes *n)
{
    return (int)(NUMBERS * (n->items + n->workers));
}

void mlm_notes_score(struct mlm_notes *n, int64_t i, const struct mlm_score *score)
{
    int64_t *at = n->values + NUMBERS * i;

    memcpy(&at[0], &score->loss, sizeof score->loss);
    at[1] = score->targets;
    at[2] = score->correct;
}

void mlm_notes_report(struct mlm_notes *n, int w, double seconds, double sent, double memory)
{
    int64_t *at = n->values + NUMBERS * (n->items + w);

    at[0] = (int64_t)(seconds * 1e9);
    at[1] = (int64_t)sent;
    at[2] = (int64_t)memory;
}

struct mlm_score mlm_notes_total(const struct mlm_notes *n)
{
    struct mlm_score total = {0};

    for (int64_t i = 0; i < n->items; i++) {
        const int64_t *at = n->values + NUMBERS * i;
        double loss;

        memcpy(&loss, &at[0], sizeof loss);
        total.loss += loss;
        total.targets += at[1];
        total.correct += at[2];
    }
    return total;
}

void mlm_notes_reported(const struct mlm_notes *n, int w, double *seconds, double *sent, double *memory)
{
    const int64_t *at = n->values + NUMBERS * (n->items + w);

    *seconds = (double)at[0] * 1e-9;
    *sent = (double)at[1];
    *memory = (double)at[2];
}
