/* A file in SQuAD's form is told from lines by what it begins with, however it is laid out; no line of questions is
 * taken for one. */
#include "tests/support/support.h"

#include <string.h>

#include "coordinator/predict/nested.h"

static void check(const char *text, int expected)
{
    size_t n = strlen(text);

    if (nested_begins(text, n) != expected) fail_msg("%s: %d, expected %d", text, nested_begins(text, n), expected);
    /* A part of it tells the same or nothing yet. */
    for (size_t i = 0; i < n; i++)
        if (nested_begins(text, i) != -1) assert_int_equal(nested_begins(text, i), expected);
}

static void test_forms(void **state)
{
    (void)state;
    check("{\"data\": [{\"paragraphs\": [", 1);
    check("\xef\xbb\xbf{\n  \"version\" : \"v1, {\\\"\",\r\n  \"about\": {\"by\": [\"}\", 1]}, \"n\": "
          "2.5e3,\n\t\"data\":\n[",
          1);
    check("[{\"context_id\": \"D1\"", 1);
    check(" [\n {", 1);
    check("{\"context\": \"甲\", \"question\": \"乙\"}\n{\"data\": [", 0);
    check("{\"data\": \"甲\", \"question\": [\"乙\", {}]}", 0);
    check("{\"database\": [1], \"x\": true}", 0);
    check("{}", 0);
    check("{\"context\": \"甲\n", 0);
    check("{context", 0);
    check("{\"context\" \"data\"", 0);
    check("[UNK]", 0);
    check("甲", 0);
    check("{\"a\": ]", 0);
    check("{\"context\": \"甲", -1);
    check(" \n", -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
