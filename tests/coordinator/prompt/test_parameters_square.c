/* The norm that a step tells is that of the gradients that AdamW takes: from zero moments its first moment is the
 * gradient times 1 - beta1; and A's, which is never made, has the norm of the one that is made here. */
#include <math.h>

#include "cluster/base/random.h"
#include "coordinator/prompt/parameters.h"
#include "tests/support/support.h"

enum { LAYERS = 3, MODULES = 4, D = 5, HIDDEN = 6, TASKS = 7, GROUPS = 3, COLUMNS = 21 };

static const struct parameters_shape shape = {.layers = LAYERS,
                                              .modules = MODULES,
                                              .d = D,
                                              .hidden = HIDDEN,
                                              .tasks = TASKS,
                                              .z_start = 1e-3,
                                              .router_start = 1e-3,
                                              .heads = 1};

struct draws {
    struct group_draw draw[GROUPS];
    double uniform[GROUPS][LAYERS * MODULES], s[GROUPS][LAYERS * MODULES], r[GROUPS][LAYERS * MODULES];
    float u[GROUPS][LAYERS * D];
};

static void draw_all(const struct parameters *p, struct draws *w)
{
    struct random_key key = random_seed(4, RANDOM_ROUTER);

    for (int g = 0; g < GROUPS; g++) {
        for (int i = 0; i < LAYERS * MODULES; i++)
            w->uniform[g][i] = 0.1 + 0.8 * random_uniform(key, (uint64_t)(g * 100 + i));
        w->draw[g] = (struct group_draw){.task = g == 2 ? 1 : 4 * g,
                                         .uniform = w->uniform[g],
                                         .tau = 0.7,
                                         .weight = 0.5 * (g + 1),
                                         .s = w->s[g],
                                         .r = w->r[g],
                                         .u = w->u[g]};
        parameters_draw(p, &w->draw[g]);
    }
}

static double squares(const struct moments *x, double factor)
{
    double sum = 0;

    for (size_t i = 0; i < x->count; i++) sum += pow((double)x->m[i] / factor, 2);
    return sum;
}

static void test_square(void **state)
{
    const struct rates rates = {
        .router = 1e-3, .z = 1e-3, .head = 1e-3, .adamw = {.beta1 = .9, .beta2 = .99, .eps = 1e-8}};
    struct random_key key = random_seed(5, RANDOM_INIT);
    double g[GROUPS * LAYERS * D], head[2 * HIDDEN], told;
    struct parameters *p;
    struct draws w;

    (void)state;
    assert_int_equal(parameters_new(&shape, 1, &p), ST_OK);
    draw_all(p, &w);
    for (int i = 0; i < GROUPS * LAYERS * D; i++) g[i] = random_normal(key, (uint64_t)i);
    for (int i = 0; i < 2 * HIDDEN; i++) head[i] = random_normal(key, (uint64_t)(1000 + i));
    told = parameters_square(p, GROUPS, w.draw, g, head);
    parameters_update(p, &rates, GROUPS, w.draw, g, head);
    assert_true(fabs(told - squares(&p->z, .1) - squares(&p->router, .1) - squares(&p->head, .1)) < 1e-5 * told);
    assert_true(squares(&p->z, .1) > 1e-3 * told && squares(&p->head, .1) > 1e-3 * told && squares(&p->router, .1) > 0);
    parameters_destroy(&p);
}

static void test_square_of_a(void **state)
{
    static float gradient[GROUPS * LAYERS * COLUMNS];
    struct random_key key = random_seed(6, RANDOM_INIT);
    struct parameters *p;
    struct draws w;

    (void)state;
    assert_int_equal(parameters_new(&shape, 1, &p), ST_OK);
    draw_all(p, &w);
    for (int i = 0; i < GROUPS * LAYERS * COLUMNS; i++) gradient[i] = (float)random_normal(key, (uint64_t)i);
    for (int groups = 1; groups <= GROUPS; groups++) {
        double sum = 0;

        for (int l = 0; l < LAYERS; l++)
            for (int i = 0; i < D; i++)
                for (int c = 0; c < COLUMNS; c++) {
                    double a = 0;

                    for (int n = 0; n < groups; n++)
                        a += w.draw[n].weight * (double)w.u[n][l * D + i] *
                             (double)gradient[(n * LAYERS + l) * COLUMNS + c];
                    sum += a * a;
                }
        assert_true(fabs(parameters_square_of_a(p, groups, w.draw, COLUMNS, gradient) - sum) < 1e-12 * sum);
    }
    parameters_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_square), cmocka_unit_test(test_square_of_a)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
