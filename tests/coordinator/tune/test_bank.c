/* The chain rule between composed prompts and router and modules, by finite differences; gates that add to 1; equal
 * modules make the router idle (worker/README.md, "Exact gradients"). */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "cluster/base/random.h"
#include "coordinator/tune/bank.h"

enum { LAYERS = 2, MODULES = 3, TOKENS = 2, HIDDEN = 5, COLUMNS = TOKENS * HIDDEN, GATES = LAYERS * MODULES };

static const struct bank bank = {
    .layers = LAYERS, .modules = MODULES, .tokens = TOKENS, .hidden = HIDDEN, .columns = COLUMNS};

static void fill(float *x, size_t n, unsigned seed)
{
    struct random_key key = random_seed(seed, RANDOM_INIT);

    for (size_t i = 0; i < n; i++) x[i] = (float)(2 * random_uniform(key, i) - 1);
}

/* A function of the prompts whose gradient is `weights`. */
static double value(const float *theta, const float *modules, const float *weights)
{
    double s[GATES], r[GATES], sum = 0;
    float prompts[LAYERS * COLUMNS];

    bank_gates(&bank, theta, s, r);
    bank_mix(&bank, modules, r, prompts);
    for (int i = 0; i < LAYERS * COLUMNS; i++) sum += (double)prompts[i] * (double)weights[i];
    return sum;
}

static void test_back(void **state)
{
    const float step = 1.0f / 128;
    float theta[GATES], modules[GATES * COLUMNS], weights[LAYERS * COLUMNS], grad_modules[GATES * COLUMNS];
    double s[GATES], r[GATES], grad_theta[GATES];

    (void)state;
    fill(theta, GATES, 1);
    fill(modules, GATES * COLUMNS, 2);
    fill(weights, LAYERS * COLUMNS, 3);
    bank_gates(&bank, theta, s, r);
    bank_backward(&bank, modules, s, r, weights, grad_modules, grad_theta);
    for (int i = 0; i < GATES; i++) {
        float up[GATES], down[GATES];
        double slope;

        memcpy(up, theta, sizeof up);
        memcpy(down, theta, sizeof down);
        up[i] += step;
        down[i] -= step;
        slope = (value(up, modules, weights) - value(down, modules, weights)) / (2.0 * (double)step);
        assert_true(fabs(slope - grad_theta[i]) < 1e-4 * (1 + fabs(slope)));
    }
    for (int i = 0; i < GATES * COLUMNS; i += 7) {
        float up[GATES * COLUMNS], down[GATES * COLUMNS];
        double slope;

        memcpy(up, modules, sizeof up);
        memcpy(down, modules, sizeof down);
        up[i] += step;
        down[i] -= step;
        slope = (value(theta, up, weights) - value(theta, down, weights)) / (2.0 * (double)step);
        assert_true(fabs(slope - (double)grad_modules[i]) < 1e-4 * (1 + fabs(slope)));
    }
}

static void test_gates(void **state)
{
    float theta[GATES], modules[GATES * COLUMNS], one[COLUMNS], prompts[LAYERS * COLUMNS], weights[LAYERS * COLUMNS];
    double s[GATES], r[GATES], grad_theta[GATES];

    (void)state;
    fill(theta, GATES, 4);
    fill(one, COLUMNS, 5);
    fill(weights, LAYERS * COLUMNS, 6);
    for (int i = 0; i < GATES; i++) memcpy(modules + i * COLUMNS, one, sizeof one);
    bank_gates(&bank, theta, s, r);
    for (int l = 0; l < LAYERS; l++) {
        double sum = 0;

        for (int k = 0; k < MODULES; k++) sum += r[l * MODULES + k];
        assert_true(fabs(sum - 1) < 1e-9);
    }
    bank_mix(&bank, modules, r, prompts);
    for (int i = 0; i < LAYERS * COLUMNS; i++) assert_true(fabs((double)prompts[i] - (double)one[i % COLUMNS]) < 1e-6);
    bank_backward(&bank, modules, s, r, weights, NULL, grad_theta);
    for (int i = 0; i < GATES; i++) assert_true(fabs(grad_theta[i]) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_back), cmocka_unit_test(test_gates)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
