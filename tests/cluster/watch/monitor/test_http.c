/* The API's answers: every path, escaping of hostile names, bad requests; and the recorder's checksums. */
#include "tests/support/support.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/watch/monitor/http.h"
#include "cluster/watch/monitor/screen.h"
#include "cluster/watch/monitor/tfevents.h"
#include "tests/support/evil_run.h"

static char folder[512];
static struct runs *runs;

static int setup(void **state)
{
    const char *specs[2] = {folder, folder};
    char path[600];
    (void)state;

    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    test_file(folder, "metrics.jsonl", evil_run, sizeof evil_run - 1, path, sizeof path);
    return runs_new(specs, 2, NULL, &runs) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    runs_destroy(&runs);
    test_folder_remove(folder);
    return 0;
}

static struct http_response get(const char *path, const char *after)
{
    struct http_request q = {"GET", path, "localhost:8080", after, NULL, 1};
    struct http_response r;

    http_answer(runs, &q, &r);
    return r;
}

static json_t *get_json(const char *path, const char *after)
{
    struct http_response r = get(path, after);
    json_error_t why;
    json_t *tree;

    assert_int_equal(r.code, 200);
    assert_string_equal(r.type, "application/json");
    tree = json_loadb(r.body, r.size, 0, &why);
    if (!tree) fail_msg("%s: %s at %d", path, why.text, why.position);
    free(r.body);
    return tree;
}

static void api_is_json(void **state)
{
    json_t *list = get_json("/api/runs", NULL), *messages = get_json("/api/runs/0/messages", NULL), *first;
    const char *name = json_string_value(json_object_get(json_array_get(list, 0), "name"));
    (void)state;

    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(name, "<img src=x onerror=alert(1)>\"'&\n\\");
    /* made unique */
    assert_string_not_equal(name, json_string_value(json_object_get(json_array_get(list, 1), "name")));
    assert_int_equal(json_array_size(json_object_get(messages, "messages")), 5);
    first = json_array_get(json_object_get(messages, "messages"), 0);
    assert_non_null(json_object_get(first, "run"));
    json_decref(messages);
    messages = get_json("/api/runs/0/messages", "5");
    /* Asked with another picture than the server's: everything comes again. */
    assert_int_equal(json_array_size(json_object_get(messages, "messages")), 5);
    json_decref(messages);
    json_decref(list);
}

/* Prometheus' format: outside of quotes no brace, quote or newline of a name may stand. */
static void labels_are_escaped(void **state)
{
    struct http_response r = get("/metrics", NULL);
    int samples = 0;
    char *save = NULL;
    (void)state;

    assert_int_equal(r.code, 200);
    for (char *line = strtok_r(r.body, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        int quoted = 0;
        if (line[0] == '#') continue;
        assert_int_equal(strncmp(line, "mp2_", 4), 0);
        for (char *p = line; *p; p++) {
            if (quoted && *p == '\\') p++;
            else if (*p == '"') quoted = !quoted;
        }
        assert_false(quoted);
        assert_non_null(strstr(line, "} "));
        samples++;
    }
    assert_true(samples > 10);
    free(r.body);
}

static void nothing_foreign_is_markup(void **state)
{
    static const char *const paths[] = {
        "/", "/api", "/healthz", "/api/runs/0/config", "/nothing", "/api/runs/99/messages"};
    (void)state;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct http_response r = get(paths[i], NULL);
        const char *text = r.body ? r.body : (const char *)r.fixed;
        if (strncmp(r.type, "text/html", 9) == 0) assert_null(memmem(text, r.size, "onerror", 7));
        free(r.body);
    }
}

static void bad_requests(void **state)
{
    static const struct {
        const char *method, *path, *host, *after;
        int code;
    } cases[] = {
        {"POST", "/", "localhost", NULL, 405},
        {"GET", "/../etc/passwd", "localhost", NULL, 404},
        {"GET", "/api/runs/", "localhost", NULL, 404},
        {"GET", "/api/runs/-1/config", "localhost", NULL, 404},
        {"GET", "/api/runs/2/config", "localhost", NULL, 404},
        {"GET", "/api/runs/99999999999999999999/config", "localhost", NULL, 404},
        {"GET", "/api/runs/0/messages", "localhost", "1x", 400},
        {"GET", "/api/runs/0/messages", "localhost", "-1", 400},
        {"GET", "metrics", "localhost", NULL, 400},
        {"GET", "/metrics", "evil.example", NULL, 403},
        {"GET", "/metrics", "localhost.evil.example", NULL, 403},
        {"GET", "/metrics", "127.0.0.1:8080", NULL, 200},
        {"HEAD", "/healthz", NULL, NULL, 200},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request q = {cases[i].method, cases[i].path, cases[i].host, cases[i].after, NULL, 1};
        struct http_response r;
        http_answer(runs, &q, &r);
        if (r.code != cases[i].code) fail_msg("%s: %d, expected %d", cases[i].path, r.code, cases[i].code);
        free(r.body);
    }
}

static void crc32c_known_answers(void **state)
{
    unsigned char zeros[32] = {0};
    (void)state;

    assert_int_equal(tfevents_crc32c("123456789", 9), 0xe3069283u); /* RFC 3720, B.4 and the usual check value */
    assert_int_equal(tfevents_crc32c(zeros, sizeof zeros), 0x8a9136aau);
}

static void terminal_text_is_harmless(void **state)
{
    char out[64];
    (void)state;

    assert_int_equal(screen_clip("a\033[2Jb\xc2\x9b"
                                 "c\xff\xe2\x80\xae",
                                 40, out, sizeof out),
                     10); /* NOLINT(misc-misleading-bidirectional) */
    assert_string_equal(out, "a?[2Jb?c??");
    assert_int_equal(screen_clip("\xe4\xb8\xad\xe6\x96\x87", 3, out, sizeof out), 2);
    assert_string_equal(out, "\xe4\xb8\xad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(api_is_json),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(nothing_foreign_is_markup),
        cmocka_unit_test(bad_requests),
        cmocka_unit_test(crc32c_known_answers),
        cmocka_unit_test(terminal_text_is_harmless),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
