/* mp2 probe against stored PyTorch values (tests/reference/make_probe.py, float64), and what it does with bad input. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/memory.h"
#include "cluster/store/safetensors.h"
#include "tests/support/support.h"
#include "worker/model/matmul.h"

#define STORED TEST_SOURCE_DIR "/tests/reference/probe"

struct context {
    char folder[512];
};

static int setup(void **state)
{
    static struct context c;

    test_folder(c.folder, sizeof c.folder);
    *state = &c;
    return 0;
}

static int teardown(void **state)
{
    test_folder_remove(((struct context *)*state)->folder);
    return 0;
}

struct error {
    double largest, worst, cosine;
};

static double value(const struct safetensors *f, const char *name, int64_t i)
{
    float x;

    assert_int_equal(tensor_read_f32(f->path, safetensors_find(f, name), i, 1, &x), ST_OK);
    return x;
}

/* Errors of a tensor; of the change since `from` when given. */
static struct error measure(const struct safetensors *expected, const struct safetensors *found, const char *name,
                            const struct safetensors *from, const char *from_name)
{
    const struct tensor *e = safetensors_find(expected, name), *f = safetensors_find(found, name);
    struct error r = {0, 0, 0};
    double ee = 0, ff = 0, ef = 0;

    assert_non_null(e);
    assert_non_null(f);
    assert_int_equal(f->type, TENSOR_F32);
    assert_int_equal(e->rank, f->rank);
    for (int i = 0; i < e->rank; i++) assert_int_equal(e->shape[i], f->shape[i]);
    for (int64_t i = 0; i < e->count; i++) {
        double start = from ? value(from, from_name, i) : 0;
        double x = value(expected, name, i) - start, y = value(found, name, i) - start;

        r.largest = fmax(r.largest, fabs(x));
        r.worst = isfinite(y) ? fmax(r.worst, fabs(x - y)) : INFINITY;
        ee += x * x;
        ff += y * y;
        ef += x * y;
    }
    r.cosine = ef / sqrt(ee * ff);
    return r;
}

struct limits {
    double loss, logits, gradient, cosine, change, change_cosine;
};

static void compare(const char *kind, const char *name, const char *out, const struct limits *limits)
{
    static const char *const values[] = {"loss",      "start_logits",   "end_logits",         "grad.A",
                                         "grad.z",    "grad.router",    "grad.head.weight",   "updated.A",
                                         "updated.z", "updated.router", "updated.head.weight"};
    char path[600];
    struct safetensors expected, found, from;

    snprintf(path, sizeof path, STORED "/%s.expected.safetensors", name);
    assert_int_equal(safetensors_open(path, &expected), ST_OK);
    snprintf(path, sizeof path, STORED "/%s.prompts.safetensors", kind);
    assert_int_equal(safetensors_open(path, &from), ST_OK);
    assert_int_equal(safetensors_open(out, &found), ST_OK);
    for (int i = 0; i < 11; i++) {
        int updated = strncmp(values[i], "updated.", 8) == 0;
        struct error e = measure(&expected, &found, values[i], updated ? &from : NULL, values[i] + 8);
        double most = i == 0 ? limits->loss : i < 3 ? limits->logits : updated ? limits->change : limits->gradient;

        print_message("%s %s: error %.1e of the largest %.1e, cosine %.7f\n", name, values[i], e.worst, e.largest,
                      e.cosine);
        assert_true(e.worst <= most * e.largest);
        if (i > 0) assert_true(e.cosine >= (updated ? limits->change_cosine : limits->cosine));
    }
    safetensors_close(&found);
    safetensors_close(&from);
    safetensors_close(&expected);
}

