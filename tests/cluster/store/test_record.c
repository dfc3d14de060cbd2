/* Records come back as they went in; wrong sizes and newer versions are refused. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/store/record.h"

enum { L = 3, d = 5, COLUMNS = 12, H = 4, ROWS = 3 };

static float u[L * d], gradient[L * COLUMNS], losses[ROWS];
static double g[L * d], head[2 * H];

static struct record_step make_step(struct record_group groups[2])
{
    for (int i = 0; i < L * d; i++) u[i] = (float)i / 3, g[i] = i / 7.0;
    for (int i = 0; i < L * COLUMNS; i++) gradient[i] = (float)-i;
    for (int i = 0; i < 2 * H; i++) head[i] = i * 1e-300;
    groups[0] = (struct record_group){.task = 37,
                                      .visit = 1234567890123,
                                      .epoch = 2,
                                      .position = 99,
                                      .rows = ROWS,
                                      .tokens = 300,
                                      .loss = 1.25,
                                      .correct = 2,
                                      .u = u,
                                      .gradient = gradient,
                                      .a_gradient = g,
                                      .slot_loss = losses};
    groups[1] = (struct record_group){.task = 0, .rows = 7, .u = u, .gradient = gradient, .a_gradient = g};
    return (struct record_step){.step = 42,
                                .layers = L,
                                .intrinsic = d,
                                .columns = COLUMNS,
                                .hidden = H,
                                .group_count = 2,
                                .groups = groups,
                                .head_gradient = head};
}

static void test_step(void **unused)
{
    struct record_group groups[2];
    struct record_step step = make_step(groups), back;
    struct record_buffer b = {0}, again = {0};

    (void)unused;
    assert_int_equal(record_encode_step(&step, &b), ST_OK);
    assert_int_equal(record_decode_step("test", b.data, b.bytes, &back), ST_OK);
    assert_int_equal(back.step, 42);
    assert_int_equal(back.group_count, 2);
    assert_int_equal(back.heads, 1);
    assert_int_equal(back.groups[0].visit, 1234567890123);
    assert_int_equal(back.groups[0].position, 99);
    assert_memory_equal(back.groups[0].u, u, sizeof u);
    assert_memory_equal(back.groups[1].gradient, gradient, sizeof gradient);
    assert_memory_equal(back.groups[1].a_gradient, g, sizeof g);
    assert_memory_equal(back.head_gradient, head, sizeof head);
    assert_null(back.groups[1].slot_loss);
    assert_int_equal((uintptr_t)back.groups[0].a_gradient % 8, 0);
    assert_int_equal(record_encode_step(&back, &again), ST_OK);
    assert_int_equal(again.bytes, b.bytes);
    assert_memory_equal(again.data, b.data, b.bytes);
    record_step_fini(&back);
    record_step_fini(&back);
    record_buffer_fini(&again);
    record_buffer_fini(&b);
}

/* Several heads: a version that programs which know one refuse. */
static void test_heads(void **unused)
{
    static double heads[4 * H];
    struct record_group groups[2];
    struct record_step step = make_step(groups), back;
    struct record_buffer b = {0};

    (void)unused;
    for (int i = 0; i < 4 * H; i++) heads[i] = i;
    step.heads = 2;
    step.head_gradient = heads;
    assert_int_equal(record_encode_step(&step, &b), ST_OK);
    assert_int_equal(b.data[0], 0x08); /* field 1, the version */
    assert_int_equal(b.data[1], 2);
    assert_int_equal(record_decode_step("test", b.data, b.bytes, &back), ST_OK);
    assert_int_equal(back.heads, 2);
    assert_memory_equal(back.head_gradient, heads, sizeof heads);
    record_step_fini(&back);
    record_buffer_fini(&b);
}

static void test_skipped(void **unused)
{
    struct record_group groups[2];
    struct record_step step = make_step(groups), back;
    struct record_buffer b = {0};

    (void)unused;
    step.group_count = 1;
    groups[0].u = groups[0].gradient = NULL;
    groups[0].a_gradient = NULL;
    step.head_gradient = NULL;
    step.skipped = RECORD_LOSS_NOT_FINITE;
    step.skip_text = "loss nan";
    assert_int_equal(record_encode_step(&step, &b), ST_OK);
    assert_int_equal(record_decode_step("test", b.data, b.bytes, &back), ST_OK);
    assert_int_equal(back.skipped, RECORD_LOSS_NOT_FINITE);
    assert_string_equal(back.skip_text, "loss nan");
    assert_null(back.groups[0].gradient);
    assert_int_equal(back.groups[0].rows, ROWS);
    record_step_fini(&back);
    record_buffer_fini(&b);
}

static void test_refused(void **unused)
{
    struct record_group groups[2];
    struct record_step step = make_step(groups), back;
    struct record_run run = {.step = 1, .event = RECORD_START}, run_back;
    struct record_buffer b = {0};

    (void)unused;
    log_init('-', -1, LOG_SILENT);
    groups[1].gradient = NULL; /* an applied step without its gradient */
    assert_int_equal(record_encode_step(&step, &b), ST_OK);
    assert_int_equal(record_decode_step("test", b.data, b.bytes, &back), ST_INPUT);
    step = make_step(groups);
    assert_int_equal(record_encode_step(&step, &b), ST_OK);
    assert_int_equal(record_decode_step("test", b.data, b.bytes - 1, &back), ST_INPUT);
    assert_int_equal(b.data[0], 0x08); /* field 1, the version */
    b.data[1] = 3;
    assert_int_equal(record_decode_step("test", b.data, b.bytes, &back), ST_INPUT);
    b.data[1] = 0;
    assert_int_equal(record_decode_step("test", b.data, b.bytes, &back), ST_INPUT);
    run.event = (enum record_event)9;
    assert_int_equal(record_encode_run(&run, &b), ST_OK);
    assert_int_equal(record_decode_run("test", b.data, b.bytes, &run_back), ST_INPUT);
    record_buffer_fini(&b);
    log_init('-', -1, LOG_WARN);
}

static void test_eval_and_run(void **unused)
{
    struct record_eval_task tasks[2] = {{0, 100, 0.5, 1.5}, {1, 50, 0.25, 2.5}};
    struct record_eval eval = {
        .step = 9, .task_count = 2, .tasks = tasks, .mean = 0.375, .best = 1, .best_mean = 0.375, .best_step = 9};
    struct record_run run = {.step = 9, .event = RECORD_BREAK, .config_digest = "abc", .precision = "f32", .ranks = 3},
                      run_back;
    struct record_eval eval_back;
    struct record_buffer b = {0};

    (void)unused;
    assert_int_equal(record_encode_eval(&eval, &b), ST_OK);
    assert_int_equal(record_decode_eval("test", b.data, b.bytes, &eval_back), ST_OK);
    assert_int_equal(eval_back.task_count, 2);
    assert_memory_equal(&eval_back.tasks[1].score, &tasks[1].score, sizeof(double));
    assert_true(eval_back.best && !eval_back.subset && eval_back.best_step == 9);
    record_eval_fini(&eval_back);
    assert_int_equal(record_encode_run(&run, &b), ST_OK);
    assert_int_equal(record_decode_run("test", b.data, b.bytes, &run_back), ST_OK);
    assert_int_equal(run_back.event, RECORD_BREAK);
    assert_string_equal(run_back.config_digest, "abc");
    assert_string_equal(run_back.libraries, "");
    record_run_fini(&run_back);
    record_buffer_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_step), cmocka_unit_test(test_heads),
                                       cmocka_unit_test(test_skipped), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_eval_and_run)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
