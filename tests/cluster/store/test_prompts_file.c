/* A good file gives its sizes; sizes that disagree, with each other or with the model, and values that are not finite
 * are refused. */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/store/prompts_file.h"

enum { L = 2, K = 3, D = 4, P = 5, H = 6, T = 7, ROOM = L * D * P * H };

static float values[5][ROOM];
static struct tensor_spec specs[5];
static char folder[256], path[512];

static int setup(void **state)
{
    static const struct tensor_spec good[5] = {{"A", TENSOR_F32, 3, {L, D, P * H}},
                                               {"z", TENSOR_F32, 3, {L, K, D}},
                                               {"router", TENSOR_F32, 3, {T, L, K}},
                                               {"head.weight", TENSOR_F32, 2, {2, H}},
                                               {"encoder.lstm", TENSOR_F32, 1, {9}}};
    (void)state;
    memcpy(specs, good, sizeof specs);
    memset(values, 0, sizeof values);
    return 0;
}

static status try_open(size_t count, int64_t layers, int64_t hidden)
{
    const void *const data[5] = {values[0], values[1], values[2], values[3], values[4]};
    struct prompts_file p;
    status s;

    assert_int_equal(safetensors_write(path, specs, count, NULL, 0, data), ST_OK);
    s = prompts_file_open(path, layers, hidden, &p);
    if (s == ST_OK) prompts_file_close(&p);
    return s;
}

static void test_sizes(void **state)
{
    struct prompts_file p;

    (void)state;
    assert_int_equal(try_open(4, L, H), ST_OK);
    assert_int_equal(try_open(4, 0, 0), ST_OK);
    assert_int_equal(prompts_file_open(path, L, H, &p), ST_OK);
    assert_int_equal(p.layers, L);
    assert_int_equal(p.modules, K);
    assert_int_equal(p.intrinsic, D);
    assert_int_equal(p.tokens, P);
    assert_int_equal(p.hidden, H);
    assert_int_equal(p.tasks, T);
    prompts_file_close(&p);
    assert_int_equal(try_open(4, 3, H), ST_INPUT);
    assert_int_equal(try_open(4, L, 2 * H), ST_INPUT);
    for (size_t missing = 0; missing < 4; missing++) assert_int_equal(try_open(missing, L, H), ST_INPUT);
}

static void test_shallow(void **state)
{
    (void)state;
    specs[0].shape[0] = specs[1].shape[0] = specs[2].shape[1] = 1;
    assert_int_equal(try_open(4, 24, H), ST_OK);
    assert_int_equal(try_open(4, 1, H), ST_OK);
}

/* Each axis of each tensor one less: all but the task axis disagree with something. */
static void test_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        for (int axis = 0; axis < specs[i].rank; axis++) {
            setup(NULL);
            specs[i].shape[axis]--;
            if (i == 2 && axis == 0) assert_int_equal(try_open(4, L, H), ST_OK);
            else assert_int_equal(try_open(4, L, H), ST_INPUT);
        }
    setup(NULL);
    specs[2].shape[0] = 0;
    assert_int_equal(try_open(4, L, H), ST_INPUT);
    setup(NULL);
    specs[0].shape[2] = 0;
    assert_int_equal(try_open(4, L, H), ST_INPUT);
    setup(NULL);
    specs[1].type = TENSOR_I32;
    assert_int_equal(try_open(4, L, H), ST_INPUT);
    setup(NULL);
    specs[1].rank = 2;
    assert_int_equal(try_open(4, L, H), ST_INPUT);
}

static void test_not_finite(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    double wide[2 * H] = {1e300};
    const void *const data[4] = {values[0], values[1], values[2], wide};
    struct prompts_file p;

    (void)state;
    for (int i = 0; i < 4; i++)
        for (int b = 0; b < 3; b++) {
            int64_t last = specs[i].shape[0] * specs[i].shape[1] * (specs[i].rank == 3 ? specs[i].shape[2] : 1) - 1;
            values[i][last] = bad[b];
            assert_int_equal(try_open(4, L, H), ST_INPUT);
            values[i][last] = 0;
        }
    assert_int_equal(try_open(4, L, H), ST_OK);
    specs[3].type = TENSOR_F64; /* finite as a double alone */
    assert_int_equal(safetensors_write(path, specs, 4, NULL, 0, data), ST_OK);
    assert_int_equal(prompts_file_open(path, L, H, &p), ST_INPUT);
}

/* Heads of every task: one for each router row, finite. */
static void test_task_heads(void **state)
{
    const struct tensor_spec good[5] = {
        specs[0], specs[1], specs[2], specs[3], {"head.task.weight", TENSOR_F32, 3, {T, 2, H}}};
    static float heads[T * 2 * H];
    const void *const data[5] = {values[0], values[1], values[2], values[3], heads};
    struct prompts_file p;

    (void)state;
    assert_int_equal(safetensors_write(path, good, 5, NULL, 0, data), ST_OK);
    assert_int_equal(prompts_file_open(path, L, H, &p), ST_OK);
    assert_non_null(p.task_heads);
    assert_int_equal(p.task_heads->count, T * 2 * H);
    prompts_file_close(&p);
    for (int axis = 0; axis < 3; axis++) {
        struct tensor_spec bad[5];

        memcpy(bad, good, sizeof bad);
        bad[4].shape[axis]--;
        assert_int_equal(safetensors_write(path, bad, 5, NULL, 0, data), ST_OK);
        assert_int_equal(prompts_file_open(path, L, H, &p), ST_INPUT);
    }
    heads[T * 2 * H - 1] = NAN;
    assert_int_equal(safetensors_write(path, good, 5, NULL, 0, data), ST_OK);
    assert_int_equal(prompts_file_open(path, L, H, &p), ST_INPUT);
    assert_int_equal(try_open(4, L, H), ST_OK);
    assert_int_equal(prompts_file_open(path, L, H, &p), ST_OK);
    assert_null(p.task_heads);
    prompts_file_close(&p);
}

/* Prompts that pass through an encoder are none to compute with here, however good the rest is. */
static void test_encoder(void **state)
{
    (void)state;
    assert_int_equal(try_open(5, L, H), ST_INPUT);
    specs[4].name = "encoder.other";
    assert_int_equal(try_open(5, L, H), ST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sizes, setup),      cmocka_unit_test_setup(test_shallow, setup),
        cmocka_unit_test_setup(test_shapes, setup),     cmocka_unit_test_setup(test_not_finite, setup),
        cmocka_unit_test_setup(test_task_heads, setup), cmocka_unit_test_setup(test_encoder, setup)};
    int failed;

    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/prompts.safetensors", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_folder_remove(folder);
    return failed;
}
