#include "coordinator/pretrain/rate_watch.h"

static const double WEIGHT = .05;   /* of the newest step, as in the displayed rate */
static const double NOISE = 1.02;   /* exceeding the rate by this factor is more than noise */
enum { PAUSE = 50, VAIN_MOST = 3 }; /* steps between two measurements; how many without success */

int rate_watch_step(struct rate_watch *w, double flops, double seconds)
{
    double now = seconds > 0 ? flops / seconds : 0;

    w->reached = w->reached > 0 ? w->reached + WEIGHT * (now - w->reached) : now;
    if (w->wait > 0) w->wait--;
    if (w->limit <= 0 || w->wait > 0 || w->reached <= NOISE * w->limit) return 0;
    w->wait = PAUSE;
    return 1;
}

double rate_watch_measured(struct rate_watch *w, double rate)
{
    if (rate > w->limit) w->limit = rate;
    w->vain = w->reached > NOISE * w->limit ? w->vain + 1 : 0;
    if (w->vain == VAIN_MOST) {
        w->limit = w->reached;
        w->vain = 0;
    }
    return w->limit;
}
