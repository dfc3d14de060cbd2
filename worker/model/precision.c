/* Both are timed alternately and by CPU time, so that other work on the machine does not affect the choice; the best
 * time of each counts. */
#include "worker/model/precision.h"

#include <math.h>

#include "cluster/base/clock.h"
#include "worker/model/matmul_rate.h"

enum { TURNS = 2 };
static const double LONG_ENOUGH = 0.5, F32_AHEAD = 1.1; /* seconds; times */

static status open_both(const struct model_config *config, const struct encoder_options *options, struct pool *pool,
                        struct encoder *of[2])
{
    struct encoder_options o = *options;

    o.check = 0;
    for (int i = 0; i < 2; i++) {
        o.precision = i == 0 ? NUMBER_F32 : NUMBER_BF16;
        TRY(encoder_new(config, &o, pool, &of[i]));
    }
    return ST_OK;
}

static status time_both(struct encoder *const of[2], struct pool *pool, double best[2])
{
    double started = clock_now();

    for (int turn = 0; turn < TURNS && (turn == 0 || clock_now() - started < LONG_ENOUGH); turn++)
        for (int i = 0; i < 2; i++) {
            double rate;

            TRY(matmul_rate_cpu(of[i]->matmul, pool, &rate));
            best[i] = fmax(best[i], rate);
        }
    return ST_OK;
}

status precision_measure(struct comm *c, const struct model_config *config, const struct encoder_options *options,
                         struct pool *pool, struct precision_rates *out)
{
    struct encoder *of[2] = {NULL, NULL};
    double best[2] = {0, 0};
    int64_t slowest[2] = {INT64_MIN, INT64_MIN}; /* comm_max of the negative, in whole FLOP/s */
    status s = comm_is_worker(c) ? open_both(config, options, pool, of) : ST_OK;

    s = comm_agree(c, s); /* start together */
    if (s == ST_OK) {
        if (comm_is_worker(c)) s = time_both(of, pool, best);
        for (int i = 0; i < 2 && comm_is_worker(c); i++) slowest[i] = -(int64_t)best[i];
        s = comm_agree(c, s);
    }
    for (int i = 0; i < 2; i++) encoder_destroy(&of[i]);
    TRY(s);
    TRY(comm_max(c, slowest, 2));
    *out = (struct precision_rates){(double)-slowest[0], (double)-slowest[1]};
    return ST_OK;
}

enum number precision_choose(const struct precision_rates *rates)
{
    return rates->f32 > F32_AHEAD * rates->bf16 ? NUMBER_F32 : NUMBER_BF16;
}
