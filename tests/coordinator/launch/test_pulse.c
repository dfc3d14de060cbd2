/* What is overdue, by a clock that the test sets and heartbeats that it makes up. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/launch/pulse.h"

static const struct pulse_options options = {.least = 2, .first = 600, .steady = 1};

static void tell(struct pulse *p, enum heartbeat_phase phase, uint64_t step, double now)
{
    struct heartbeat h = p->last;

    h.beat++;
    h.mark++;
    h.phase = phase;
    h.step = step;
    h.time = h.moved = 1e9 + now; /* another clock */
    pulse_take(p, &h, now);
}

static int overdue(const struct pulse *p, double now)
{
    char why[200] = "";
    int is = pulse_overdue(p, now, why, sizeof why);

    assert_int_equal(is, why[0] != 0);
    return is;
}

static void test_steps(void **unused)
{
    struct pulse_usual usual = {.step_count = 0};
    struct pulse p;

    (void)unused;
    pulse_begin(&p, &options, &usual, 1000);
    assert_false(overdue(&p, 1599));
    assert_true(overdue(&p, 1601)); /* loading that was never seen */
    for (int i = 1; i <= 20; i++) tell(&p, HEARTBEAT_STEPS, (uint64_t)i, 1010 + 0.1 * i);
    assert_true(pulse_median_step(&usual) > 0.099 && pulse_median_step(&usual) < 0.101);
    assert_false(overdue(&p, 1013.9));
    assert_true(overdue(&p, 1014.1)); /* least: 2 s */
    for (int i = 1; i <= 40; i++) tell(&p, HEARTBEAT_STEPS, (uint64_t)(20 + i), 1012 + 3.0 * i);
    assert_false(overdue(&p, 1132 + 3.9)); /* the coordinator has said nothing for a while: silence comes first */
    assert_true(overdue(&p, 1132 + 4.1));
}

/* Signs of life without a mark: the step alone is overdue. */
static void test_alive_and_overdue(void **unused)
{
    struct pulse_usual usual = {.step_count = 0};
    struct pulse p;

    (void)unused;
    pulse_begin(&p, &options, &usual, 0);
    for (int i = 1; i <= 40; i++) tell(&p, HEARTBEAT_STEPS, (uint64_t)i, 3.0 * i);
    for (int i = 0; i < 40; i++) {
        struct heartbeat h = p.last;

        h.beat++;
        h.time = 1e9 + 120 + i;
        pulse_take(&p, &h, 120 + i);
        assert_int_equal(overdue(&p, 120 + i), i > 30); /* ten times the median */
    }
}

static void test_phases(void **unused)
{
    struct pulse_usual usual = {.step_count = 0};
    struct pulse p;

    (void)unused;
    pulse_begin(&p, &options, &usual, 0);
    tell(&p, HEARTBEAT_START, 0, 4);
    tell(&p, HEARTBEAT_STEPS, 1, 5);
    assert_true(usual.longest[HEARTBEAT_START] == 5);
    tell(&p, HEARTBEAT_EVALUATION, 1, 6);
    assert_true(pulse_patience(&p) == 600);
    tell(&p, HEARTBEAT_STEPS, 2, 26);
    tell(&p, HEARTBEAT_EVALUATION, 2, 27);
    assert_true(pulse_patience(&p) == 60);
    pulse_begin(&p, &options, &usual, 100); /* what is usual outlives the epoch */
    assert_true(pulse_patience(&p) == 15);
    assert_false(overdue(&p, 114));
    assert_true(overdue(&p, 116));
}

static void test_silence(void **unused)
{
    struct pulse_usual usual = {.step_count = 0};
    char why[200];
    struct pulse p;

    (void)unused;
    pulse_begin(&p, &options, &usual, 0);
    tell(&p, HEARTBEAT_EVALUATION, 1, 1);
    assert_false(overdue(&p, 4.9));
    assert_true(pulse_overdue(&p, 5.1, why, sizeof why));
    assert_non_null(strstr(why, "no sign of life"));
}