static void run_all(const struct context *c, const char *more, const struct limits *limits)
{
    static const char *const kinds[] = {"deep", "shallow"}, *const modes[] = {"train", "eval"};
    char text[2000], out[600], name[64];

    snprintf(out, sizeof out, "%s/out.safetensors", c->folder);
    for (int i = 0; i < 8; i++) {
        const char *kind = kinds[i / 4], *mode = modes[i / 2 % 2];
        int attended = i % 2;

        snprintf(name, sizeof name, "%s_%s_%s", kind, mode, attended ? "attended" : "masked");
        assert_int_equal(0, test_run(text, sizeof text,
                                     TEST_MP2 " probe --model " STORED "/model --prompts " STORED
                                              "/%s.prompts.safetensors --case " STORED
                                              "/%s_%s.case.safetensors --out %s --updates 3 %s %s",
                                     kind, kind, mode, out, attended ? "--attend-padding" : "", more));
        compare(kind, name, out, limits);
    }
}

/* The loss over what answers can be: options, two of which begin with the same token, and contexts. */
static void run_answers(const struct context *c, const char *more, const struct limits *limits)
{
    static const struct {
        const char *kind, *what;
        int attended;
    } cases[] = {{"deep", "options", 0},
                 {"deep", "context", 0},
                 {"deep", "must", 1},
                 {"shallow", "options", 1},
                 {"shallow", "context", 0}};
    char text[2000], out[600], name[64];

    snprintf(out, sizeof out, "%s/out.safetensors", c->folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *kind = cases[i].kind, *what = cases[i].what;

        snprintf(name, sizeof name, "%s_%s_%s", kind, what, cases[i].attended ? "attended" : "masked");
        assert_int_equal(0, test_run(text, sizeof text,
                                     TEST_MP2 " probe --model " STORED "/model --prompts " STORED
                                              "/%s.prompts.safetensors --case " STORED
                                              "/%s_%s.case.safetensors --out %s --loss answers --updates 3 %s %s",
                                     kind, kind, what, out, cases[i].attended ? "--attend-padding" : "", more));
        compare(kind, name, out, limits);
    }
}

static void test_f32(void **state)
{
    const struct limits limits = {1e-5, 1e-5, 1e-5, .9999, .02, .9999};

    run_all(*state, "--threads 2", &limits);
    run_answers(*state, "--threads 2", &limits);
}

static void test_openblas(void **state)
{
    const struct limits limits = {1e-5, 1e-5, 1e-5, .9999, .02, .9999};

    run_all(*state, "--threads 1 --engine openblas", &limits);
    run_answers(*state, "--threads 1 --engine openblas", &limits);
}

/* Updates take the sign of small gradients, so in bf16 a few elements go the other way: one of 64 costs .03 of the
 * cosine. */
static void test_bf16(void **state)
{
    const struct limits limits = {.005, .03, .05, .999, 2.1, .9};

    if (!matmul_has_bf16()) test_skip("this CPU has no AVX-512 BF16");
    run_all(*state, "--threads 2 --precision bf16", &limits);
    run_answers(*state, "--threads 2 --precision bf16", &limits);
}

/* ---- bad input --------------------------------------------------------------------------------------------------- */

/* Runs with this file in place of the case or the prompts; expects exit status 2, few words and no output. */
static void expect_refused(const struct context *c, const char *flag, const char *path, const char *says)
{
    const char *prompts = strcmp(flag, "--prompts") == 0 ? path : STORED "/deep.prompts.safetensors";
    const char *probe_case = strcmp(flag, "--case") == 0 ? path : STORED "/deep_train.case.safetensors";
    char text[4000], out[600];
    int lines = 0;

    snprintf(out, sizeof out, "%s/refused.safetensors", c->folder);
    assert_int_equal(2, test_run(text, sizeof text,
                                 TEST_MP2 " probe --model " STORED "/model --prompts %s --case %s --out %s", prompts,
                                 probe_case, out));
    print_message("%s", text);
    for (const char *p = text; *p; p++) lines += *p == '\n';
    assert_true(lines >= 1 && lines <= 5 && strlen(text) <= 1000);
    assert_non_null(strstr(text, says));
    assert_false(file_exists(out));
}

