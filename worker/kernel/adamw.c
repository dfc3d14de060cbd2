/* The bias corrections of the moments, which start at 0. */
#include "worker/kernel/adamw.h"

#include <math.h>

struct adamw adamw_at(double rate, const struct adamw_options *o, int64_t count)
{
    return (struct adamw){.lr = rate,
                          .beta1 = o->beta1,
                          .beta2 = o->beta2,
                          .eps = o->eps,
                          .decay = o->decay,
                          .correction1 = 1.0 - pow(o->beta1, (double)count),
                          .correction2 = 1.0 - pow(o->beta2, (double)count)};
}
