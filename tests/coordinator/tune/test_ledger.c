/* The ledger tells again what it was told, in order, to the bit; it forgets another search's and refuses a wrong
 * question. */
#include "coordinator/tune/ledger.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/support.h"

struct place {
    char folder[256], journal[300];
};

static int open_place(void **state)
{
    static struct place p;

    test_folder(p.folder, sizeof p.folder);
    snprintf(p.journal, sizeof p.journal, "%s/journal", p.folder);
    *state = &p;
    return 0;
}

static int close_place(void **state)
{
    const struct place *p = *state;

    test_folder_remove(p->folder);
    return 0;
}

static struct ledger *ledger_of(const struct place *p, const char *digest)
{
    struct ledger *l;

    assert_int_equal(ledger_open(p->journal, digest, &l), ST_OK);
    return l;
}

static void tells_again(void **state)
{
    const double losses[3] = {1.0 / 3, NAN, -INFINITY}, dev[2] = {0.5, 1e-300};
    struct ledger *l = ledger_of(*state, "abc");
    double got[3];

    assert_int_equal(ledger_next(l, LEDGER_LOSSES, 3, got), ST_END);
    assert_int_equal(ledger_add(l, LEDGER_LOSSES, 3, losses), ST_OK);
    assert_int_equal(ledger_add(l, LEDGER_DEV, 2, dev), ST_OK);
    assert_int_equal(ledger_close(&l), ST_OK);
    assert_null(l);
    for (int again = 0; again < 2; again++) {
        l = ledger_of(*state, "abc");
        assert_int_equal(ledger_next(l, LEDGER_LOSSES, 3, got), ST_OK);
        assert_memory_equal(got, losses, sizeof losses);
        assert_int_equal(ledger_add(l, LEDGER_DEV, 2, dev), ST_SYSTEM);
        assert_int_equal(ledger_next(l, LEDGER_DEV, 2, got), ST_OK);
        assert_memory_equal(got, dev, sizeof dev);
        assert_int_equal(ledger_next(l, LEDGER_DEV, 2, got), ST_END);
        assert_true(ledger_seconds(l) >= 0);
        assert_int_equal(ledger_close(&l), ST_OK);
    }
    l = ledger_of(*state, "abc");
    assert_int_equal(ledger_next(l, LEDGER_LOSSES, 3, got), ST_OK);
    assert_int_equal(ledger_next(l, LEDGER_DEV, 2, got), ST_OK);
    assert_int_equal(ledger_add(l, LEDGER_DEV, 2, dev), ST_OK);
    assert_int_equal(ledger_close(&l), ST_OK);
    l = ledger_of(*state, "abcd");
    assert_int_equal(ledger_next(l, LEDGER_LOSSES, 3, got), ST_END);
    assert_int_equal(ledger_close(&l), ST_OK);
}

static void wrong_questions(void **state)
{
    const double losses[3] = {1, 2, 3};
    struct ledger *l = ledger_of(*state, "x");
    double got[3];

    assert_int_equal(ledger_add(l, LEDGER_LOSSES, 3, losses), ST_OK);
    assert_int_equal(ledger_close(&l), ST_OK);
    l = ledger_of(*state, "x");
    assert_int_equal(ledger_next(l, LEDGER_DEV, 2, got), ST_INPUT);
    assert_int_equal(ledger_next(l, LEDGER_LOSSES, 2, got), ST_INPUT);
    assert_int_equal(ledger_next(l, LEDGER_LOSSES, 3, got), ST_OK);
    assert_int_equal(ledger_close(&l), ST_OK);
}

/* A torn last entry never happened. */
static void torn_tail(void **state)
{
    const struct place *p = *state;
    const double losses[3] = {1, 2, 3};
    struct ledger *l = ledger_of(p, "x");
    double got[3];
    char out[100];

    for (int i = 0; i < 3; i++) assert_int_equal(ledger_add(l, LEDGER_LOSSES, 3, losses), ST_OK);
    assert_int_equal(ledger_close(&l), ST_OK);
    assert_int_equal(test_run(out, sizeof out, "truncate -s -5 %s/segment-*", p->journal), 0);
    assert_int_equal(ledger_open(p->journal, "x", &l), ST_OK);
    for (int i = 0; i < 2; i++) assert_int_equal(ledger_next(l, LEDGER_LOSSES, 3, got), ST_OK);
    assert_int_equal(ledger_next(l, LEDGER_LOSSES, 3, got), ST_END);
    assert_int_equal(ledger_close(&l), ST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_again, open_place, close_place),
        cmocka_unit_test_setup_teardown(wrong_questions, open_place, close_place),
        cmocka_unit_test_setup_teardown(torn_tail, open_place, close_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
