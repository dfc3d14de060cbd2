#include "coordinator/launch/quarantine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/memory.h"

static const double COOL_DOWN_MOST = 3600;

void quarantine_fini(struct quarantine *q)
{
    mem_free(q->wards);
    *q = (struct quarantine){0};
}

struct ward *quarantine_find(struct quarantine *q, const char *host)
{
    for (size_t i = 0; i < q->count; i++)
        if (strcmp(q->wards[i].name, host) == 0) return &q->wards[i];
    return NULL;
}

static status ward_of(struct quarantine *q, const char *host, struct ward **out)
{
    *out = quarantine_find(q, host);
    if (*out) return ST_OK;
    TRY(mem_grow(&q->wards, &q->room, q->count + 1, sizeof *q->wards));
    *out = &q->wards[q->count++];
    **out = (struct ward){.times = 0};
    snprintf((*out)->name, sizeof(*out)->name, "%s", host);
    return ST_OK;
}

status quarantine_strike(struct quarantine *q, const char *host, double now, int silent, const char *reason,
                         int *out_now)
{
    struct ward *w;

    *out_now = 0;
    TRY(ward_of(q, host, &w));
    if (now - w->last > q->options.forget) w->strikes = 0;
    w->last = now;
    w->strikes++;
    w->silent |= silent;
    snprintf(w->reason, sizeof w->reason, "%s", reason);
    if (q->options.strikes == 0 || w->strikes < q->options.strikes) return ST_OK;
    w->until = now + fmin(q->options.cool_down * pow(2, w->times), COOL_DOWN_MOST);
    w->times++;
    *out_now = 1;
    return ST_OK;
}

status quarantine_doubt(struct quarantine *q, const char *host, const char *reason)
{
    struct ward *w;

    TRY(ward_of(q, host, &w));
    w->silent = 1;
    snprintf(w->reason, sizeof w->reason, "%s", reason);
    return ST_OK;
}

void quarantine_answered(struct quarantine *q, const char *host, double from)
{
    struct ward *w = quarantine_find(q, host);

    if (!w || !w->silent) return;
    w->silent = 0;
    w->from = from;
}

int quarantine_holds(struct quarantine *q, const char *host, double now)
{
    struct ward *w = quarantine_find(q, host);

    if (!w) return 0;
    if (w->until > 0 && now >= w->until) {
        w->until = 0;
        w->strikes = 0;
    }
    return w->until > 0 || w->silent || now < w->from;
}
