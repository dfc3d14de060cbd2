/* The option table: precedence, bounds, unknown keys, and that a dump reads back to the same digest. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/options.h"

struct config {
    int64_t steps;
    double rate;
    int deep;
    const char *run;
    int kind;
    struct option_list tasks;
    int64_t ranks;
};

#define AT(field) offsetof(struct config, field)
static const struct option table[] = {
    TEXT_OPTION("run", AT(run), NULL, PLACEMENT, "the run's folder"),
    CHOICE_OPTION("kind", AT(kind), "b", "a|b|long", RESULT, "which"),
    LIST_OPTION("tasks", AT(tasks), "", RESULT, "tasks"),
    INT_OPTION("train.steps", AT(steps), "100", 1, 1e9, RESULT, "steps", "how long"),
    REAL_OPTION("train.rate", AT(rate), "1e-4", 0, 1, RESULT, "", "rate"),
    BOOL_OPTION("train.deep", AT(deep), "true", RESULT, "deep"),
    INT_OPTION("train.ranks", AT(ranks), "1", 1, 64, PLACEMENT, "", "ranks"),
};
enum { ROWS = sizeof table / sizeof *table };

static status load(const char *text, const char *set, struct config *c, struct options *o)
{
    char folder[256], path[512];
    status s;

    test_folder(folder, sizeof folder);
    test_file(folder, "c.yaml", text, strlen(text), path, sizeof path);
    s = options_load(table, ROWS, c, path, &set, set ? 1 : 0, o);
    test_folder_remove(folder);
    return s;
}

static void test_precedence(void **state)
{
    struct config c;
    struct options o;

    (void)state;
    assert_int_equal(
        load("run: \"a b\"\ntasks: [x, 'y,z']\ntrain:\n  steps: 5k\n  deep: false\n", "train.steps=7", &c, &o), ST_OK);
    assert_int_equal(c.steps, 7);
    assert_int_equal(c.deep, 0);
    assert_int_equal(c.kind, 1);
    assert_string_equal(c.run, "a b");
    assert_int_equal(c.tasks.count, 2);
    assert_string_equal(c.tasks.items[1], "y,z");
    options_fini(&o);
}

/* Lists on the command line: as in the file, or without the brackets. */
static void test_lists(void **state)
{
    static const struct {
        const char *set;
        size_t count;
        const char *last;
    } cases[] = {{"tasks=a", 1, "a"},   {"tasks=a,b", 2, "b"}, {"tasks=[a, b c ]", 2, "b c"}, {"tasks= a , b ", 2, "b"},
                 {"tasks=[]", 0, NULL}, {"tasks=", 0, NULL},   {"tasks=[a", 1, "[a"}};
    struct config c;
    struct options o;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(load("run: x\ntasks: [x, y, z]\n", cases[i].set, &c, &o), ST_OK);
        assert_int_equal(c.tasks.count, cases[i].count);
        if (cases[i].last) assert_string_equal(c.tasks.items[c.tasks.count - 1], cases[i].last);
        options_fini(&o);
    }
}

static void test_refused(void **state)
{
    static const char *const bad[] = {"train:\n  steps: 5\n",
                                      "run: x\nsteps: 5\n",
                                      "run: x\ntrain:\n  steps: many\n",
                                      "run: x\ntrain:\n  steps: 0\n",
                                      "run: x\ntrain:\n  rate: nan\n",
                                      "run: x\nkind: c\n",
                                      "run: x\nrun: y\n",
                                      "run: x\ntrain: 5\n",
                                      "run: [x]\n",
                                      "run: x\ntrain:\n  stepz: 5\n",
                                      "[1, 2]\n",
                                      "run: x\n  y: 1\n",
                                      "a: &a x\nrun: *a\n"};
    struct config c;
    struct options o;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(load(bad[i], NULL, &c, &o), ST_INPUT);
    assert_int_equal(load("run: x\n", "train.steps", &c, &o), ST_USAGE);
    assert_int_equal(load("run: x\n", "nothing=1", &c, &o), ST_USAGE);
}

static void test_dump(void **state)
{
    struct config c, d;
    struct options o, p;
    char text[4096] = "", first[33], second[33];
    FILE *f = fmemopen(text, sizeof text, "w");

    (void)state;
    assert_int_equal(load("run: 'q\"\\'\ntasks: ['a', 'b\"c']\ntrain:\n  rate: 0.1\n  ranks: 3\n", NULL, &c, &o),
                     ST_OK);
    assert_int_equal(options_dump(&o, f), ST_OK);
    fclose(f);
    assert_int_equal(load(text, "train.ranks=9", &d, &p), ST_OK);
    assert_int_equal(options_digest(&o, NULL, NULL, first), ST_OK);
    assert_int_equal(options_digest(&p, NULL, NULL, second), ST_OK);
    assert_string_equal(first, second);
    assert_string_equal(c.run, d.run);
    options_fini(&p);
    assert_int_equal(load(text, "train.rate=0.2", &d, &p), ST_OK);
    assert_int_equal(options_digest(&p, NULL, NULL, second), ST_OK);
    assert_string_not_equal(first, second);
    options_fini(&o);
    options_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_precedence), cmocka_unit_test(test_lists),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_dump)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
