/* Rates that are known to train prompts over an encoder of a width: the files configs/pretrain*.yaml. */
#ifndef MP2_COORDINATOR_PRETRAIN_RECIPE_H
#define MP2_COORDINATOR_PRETRAIN_RECIPE_H

#include <stdint.h>

struct recipe {
    const char *file;
    int64_t hidden; /* from this width on */
    double rate, router_rate;
};

/* The recipe for an encoder of this width. */
const struct recipe *recipe_for(int64_t hidden);
/* Whether a rate is as good as the recipe's: within a factor of ten. A rate of 0 is meant. */
int recipe_is_near(double rate, double of_recipe);

#endif
