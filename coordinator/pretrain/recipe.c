/* The narrower the encoder, the faster prompts must move: fewer numbers carry what they say. */
#include "coordinator/pretrain/recipe.h"

static const struct recipe recipes[] = {
    {"configs/pretrain.yaml", 896, 1e-4, 5e-4},
    {"configs/pretrain-base.yaml", 640, 1e-3, 3e-3},
    {"configs/pretrain-small.yaml", 0, 5e-3, 1e-2},
};

const struct recipe *recipe_for(int64_t hidden)
{
    const struct recipe *r = recipes;

    while (hidden < r->hidden) r++;
    return r;
}

int recipe_is_near(double rate, double of_recipe)
{
    return rate == 0.0 || (rate <= 10.0 * of_recipe && of_recipe <= 10.0 * rate);
}
