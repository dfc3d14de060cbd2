/* Messages to JSON and back: every kind of field, hostile texts, wrong types, unknown keys. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/watch/message_json.h"
#include "proto/progress.pb-c.h"

static Mp2__Progress *parse(const char *line)
{
    ProtobufCMessage *m;
    return json_message("test:1", line, strlen(line), &mp2__progress__descriptor, &m) == ST_OK ? (Mp2__Progress *)m
                                                                                               : NULL;
}

static void there_and_back(void **state)
{
    Mp2__Progress p = MP2__PROGRESS__INIT, *q;
    Mp2__Step step = MP2__STEP__INIT;
    Mp2__Group group = MP2__GROUP__INIT, *groups[2] = {&group, &group};
    char *line;
    size_t n;
    uint8_t a[512], b[512];
    (void)state;

    p.version = 1;
    p.name = "a \"quoted\" \\ <b>\n\x01 \xe4\xb8\xad";
    p.epoch = UINT64_C(1) << 60;
    p.time = 1.0 / 3;
    p.body_case = MP2__PROGRESS__BODY_STEP;
    p.step = &step;
    step.loss = NAN;
    step.gradient_norm = -INFINITY;
    step.skipped = 1;
    step.n_groups = 2;
    step.groups = groups;
    group.task = "afqmc";
    group.loss = 0.1;
    assert_int_equal(json_line(&p.base, &line, &n), ST_OK);
    assert_int_equal(strlen(line), n);
    assert_null(strchr(line, '\n'));
    assert_non_null(strstr(line, "\"loss\":\"NaN\""));
    assert_non_null(strstr(line, "\"loss\":0.1,"));
    q = parse(line);
    assert_non_null(q);
    assert_int_equal(mp2__progress__pack(&p, a), mp2__progress__pack(q, b));
    assert_memory_equal(a, b, mp2__progress__get_packed_size(&p));
    mp2__progress__free_unpacked(q, NULL);
    mem_free(line);
}

static void enums_and_floats(void **state)
{
    Mp2__Progress p = MP2__PROGRESS__INIT, *q;
    Mp2__Router router = MP2__ROUTER__INIT;
    float values[3] = {0.1f, 1e-30f, 1};
    char *line;
    size_t n;
    (void)state;

    p.body_case = MP2__PROGRESS__BODY_ROUTER;
    p.router = &router;
    router.probability = values;
    router.n_probability = 3;
    assert_int_equal(json_line(&p.base, &line, &n), ST_OK);
    q = parse(line);
    assert_non_null(q);
    assert_int_equal(q->router->n_probability, 3);
    assert_memory_equal(q->router->probability, values, sizeof values);
    mp2__progress__free_unpacked(q, NULL);
    mem_free(line);
    q = parse("{\"worker\":{\"state\":\"LOST\",\"rank\":7}, \"newer\":[1,{}]}");
    assert_non_null(q);
    assert_int_equal(q->worker->state, MP2__WORKER__STATE__LOST);
    assert_int_equal(q->worker->rank, 7);
    mp2__progress__free_unpacked(q, NULL);
}

static void bad_utf8_is_replaced(void **state)
{
    Mp2__Progress p = MP2__PROGRESS__INIT, *q;
    char *line;
    size_t n;
    (void)state;

    p.name = "\xff"
             "a\xe4\xb8"
             "b\xed\xa0\x80";
    assert_int_equal(json_line(&p.base, &line, &n), ST_OK);
    q = parse(line);
    assert_non_null(q);
    assert_non_null(strstr(q->name, "\xef\xbf\xbd"
                                    "a"));
    mp2__progress__free_unpacked(q, NULL);
    mem_free(line);
}

static void wrong_lines_are_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "3",
                                        "{\"version\":-1}",
                                        "{\"version\":4294967296}",
                                        "{\"version\":1.5}",
                                        "{\"name\":3}",
                                        "{\"time\":\"soon\"}",
                                        "{\"step\":[]}",
                                        "{\"step\":{\"groups\":{}}}",
                                        "{\"worker\":{\"state\":\"DANCING\"}}",
                                        "{\"step\":{\"skipped\":1}}",
                                        "{\"name\":\"a\",\"name\":\"b\"}",
                                        "{\"name\":\"\\u0000\"}"};
    (void)state;

    log_init('-', -1, LOG_SILENT);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (parse(wrong[i])) fail_msg("accepted: %s", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(enums_and_floats),
        cmocka_unit_test(bad_utf8_is_replaced),
        cmocka_unit_test(wrong_lines_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
