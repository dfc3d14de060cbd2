/* Every width has a recipe; its rates are those of its file, and are near themselves. */
#include "coordinator/pretrain/recipe.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/support.h"

static void test_widths(void **state)
{
    (void)state;
    assert_string_equal(recipe_for(1024)->file, "configs/pretrain.yaml");
    assert_string_equal(recipe_for(768)->file, "configs/pretrain-base.yaml");
    assert_string_equal(recipe_for(512)->file, "configs/pretrain-small.yaml");
    assert_string_equal(recipe_for(1)->file, "configs/pretrain-small.yaml");
}

/* The number behind `  NAME: ` in a file. */
static double number_in(const char *file, const char *name)
{
    char path[700], line[512], wanted[64];
    double x = -1;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", TEST_SOURCE_DIR, file);
    snprintf(wanted, sizeof wanted, "  %s: ", name);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, wanted, strlen(wanted)) == 0) assert_int_equal(sscanf(line + strlen(wanted), "%lf", &x), 1);
    fclose(f);
    return x;
}

static void test_files(void **state)
{
    static const int64_t widths[] = {1024, 768, 512};

    (void)state;
    for (int i = 0; i < 3; i++) {
        const struct recipe *r = recipe_for(widths[i]);

        assert_true(number_in(r->file, "rate") == r->rate);
        assert_true(number_in(r->file, "router_rate") == r->router_rate);
    }
}

static void test_near(void **state)
{
    (void)state;
    assert_true(recipe_is_near(1e-4, 1e-4));
    assert_true(recipe_is_near(0, 1e-4));
    assert_true(recipe_is_near(5e-4, 1e-4));
    assert_false(recipe_is_near(2e-3, 1e-4));
    assert_false(recipe_is_near(4e-6, 1e-4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_widths), cmocka_unit_test(test_files),
                                       cmocka_unit_test(test_near)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
