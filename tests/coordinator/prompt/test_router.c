/* Router gradients against finite differences in double, equal modules, and the scale of the gates. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "cluster/base/random.h"
#include "coordinator/prompt/router.h"

enum { K = 5, D = 7 };

/* A scalar of u: c . u + 0.5 |u|^2, so that dL/du = c + u. */
static double loss(const float *theta, const double *v, double tau, const float *z, const double *c, double *g)
{
    double s[K], r[K], u[D], sum = 0;

    router_forward(K, theta, v, tau, s, r);
    router_mix(K, D, r, z, u);
    for (int i = 0; i < D; i++) {
        sum += c[i] * u[i] + 0.5 * u[i] * u[i];
        if (g) g[i] = c[i] + u[i];
    }
    return sum;
}

static void check(const double *v, double tau)
{
    struct random_key key = random_seed(11, RANDOM_INIT);
    float theta[K], z[K * D];
    double c[D], g[D], s[K], r[K], grad_z[K * D] = {0}, grad_theta[K] = {0};
    const float h = 0x1p-10f;

    for (int i = 0; i < K; i++) theta[i] = (float)random_normal(key, (uint64_t)i);
    for (int i = 0; i < K * D; i++) z[i] = (float)random_normal(key, 100 + (uint64_t)i);
    for (int i = 0; i < D; i++) c[i] = random_normal(key, 200 + (uint64_t)i);
    loss(theta, v, tau, z, c, g);
    router_forward(K, theta, v, tau, s, r);
    router_backward(K, D, s, r, z, g, tau, grad_z, grad_theta);
    for (int i = 0; i < K + K * D; i++) {
        float *x = i < K ? &theta[i] : &z[i - K], kept = *x;
        double got = i < K ? grad_theta[i] : grad_z[i - K], up, down, step;

        *x = kept + h;
        up = loss(theta, v, tau, z, c, NULL);
        step = *x;
        *x = kept - h;
        down = loss(theta, v, tau, z, c, NULL);
        step -= *x;
        *x = kept;
        assert_true(fabs((up - down) / step - got) < 1e-5 * (1 + fabs(got)));
    }
}

static void test_gradients(void **state)
{
    double v[K] = {0.1, 0.9, 0.5, 0.0, 1.0};

    (void)state;
    check(NULL, 1.0);
    check(v, 1.0);
    v[3] = 0.3;
    v[4] = 0.7;
    check(v, 0.5);
}

static void test_equal_modules(void **state)
{
    float theta[K] = {-3, 0, 1, 2, 5}, z[K * D];
    double s[K], r[K], u[D];

    (void)state;
    for (int k = 0; k < K; k++)
        for (int i = 0; i < D; i++) z[k * D + i] = (float)i;
    router_forward(K, theta, NULL, 1.0, s, r);
    router_mix(K, D, r, z, u);
    for (int i = 0; i < D; i++) assert_true(fabs(u[i] - i) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients), cmocka_unit_test(test_equal_modules)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
