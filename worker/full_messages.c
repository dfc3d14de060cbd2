#include "worker/full_messages.h"

status full_facts_open(struct full_facts *f, const struct model_config *model, const struct assignment *assignment,
                       int workers)
{
    f->assignment = assignment;
    f->examples = (int32_t)assignment->count;
    f->micros = (f->examples + FULL_MICRO - 1) / FULL_MICRO;
    TRY(flat_init(&f->flat, model));
    deal_clear(&f->deal, 1, f->micros, workers);
    for (int32_t i = 0; i < f->micros; i++)
        TRY(deal_add(&f->deal, 0, (int)((int64_t)i * workers / f->micros), (struct tree_node){i, 1}));
    return ST_OK;
}

void full_facts_fini(struct full_facts *f)
{
    deal_fini(&f->deal);
    flat_fini(&f->flat);
    *f = (struct full_facts){.assignment = NULL};
}

int32_t full_micro_size(const struct full_facts *f, int32_t micro)
{
    int32_t left = f->examples - micro * FULL_MICRO;

    return left < FULL_MICRO ? left : FULL_MICRO;
}
