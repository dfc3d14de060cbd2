#include "coordinator/loop/int8_verdict.h"

#include <math.h>
#include <stdio.h>

#include "cluster/base/log.h"

static const double REFUSED = .9, WARNED = .99;

status int8_verdict(const struct int8_check *found, const char *precision, struct progress *progress, int64_t step)
{
    double least = found->cosine < found->head || isnan(found->cosine) ? found->cosine : found->head;
    char text[256];

    snprintf(
        text, sizeof text,
        "int8 on %lld examples: loss %.4f, in %s %.4f; gradients' cosine with those in %s at least %.4f (layer %lld), "
        "the head's %.4f",
        (long long)found->examples, found->loss, precision, found->float_loss, precision, found->cosine,
        (long long)found->layer, found->head);
    if (!(least >= REFUSED))
        return fault(ST_NUMBER, "machine.precision: %s: too far off, expected auto, f32 or bf16", text);
    if (least >= WARNED) log_info("int8-check", "%s", text);
    else log_warn("int8-check", "%s: learning may suffer", text);
    if (progress)
        progress_event(progress, least >= WARNED ? MP2__EVENT__LEVEL__INFO : MP2__EVENT__LEVEL__WARNING, "int8-check",
                       (uint64_t)step, "%s", text);
    return ST_OK;
}