struct small_case {
    int64_t ids[2][6], lengths[2], starts[2], ends[2], task[1];
    float uniform[9];
};

static struct small_case good_case(void)
{
    struct small_case k = {.ids = {{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 0}},
                           .lengths = {6, 5},
                           .starts = {5, 4},
                           .ends = {0, 4},
                           .task = {1}};

    for (int i = 0; i < 9; i++) k.uniform[i] = .5f;
    return k;
}

static void write_case(const char *path, const struct small_case *k, int64_t examples, int64_t width,
                       enum tensor_type type)
{
    const struct tensor_spec specs[] = {{"input_ids", type, 2, {examples, width}},
                                        {"lengths", TENSOR_I64, 1, {examples}},
                                        {"start_positions", TENSOR_I64, 1, {examples}},
                                        {"end_positions", TENSOR_I64, 1, {examples}},
                                        {"task_id", TENSOR_I64, 1, {1}},
                                        {"router_uniform", TENSOR_F32, 2, {3, 3}}};
    static const int64_t wide[2 * 41];
    const void *const data[] = {width > 6 ? wide : &k->ids[0][0], k->lengths, k->starts, k->ends, k->task, k->uniform};

    assert_int_equal(safetensors_write(path, specs, 6, NULL, 0, data), ST_OK);
}

static void expect_case_refused(const struct context *c, const struct small_case *k, const char *says)
{
    char path[600];

    snprintf(path, sizeof path, "%s/case.safetensors", c->folder);
    write_case(path, k, 2, 6, TENSOR_I64);
    expect_refused(c, "--case", path, says);
}

/* The stored prompts with one tensor times a factor (its own numbers are about 1 or smaller). */
static void write_scaled_prompts(const char *path, const char *scaled, float factor)
{
    static const char *const names[] = {"A", "z", "router", "head.weight"};
    struct tensor_spec specs[4];
    const void *data[4];
    struct safetensors f;

    assert_int_equal(safetensors_open(STORED "/deep.prompts.safetensors", &f), ST_OK);
    for (int i = 0; i < 4; i++) {
        const struct tensor *t = safetensors_find(&f, names[i]);
        float *values = NULL;

        assert_non_null(t);
        assert_int_equal(mem_alloc((size_t)t->count, sizeof *values, &values), ST_OK);
        assert_int_equal(tensor_read_f32(f.path, t, 0, t->count, values), ST_OK);
        for (int64_t j = 0; j < t->count && strcmp(names[i], scaled) == 0; j++)
            values[j] = values[j] < 0 ? -factor : factor;
        specs[i] = (struct tensor_spec){.name = names[i], .type = TENSOR_F32, .rank = t->rank};
        memcpy(specs[i].shape, t->shape, sizeof specs[i].shape);
        data[i] = values;
    }
    safetensors_close(&f);
    assert_int_equal(safetensors_write(path, specs, 4, NULL, 0, data), ST_OK);
    for (int i = 0; i < 4; i++) mem_free((void *)(uintptr_t)data[i]);
}

