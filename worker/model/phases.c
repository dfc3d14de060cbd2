#include "worker/model/phases.h"

#include "cluster/base/clock.h"

void phases_begin(struct phase_times *times, int threads)
{
    double now = clock_now();

    for (int i = 0; i < threads; i++) times[i] = (struct phase_times){.since = now};
}

void phases_lap(struct phase_times *times, int phase)
{
    double now = clock_now();

    times->seconds[phase] += now - times->since;
    times->since = now;
}

const char *phase_name(int phase)
{
    static const char *const names[PHASE_COUNT] = {
        [PRODUCT_QKV] = "qkv",
        [PRODUCT_OUT] = "attention out",
        [PRODUCT_UP] = "up",
        [PRODUCT_DOWN] = "down",
        [PRODUCT_QKV_BACK] = "qkv back",
        [PRODUCT_OUT_BACK] = "attention out back",
        [PRODUCT_UP_BACK] = "up back",
        [PRODUCT_DOWN_BACK] = "down back",
        [PHASE_SCALE] = "scale",
        [PHASE_GELU] = "gelu",
        [PHASE_ATTENTION] = "attention",
        [PHASE_ATTENTION_BACK] = "attention back",
        [PHASE_NORM] = "norm",
        [PHASE_NORM_BACK] = "norm back",
        [PHASE_SUM] = "sum",
        [PHASE_HEAD] = "head",
        [PHASE_WAIT] = "wait",
    };

    return names[phase];
}
