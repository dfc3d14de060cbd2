/* groups.tsv: found, absent, and every line that is not a task and its group refused. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "coordinator/data/groups.h"

static status load(const char *folder, const char *text, struct groups *out)
{
    char path[4200];

    snprintf(path, sizeof path, "%s/groups.tsv", folder);
    assert_int_equal(file_replace(path, text, strlen(text)), ST_OK);
    return groups_load(folder, out);
}

static void test_found(void **state)
{
    struct groups g;
    char folder[4096];

    (void)state;
    test_folder(folder, sizeof folder);
    assert_int_equal(groups_load(folder, &g), ST_OK); /* no such file */
    assert_string_equal(groups_find(&g, "afqmc"), "");
    assert_int_equal(load(folder, "afqmc\tcomparison or order\nc3\tlookup\n", &g), ST_OK);
    assert_string_equal(groups_find(&g, "afqmc"), "comparison or order");
    assert_string_equal(groups_find(&g, "c3"), "lookup");
    assert_string_equal(groups_find(&g, "lookup"), "");
    groups_free(&g);
    assert_int_equal(load(folder, "", &g), ST_OK);
    assert_string_equal(groups_find(&g, "c3"), "");
    groups_free(&g);
    test_folder_remove(folder);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {"afqmc\n",
                                      "afqmc\t\n",
                                      "\tlookup\n",
                                      "a\tb\tc\n",
                                      "a\tb",
                                      "a\tb\n\n",
                                      "a\t0123456789012345678901234567890123456789012345678901234567890123456789\n"};
    struct groups g;
    char folder[4096];

    (void)state;
    test_folder(folder, sizeof folder);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(load(folder, bad[i], &g), ST_INPUT);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_found), cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