/* A beat that was held back tells of a mark that is older than itself. */
static void test_late_news(void **unused)
{
    struct pulse_usual usual = {.step_count = 0};
    struct pulse p;
    struct heartbeat h;

    (void)unused;
    pulse_begin(&p, &options, &usual, 0);
    tell(&p, HEARTBEAT_STEPS, 1, 1);
    h = p.last;
    h.beat++;
    h.mark++;
    h.step = 2;
    h.moved = 1e9 + 1.1;
    h.time = 1e9 + 2.9;
    pulse_take(&p, &h, 2.9);
    assert_true(pulse_median_step(&usual) > 0.09 && pulse_median_step(&usual) < 0.11);
    assert_false(overdue(&p, 3));
    assert_true(overdue(&p, 3.2));
}

static void test_heartbeat_file(void **unused)
{
    struct heartbeat
        h = {.epoch = 7, .beat = 3, .mark = 2, .step = 11, .time = 5, .first_step = 4, .phase = HEARTBEAT_STEPS},
        got;
    char folder[256], path[300];

    (void)unused;
    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/heartbeat", folder);
    assert_false(heartbeat_read(path, &got));
    h.suspects[0] = (struct suspect){3, 1};
    h.suspects[1] = (struct suspect){5, 0};
    h.suspect_count = 2;
    assert_int_equal(heartbeat_write(path, &h), ST_OK);
    assert_true(heartbeat_read(path, &got));
    assert_int_equal(got.epoch, 7);
    assert_int_equal(got.step, 11);
    assert_int_equal(got.phase, HEARTBEAT_STEPS);
    assert_int_equal(got.suspect_count, 2);
    assert_int_equal(got.suspects[0].rank, 3);
    assert_true(got.suspects[0].lost);
    assert_int_equal(got.suspects[1].rank, 5);
    assert_false(got.suspects[1].lost);
    test_file(folder, "heartbeat", "{\"version\":1,\"pha", 17, path, sizeof path);
    assert_false(heartbeat_read(path, &got));
    test_folder_remove(folder);
}

/* Which messages are marks, and who is suspected. */
static void test_heartbeat_messages(void **unused)
{
    struct heartbeat h = {.epoch = 1};
    Mp2__Progress m = MP2__PROGRESS__INIT;
    Mp2__Run run = MP2__RUN__INIT;
    Mp2__Step step = MP2__STEP__INIT;
    Mp2__Worker worker = MP2__WORKER__INIT;

    (void)unused;
    m.time = 50;
    m.body_case = MP2__PROGRESS__BODY_STEP;
    m.step = &step;
    step.step = 9;
    assert_false(heartbeat_take(&h, &m)); /* an old line, told again */
    assert_true(h.first_step == 0);
    m.body_case = MP2__PROGRESS__BODY_RUN;
    m.run = &run;
    run.state = MP2__RUN__STATE__RUNNING;
    heartbeat_take(&h, &m);
    assert_int_equal(h.phase, HEARTBEAT_START);
    m.body_case = MP2__PROGRESS__BODY_STEP;
    m.step = &step;
    assert_true(heartbeat_take(&h, &m));
    assert_true(h.first_step == 50);
    assert_int_equal(h.phase, HEARTBEAT_STEPS);
    m.body_case = MP2__PROGRESS__BODY_WORKER;
    m.worker = &worker;
    worker.rank = 2;
    worker.state = MP2__WORKER__STATE__LATE;
    assert_true(heartbeat_take(&h, &m));
    assert_false(heartbeat_take(&h, &m));
    assert_int_equal(h.suspect_count, 1);
    worker.state = MP2__WORKER__STATE__WORKING;
    assert_true(heartbeat_take(&h, &m));
    assert_int_equal(h.suspect_count, 0);
    assert_int_equal(h.mark, 3);
    assert_int_equal(h.beat, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps),
                                       cmocka_unit_test(test_alive_and_overdue),
                                       cmocka_unit_test(test_phases),
                                       cmocka_unit_test(test_silence),
                                       cmocka_unit_test(test_late_news),
                                       cmocka_unit_test(test_heartbeat_file),
                                       cmocka_unit_test(test_heartbeat_messages)};

    return test_run_group(tests, NULL, NULL);
}
