/* First values lie where they should and depend on the seed alone; gates at their means mix as worker/README.md,
 * "Router" says; one AdamW step against the formula; rows of tasks that were not drawn stay. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "coordinator/prompt/parameters.h"

enum { LAYERS = 2, MODULES = 3, D = 5, HIDDEN = 4, TASKS = 6, GATES = LAYERS * MODULES };

static const struct parameters_shape plain = {.layers = LAYERS,
                                              .modules = MODULES,
                                              .d = D,
                                              .hidden = HIDDEN,
                                              .tasks = TASKS,
                                              .z_start = 1e-3,
                                              .router_start = 1e-3,
                                              .heads = 1};

static void within(const struct moments *x, double low, double high)
{
    double least = HUGE_VAL, most = -HUGE_VAL;

    for (size_t i = 0; i < x->count; i++) {
        least = fmin(least, x->value[i]);
        most = fmax(most, x->value[i]);
    }
    assert_true(least >= low && most <= high);
    assert_true(most - least > 0.7 * (high - low));
}

static void test_first_values(void **state)
{
    struct parameters_shape wide = plain;
    struct parameters *p, *again, *other;

    (void)state;
    wide.z_start = 0.1;
    wide.router_start = 6;
    wide.router_centre = -4;
    assert_int_equal(parameters_new(&plain, 42, &p), ST_OK);
    within(&p->z, -1e-3, 1e-3);
    within(&p->router, -1e-3, 1e-3);
    assert_int_equal(parameters_new(&wide, 42, &again), ST_OK);
    within(&again->z, -0.1, 0.1);
    within(&again->router, -10, 2);
    assert_int_equal(parameters_new(&plain, 43, &other), ST_OK);
    assert_memory_not_equal(p->z.value, other->z.value, p->z.count * sizeof(float));
    parameters_destroy(&again);
    assert_int_equal(parameters_new(&plain, 42, &again), ST_OK);
    assert_memory_equal(p->z.value, again->z.value, p->z.count * sizeof(float));
    assert_memory_equal(p->router.value, again->router.value, p->router.count * sizeof(float));
    assert_memory_equal(p->head.value, again->head.value, p->head.count * sizeof(float));
    parameters_destroy(&p);
    parameters_destroy(&again);
    parameters_destroy(&other);
}

static void test_gates_at_their_means(void **state)
{
    struct parameters_shape shape = plain;
    struct parameters *p;
    double s[GATES], r[GATES];
    float u[LAYERS * D];
    struct group_draw draw = {.task = 4, .tau = 0.5, .s = s, .r = r, .u = u};

    (void)state;
    shape.z_start = 0.5;
    shape.router_start = 3;
    assert_int_equal(parameters_new(&shape, 7, &p), ST_OK);
    parameters_draw(p, &draw);
    for (int l = 0; l < LAYERS; l++)
        for (int i = 0; i < D; i++) {
            double sum = 0, mixed = 0;

            for (int k = 0; k < MODULES; k++) {
                double gate = 1.0 / (1.0 + exp(-(double)p->router.value[4 * GATES + l * MODULES + k]));

                sum += gate;
                mixed += gate * p->z.value[(l * MODULES + k) * D + i];
            }
            assert_true(fabs(u[l * D + i] - mixed / sum) < 1e-6);
        }
    parameters_destroy(&p);
}

/* The head's gradient is given, so its first AdamW step is known: -rate * (sign(g) + decay * x). */
static void test_update(void **state)
{
    struct parameters *p;
    double s[GATES], r[GATES], g[LAYERS * D], head[2 * HIDDEN], before[2 * HIDDEN];
    float u[LAYERS * D], routers[TASKS * GATES];
    struct group_draw draw = {.task = 1, .weight = 1.0, .s = s, .r = r, .u = u};
    struct rates rates = {
        .router = 1e-2, .z = 1e-3, .head = 4e-3, .adamw = {.decay = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}};

    (void)state;
    assert_int_equal(parameters_new(&plain, 7, &p), ST_OK);
    for (int i = 0; i < LAYERS * D; i++) g[i] = i % 2 ? 0.3 : -0.2;
    for (int i = 0; i < 2 * HIDDEN; i++) {
        head[i] = i % 3 ? 0.5 : -0.25;
        before[i] = p->head.value[i];
    }
    memcpy(routers, p->router.value, sizeof routers);
    parameters_draw(p, &draw);
    parameters_update(p, &rates, 1, &draw, g, head);
    for (int i = 0; i < 2 * HIDDEN; i++) {
        double want = before[i] * (1 - 4e-3 * 0.01) - 4e-3 * (head[i] > 0 ? 1 : -1);

        assert_true(fabs(p->head.value[i] - want) < 1e-8);
    }
    for (int t = 0; t < TASKS; t++) {
        int moved = 0;

        for (int i = t * GATES; i < (t + 1) * GATES; i++) moved |= routers[i] != p->router.value[i];
        assert_int_equal(moved, t == 1);
        assert_int_equal(p->row_applied[t], t == 1);
    }
    assert_int_equal(p->applied, 1);
    parameters_destroy(&p);
}

