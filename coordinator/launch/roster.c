#include "coordinator/launch/roster.h"

void roster_fini(struct roster *r)
{
    hosts_fini(&r->offered);
    hosts_fini(&r->settled);
    hosts_fini(&r->drained);
}

status roster_offer(struct roster *r, const struct hosts *list, double now)
{
    if (r->known && hosts_equal(&r->offered, list)) return ST_OK;
    TRY(hosts_copy(list, &r->offered));
    r->changed = now;
    if (!r->known) TRY(hosts_copy(list, &r->settled));
    r->known = 1;
    return ST_OK;
}

status roster_settle(struct roster *r, double now, int *changed)
{
    *changed = r->known && !hosts_equal(&r->offered, &r->settled) && now - r->changed >= r->options.settle;
    return *changed ? hosts_copy(&r->offered, &r->settled) : ST_OK;
}

status roster_pick(struct roster *r, struct quarantine *q, double now, struct hosts *out)
{
    int left = r->options.most > 0 ? r->options.most : HOSTS_MOST * SLOTS_MOST;

    out->count = 0;
    for (size_t i = 0; i < r->settled.count && left > 0; i++) {
        const struct host *h = &r->settled.items[i];
        int slots = h->slots < left ? h->slots : left;

        if (slots == 0 || hosts_find(&r->drained, h->name) >= 0 || quarantine_holds(q, h->name, now)) continue;
        TRY(hosts_add(out, h->name, slots));
        left -= slots;
    }
    return ST_OK;
}
