/* The learning rate over a run. */
#include "coordinator/loop/train_config.h"

#include <math.h>

double train_rate_factor(const struct train_config *t, int64_t step)
{
    double done;

    if (step < t->warmup) return (double)(step + 1) / (double)t->warmup;
    if (t->schedule == SCHEDULE_CONSTANT || t->steps <= t->warmup) return 1.0;
    done = (double)(step - t->warmup) / (double)(t->steps - t->warmup);
    if (done > 1.0) done = 1.0;
    return t->schedule == SCHEDULE_LINEAR ? 1.0 - done : 0.5 * (1.0 + cos(3.14159265358979323846 * done));
}