static void test_bad_case(void **state)
{
    const struct context *c = *state;
    struct small_case k = good_case();
    char path[600], text[2000];

    snprintf(path, sizeof path, "%s/case.safetensors", c->folder);
    write_case(path, &k, 2, 6, TENSOR_I64);
    assert_int_equal(0, test_run(text, sizeof text,
                                 TEST_MP2 " probe --model " STORED "/model --prompts " STORED
                                          "/deep.prompts.safetensors --case %s --out %s/out",
                                 path, c->folder));
    k.ids[0][2] = 50;
    expect_case_refused(c, &k, "input_ids, element 2: found 50");
    k.ids[0][2] = -1;
    expect_case_refused(c, &k, "found -1");
    k = good_case();
    k.ids[1][5] = 3;
    expect_case_refused(c, &k, "expected padding 0");
    k = good_case();
    k.lengths[1] = 4;
    expect_case_refused(c, &k, "lengths, element 1: found 4, expected 5 to 6");
    k.lengths[1] = 7;
    expect_case_refused(c, &k, "lengths");
    k = good_case();
    k.starts[1] = 5;
    expect_case_refused(c, &k, "row 1");
    k.starts[1] = -1;
    expect_case_refused(c, &k, "start_positions");
    k = good_case();
    k.task[0] = 3;
    expect_case_refused(c, &k, "task_id");
    k = good_case();
    k.uniform[4] = 1.5f;
    expect_case_refused(c, &k, "router_uniform");
    k.uniform[4] = NAN;
    expect_case_refused(c, &k, "router_uniform");
    k = good_case();
    write_case(path, &k, 2, 6, TENSOR_U64);
    expect_refused(c, "--case", path, "input_ids");
    write_case(path, &k, 0, 6, TENSOR_I64);
    expect_refused(c, "--case", path, "empty");
    write_case(path, &k, 2, 4, TENSOR_I64);
    expect_refused(c, "--case", path, "no room");
    write_case(path, &k, 2, 41, TENSOR_I64);
    expect_refused(c, "--case", path, "positions");
    expect_refused(c, "--case", STORED "/model/config.json", "config.json");
    expect_refused(c, "--prompts", STORED "/deep_train.case.safetensors", "deep_train.case");
    expect_refused(c, "--prompts", "/nowhere/at/all", "/nowhere/at/all");
}

/* A good case with options (three places a row) or, without them, a context and "no answer". */
struct answers {
    int64_t option[2][3][2], context[2][2], none[2][2];
    int options, contexts;
};

static struct answers good_answers(void)
{
    return (struct answers){.option = {{{4, 4}, {5, 5}, {-1, -1}}, {{4, 4}, {-1, -1}, {-1, -1}}},
                            .context = {{5, 5}, {4, 4}},
                            .none = {{-1, -1}, {1, 2}}};
}

static void expect_answers_refused(const struct context *c, const struct small_case *k, const struct answers *a,
                                   const char *says)
{
    const struct tensor_spec specs[] = {
        {"input_ids", TENSOR_I64, 2, {2, 6}},
        {"lengths", TENSOR_I64, 1, {2}},
        {"start_positions", TENSOR_I64, 1, {2}},
        {"end_positions", TENSOR_I64, 1, {2}},
        {"task_id", TENSOR_I64, 1, {1}},
        {"router_uniform", TENSOR_F32, 2, {3, 3}},
        {a->options ? "options" : "context", TENSOR_I64, a->options ? 3 : 2, {2, a->options ? 3 : 2, 2}},
        {a->options ? "context" : "no_answer", TENSOR_I64, 2, {2, 2}}};
    const void *const data[] = {&k->ids[0][0],
                                k->lengths,
                                k->starts,
                                k->ends,
                                k->task,
                                k->uniform,
                                a->options ? &a->option[0][0][0] : &a->context[0][0],
                                a->options ? &a->context[0][0] : &a->none[0][0]};
    char path[600], text[4000];
    int both = a->options && a->contexts, count = a->options || a->contexts ? (a->options && !both ? 7 : 8) : 6;
    int want = says ? 2 : 0;

    snprintf(path, sizeof path, "%s/answers.safetensors", c->folder);
    assert_int_equal(safetensors_write(path, specs, (size_t)count, NULL, 0, data), ST_OK);
    assert_int_equal(want, test_run(text, sizeof text,
                                    TEST_MP2 " probe --loss answers --model " STORED "/model --prompts " STORED
                                             "/deep.prompts.safetensors --case %s --out %s/answers.out",
                                    path, c->folder));
    print_message("%s", text);
    if (says) assert_non_null(strstr(text, says));
}

