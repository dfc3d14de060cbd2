/* The learning rate over a run; the digest that identifies a run. */
#include "coordinator/loop/train_config.h"

#include <math.h>
#include <stdio.h>

status train_config_digest(const struct train_config *t, const struct options *options,
                           int (*counts)(void *arg, const char *name), void *arg, char out[DIGEST_TEXT])
{
    char text[64];
    int n;

    TRY(options_digest(options, counts, arg, out));
    if (t->schedule == SCHEDULE_CONSTANT) return ST_OK;
    n = snprintf(text, sizeof text, "%s %lld", out, (long long)t->steps);
    digest_bytes(text, (size_t)n, out);
    return ST_OK;
}

double train_rate_factor(const struct train_config *t, int64_t step)
{
    double done;

    if (step < t->warmup) return (double)(step + 1) / (double)t->warmup;
    if (t->schedule == SCHEDULE_CONSTANT || t->steps <= t->warmup) return 1.0;
    done = (double)(step - t->warmup) / (double)(t->steps - t->warmup);
    if (done > 1.0) done = 1.0;
    return t->schedule == SCHEDULE_LINEAR ? 1.0 - done : 0.5 * (1.0 + cos(3.14159265358979323846 * done));
}
