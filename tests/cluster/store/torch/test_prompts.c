/* best.th as torch saves it is read with its optimiser; what we write is read back the same, and says the same again.
 */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/store/torch/prompts.h"
#include "cluster/store/torch/write.h"

static const char *const names[PROMPTS_TENSORS] = {"A", "z", "router", "lmhead"};

/* Two AdamW steps as tests/reference/prompts/make.py takes them, in double. */
static void step_twice(double x, double rate, double out[3])
{
    double m = 0, v = 0;

    for (int t = 1; t <= 2; t++) {
        double g = x;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        x -= rate * 0.01 * x;
        x -= rate * (m / (1 - pow(0.9, t))) / (sqrt(v / (1 - pow(0.999, t))) + 1e-8);
    }
    out[0] = x;
    out[1] = m;
    out[2] = v;
}

static void check_tensor(const struct torch_prompts *p, int which, int kind)
{
    const struct tensor *t = kind == 0   ? &p->tensors.value[which]
                             : kind == 1 ? &p->tensors.m[which]
                                         : &p->tensors.v[which];
    float got[128];

    assert_true(t->count <= 128);
    assert_int_equal(tensor_read_f32("x", t, 0, t->count, got), ST_OK);
    for (int64_t i = 0; i < t->count; i++) {
        double expected[3];

        step_twice((double)((i * 7 + 13 * (int64_t)strlen(names[which])) % 41 - 20) / 128,
                   which == PROMPTS_ROUTER ? 5e-4 : 1e-4, expected);
        assert_true(fabs(got[i] - expected[kind]) <= 1e-6 * fabs(expected[kind]) + 1e-9);
    }
}

static void check(const char *path, int shallow)
{
    struct torch_prompts p;
    struct prompts_sizes n;

    assert_int_equal(torch_prompts_open(path, 1, &p), ST_OK);
    n = torch_prompts_sizes(&p.tensors);
    assert_int_equal(p.shallow, shallow);
    assert_true(n.layers == (shallow ? 1 : 2) && n.modules == 3 && n.intrinsic == 4 && n.columns == 12 &&
                n.hidden == 6 && n.tasks == 5);
    assert_int_equal(p.tensors.steps, 2);
    assert_int_equal(p.tensors.router_steps, 2);
    for (int i = 0; i < PROMPTS_TENSORS; i++)
        for (int kind = 0; kind < 3; kind++) check_tensor(&p, i, kind);
    torch_prompts_close(&p);
}

static void test_reference(void **state)
{
    (void)state;
    check(TEST_SOURCE_DIR "/tests/reference/prompts/deep.th", 0);
    check(TEST_SOURCE_DIR "/tests/reference/prompts/shallow.th", 1);
}

static void test_there_and_back(void **state)
{
    char folder[256], path[512], again[512], *a, *b;
    struct torch_prompts p;
    size_t n, m;

    (void)state;
    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/best.th", folder);
    snprintf(again, sizeof again, "%s/again.th", folder);
    for (int shallow = 0; shallow < 2; shallow++) {
        const char *from = shallow ? TEST_SOURCE_DIR "/tests/reference/prompts/shallow.th"
                                   : TEST_SOURCE_DIR "/tests/reference/prompts/deep.th";

        assert_int_equal(torch_prompts_open(from, 1, &p), ST_OK);
        assert_int_equal(torch_prompts_write(path, &p.tensors, shallow, 5e-4, 1e-4), ST_OK);
        torch_prompts_close(&p);
        check(path, shallow);
        assert_int_equal(torch_prompts_open(path, 1, &p), ST_OK);
        assert_int_equal(torch_prompts_write(again, &p.tensors, shallow, 5e-4, 1e-4), ST_OK);
        torch_prompts_close(&p);
        assert_int_equal(file_read(path, 1 << 20, &a, &n), ST_OK);
        assert_int_equal(file_read(again, 1 << 20, &b, &m), ST_OK);
        assert_true(n == m && memcmp(a, b, n) == 0); /* no times, no order of chance */
        free(a);
        free(b);
        assert_int_equal(torch_prompts_open(path, 0, &p), ST_OK);
        p.tensors.optimizer = 0;
        assert_int_equal(torch_prompts_write(again, &p.tensors, shallow, 5e-4, 1e-4), ST_OK);
        torch_prompts_close(&p);
        assert_int_equal(torch_prompts_open(again, 0, &p), ST_OK);
        torch_prompts_close(&p);
        assert_int_equal(torch_prompts_open(again, 1, &p), ST_INPUT); /* no optimiser in it */
    }
    snprintf(path, sizeof path, "%s/none/best.th", folder);
    assert_int_equal(torch_prompts_open(again, 0, &p), ST_OK);
    assert_int_equal(torch_prompts_write(path, &p.tensors, 1, 1, 1), ST_IO);
    torch_prompts_close(&p);
    test_folder_remove(folder);
}

/* Four tensors, one of them wrong. */
static status try_shapes(const char *path, int wrong, int axis, int64_t by, float value)
{
    static const int64_t shapes[PROMPTS_TENSORS][3] = {{2, 4, 12}, {2, 3, 4}, {5, 2, 3}, {2, 6, 1}};
    static float numbers[256];
    struct torch_prompts p;
    struct torch_writer *w;
    status s;

    numbers[5] = value;
    assert_int_equal(torch_writer_new(&w), ST_OK);
    torch_put_dict(w);
    for (int i = 0; i < PROMPTS_TENSORS; i++) {
        struct tensor t = {
            .name = names[i], .type = TENSOR_F32, .rank = i == PROMPTS_HEAD ? 2 : 3, .data = (unsigned char *)numbers};

        memcpy(t.shape, shapes[i], sizeof shapes[i]);
        if (i == wrong) t.shape[axis] += by;
        assert_true(tensor_set_row_major(&t));
        torch_put_text(w, names[i]);
        if (i == wrong && by == 99) torch_put_int(w, 7);
        else torch_put_tensor(w, &t);
    }
    assert_int_equal(torch_writer_save(w, path), ST_OK);
    torch_writer_destroy(&w);
    s = torch_prompts_open(path, 0, &p);
    if (s == ST_OK) torch_prompts_close(&p);
    return s;
}

static void test_refusals(void **state)
{
    char folder[256], path[512];

    (void)state;
    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/best.th", folder);
    assert_int_equal(try_shapes(path, -1, 0, 0, 0), ST_OK);
    for (int i = 0; i < PROMPTS_TENSORS; i++) {
        assert_int_equal(try_shapes(path, i, 0, 99, 0), ST_INPUT); /* no tensor */
        for (int axis = 0; axis < (i == PROMPTS_HEAD ? 2 : 3); axis++)
            assert_int_equal(try_shapes(path, i, axis, -1, 0), i == PROMPTS_ROUTER && axis == 0 ? ST_OK : ST_INPUT);
    }
    assert_int_equal(try_shapes(path, -1, 0, 0, NAN), ST_INPUT);
    assert_int_equal(try_shapes(path, -1, 0, 0, -INFINITY), ST_INPUT);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference), cmocka_unit_test(test_there_and_back),
                                       cmocka_unit_test(test_refusals)};

    log_init('-', -1, getenv("VERBOSE") ? LOG_WARN : LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
