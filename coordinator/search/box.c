#include "coordinator/search/box.h"

#include <math.h>

void box_init(struct box *b, double lower, double upper)
{
    double half = (upper - lower) / 2;

    *b = (struct box){.lower = lower, .upper = upper};
    b->below = isfinite(lower) ? fmin(half, fmax(1, fabs(lower)) / 20) : 1;
    b->above = isfinite(upper) ? fmin(half, fmax(1, fabs(upper)) / 20) : 1;
}

int box_bounded(const struct box *b)
{
    return isfinite(b->lower) && isfinite(b->upper);
}

/* Outside [lower - below, upper + above] the map is mirrored, again and again. */
static double into_reach(const struct box *b, double x)
{
    double first = b->lower - b->below, last = b->upper + b->above, period = 2 * (last - first), at;

    if (!box_bounded(b)) {
        if (x < first) return 2 * first - x;
        return x > last ? 2 * last - x : x;
    }
    at = fmod(x - first, period);
    if (at < 0) at += period;
    return first + (at > period / 2 ? period - at : at);
}

double box_fold(const struct box *b, double x)
{
    double first = b->lower - b->below, last = b->upper + b->above;

    if (!isfinite(x)) return x;
    if (x < first || x > last) x = into_reach(b, x);
    if (x < b->lower + b->below) x = b->lower + (x - first) * (x - first) / (4 * b->below);
    else if (x > b->upper - b->above) x = b->upper - (last - x) * (last - x) / (4 * b->above);
    return fmax(b->lower, fmin(b->upper, x));
}

double box_unfold(const struct box *b, double x)
{
    if (x < b->lower + b->below) return b->lower - b->below + 2 * sqrt(b->below * (x - b->lower));
    if (x > b->upper - b->above) return b->upper + b->above - 2 * sqrt(b->above * (b->upper - x));
    return x;
}