/* Tasks begin with modules of their own, around the modules that there are; all other gates are as good as closed. */
static void test_own_modules(void **state)
{
    struct parameters_shape shape = plain;
    struct parameters *p;

    (void)state;
    shape.own = 2;
    shape.router_centre = 5;
    assert_int_equal(parameters_new(&shape, 42, &p), ST_OK);
    for (int t = 0; t < TASKS; t++)
        for (int i = 0; i < GATES; i++) {
            int k = i % MODULES, own = k == 2 * t % MODULES || k == (2 * t + 1) % MODULES;

            assert_true(fabs((double)p->router.value[t * GATES + i] - (own ? 5 : -5)) <= 1.001e-3);
        }
    parameters_destroy(&p);
}

/* A group's gradient counts times its weight: half of g with weight 2 is g. */
static void test_weights(void **state)
{
    struct parameters *p[2];
    double s[GATES], r[GATES], g[LAYERS * D], head[2 * HIDDEN] = {0};
    float u[LAYERS * D];
    struct rates rates = {.router = 1e-2, .z = 1e-3, .adamw = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct group_draw draw = {.task = 1, .weight = 1 + i, .s = s, .r = r, .u = u};

        assert_int_equal(parameters_new(&plain, 7, &p[i]), ST_OK);
        for (int j = 0; j < LAYERS * D; j++) g[j] = (j % 2 ? 0.3 : -0.2) / (1 + i);
        parameters_draw(p[i], &draw);
        parameters_update(p[i], &rates, 1, &draw, g, head);
    }
    assert_memory_equal(p[0]->z.m, p[1]->z.m, p[0]->z.count * sizeof(float));
    assert_memory_equal(p[0]->router.value, p[1]->router.value, p[0]->router.count * sizeof(float));
    for (int i = 0; i < 2; i++) parameters_destroy(&p[i]);
}

/* Of two heads, alike at first, the one that a group uses moves, as it would alone. */
static void test_heads(void **state)
{
    struct parameters *p, *one;
    struct parameters_shape shape = plain;
    double s[GATES], r[GATES], g[LAYERS * D] = {0}, head[4 * HIDDEN] = {0};
    float u[LAYERS * D];
    struct group_draw draw = {.task = 1, .head = 1, .weight = 1.0, .s = s, .r = r, .u = u};
    struct rates rates = {.head = 1e-3, .adamw = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}};
    size_t bytes = 2 * HIDDEN * sizeof(float);

    (void)state;
    shape.heads = 2;
    assert_int_equal(parameters_new(&shape, 7, &p), ST_OK);
    assert_int_equal(parameters_new(&plain, 7, &one), ST_OK);
    assert_memory_equal(p->head.value, one->head.value, bytes);
    assert_memory_equal(p->head.value + 2 * HIDDEN, one->head.value, bytes);
    for (int i = 0; i < 2 * HIDDEN; i++) head[2 * HIDDEN + i] = i % 3 - 1;
    parameters_draw(p, &draw);
    parameters_update(p, &rates, 1, &draw, g, head);
    assert_memory_equal(p->head.value, one->head.value, bytes);
    draw.head = 0;
    parameters_update(one, &rates, 1, &draw, g, head + 2 * HIDDEN);
    assert_memory_equal(p->head.value + 2 * HIDDEN, one->head.value, bytes);
    assert_memory_not_equal(p->head.value, one->head.value, bytes);
    assert_int_equal(p->head_applied[0], 0);
    assert_int_equal(p->head_applied[1], 1);
    parameters_destroy(&p);
    parameters_destroy(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_values),
        cmocka_unit_test(test_own_modules),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_gates_at_their_means),
        cmocka_unit_test(test_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