static void test_bad_answers(void **state)
{
    const struct context *c = *state;
    struct small_case k = good_case();
    struct answers a = good_answers();

    k.ends[0] = 5;
    expect_answers_refused(c, &k, &a, "either options or context");
    a.options = a.contexts = 1;
    expect_answers_refused(c, &k, &a, "either options or context");
    a.contexts = 0;
    expect_answers_refused(c, &k, &a, NULL);
    k.ends[0] = 4;
    expect_answers_refused(c, &k, &a, "options, row 0: the targets 5 and 4");
    k.ends[0] = 5;
    a.option[0][1][0] = 4;
    expect_answers_refused(c, &k, &a, "options, row 0, option 1: found tokens 4 to 5");
    a.option[0][1][0] = 5;
    a.option[0][2][1] = 3;
    expect_answers_refused(c, &k, &a, "options, row 0, option 2: expected -1");
    a.option[0][2][1] = -1;
    a.option[1][0][1] = 5;
    expect_answers_refused(c, &k, &a, "options, row 1, option 0: found tokens 4 to 5");
    a.option[1][0][0] = a.option[1][0][1] = -1;
    expect_answers_refused(c, &k, &a, "options, row 1, option 0: expected -1");
    a = good_answers();
    a.contexts = 1;
    expect_answers_refused(c, &k, &a, NULL);
    k.starts[1] = 1;
    expect_answers_refused(c, &k, &a, "context, row 1: the targets 1 and 4");
    k.ends[1] = 2;
    expect_answers_refused(c, &k, &a, NULL);
    a.none[1][1] = 4;
    expect_answers_refused(c, &k, &a, "row 1: found a context of tokens 4 to 4");
    a.none[1][1] = -1;
    expect_answers_refused(c, &k, &a, "row 1: found a context of tokens 4 to 4");
    a.none[1][1] = 2;
    a.context[1][1] = 5;
    expect_answers_refused(c, &k, &a, "row 1: found a context of tokens 4 to 5");
}

/* Every input is finite, but what comes of it is not: a message, exit status 1 and no file. */
static void test_huge_values(void **state)
{
    const struct context *c = *state;
    static const char *const names[] = {"A", "z", "head.weight"};
    char path[600], out[600], text[2000];

    snprintf(path, sizeof path, "%s/huge.safetensors", c->folder);
    snprintf(out, sizeof out, "%s/huge.out", c->folder);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        write_scaled_prompts(path, names[i], 1e38f);
        assert_int_equal(1, test_run(text, sizeof text,
                                     TEST_MP2 " probe --model " STORED "/model --prompts %s --case " STORED
                                              "/deep_train.case.safetensors --updates 1 --out %s",
                                     path, out));
        assert_non_null(strstr(text, "too large"));
        assert_false(file_exists(out));
    }
}

static void test_bad_usage(void **state)
{
    char text[2000];

    (void)state;
    assert_int_equal(2, test_run(text, sizeof text, TEST_MP2 " probe"));
    assert_int_equal(2, test_run(text, sizeof text, TEST_MP2 " probe --model"));
    assert_int_equal(2, test_run(text, sizeof text, TEST_MP2 " probe --precision f16"));
    assert_int_equal(2, test_run(text, sizeof text, TEST_MP2 " probe --updates -1"));
    assert_int_equal(2, test_run(text, sizeof text, TEST_MP2 " probe --model /nowhere --prompts a --case b --out c"));
    assert_int_equal(2, test_run(text, sizeof text,
                                 TEST_MP2 " probe --model " STORED "/model --prompts " STORED
                                          "/deep.prompts.safetensors --case " STORED
                                          "/deep_eval.case.safetensors --out /no/out"));
    assert_non_null(strstr(text, "no folder /no"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32),       cmocka_unit_test(test_openblas),    cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_bad_case),  cmocka_unit_test(test_bad_answers), cmocka_unit_test(test_huge_values),
        cmocka_unit_test(test_bad_usage),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
