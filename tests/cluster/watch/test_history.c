/* The picture: evenly thinned, bounded, the latest always in it. */
#include "tests/support/support.h"

#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/watch/history.h"

static void add_step(struct history *h, uint64_t step)
{
    Mp2__Progress m = MP2__PROGRESS__INIT;
    Mp2__Step s = MP2__STEP__INIT;
    unsigned char bytes[128];

    m.version = 1;
    m.epoch = 1;
    m.sequence = step;
    m.body_case = MP2__PROGRESS__BODY_STEP;
    m.step = &s;
    s.step = step;
    assert_int_equal(history_add(h, &m, bytes, mp2__progress__pack(&m, bytes)), ST_OK);
}

static void add_worker(struct history *h, uint32_t rank, Mp2__Worker__State state)
{
    Mp2__Progress m = MP2__PROGRESS__INIT;
    Mp2__Worker w = MP2__WORKER__INIT;
    unsigned char bytes[128];

    m.body_case = MP2__PROGRESS__BODY_WORKER;
    m.worker = &w;
    w.rank = rank;
    w.state = state;
    assert_int_equal(history_add(h, &m, bytes, mp2__progress__pack(&m, bytes)), ST_OK);
}

static void steps_are_thinned_evenly(void **state)
{
    struct history_entry *e;
    struct history *h;
    size_t n;
    uint64_t widest = 0;
    (void)state;

    assert_int_equal(history_new(&h), ST_OK);
    for (uint64_t i = 1; i <= 1000000; i++) add_step(h, i);
    assert_int_equal(history_list(h, 0, &e, &n), ST_OK);
    assert_true(n > 1500 && n <= 4097);
    assert_int_equal(e[0].sequence, 1);
    assert_int_equal(e[n - 1].sequence, 1000000);
    for (size_t i = 1; i < n; i++)
        if (e[i].sequence - e[i - 1].sequence > widest) widest = e[i].sequence - e[i - 1].sequence;
    assert_true(widest <= 512); /* the next power of two over 1,000,000 / 4,096, and once more */
    assert_true(history_bytes(h) < 4 << 20);
    mem_free(e);
    assert_int_equal(history_list(h, history_order(h) - 1, &e, &n), ST_OK);
    assert_int_equal(n, 1);
    mem_free(e);
    history_destroy(&h);
}

static void workers_keep_their_changes(void **state)
{
    struct history_entry *e;
    struct history *h;
    size_t n;
    (void)state;

    assert_int_equal(history_new(&h), ST_OK);
    for (int i = 0; i < 1000; i++) {
        add_worker(h, 1, MP2__WORKER__STATE__WORKING);
        add_worker(h, 2, i < 500 || i >= 510 ? MP2__WORKER__STATE__WORKING : MP2__WORKER__STATE__LOST);
    }
    assert_int_equal(history_list(h, 0, &e, &n), ST_OK);
    assert_int_equal(n, 2 + 4); /* the latest of both; one change of the first, three of the second */
    mem_free(e);
    history_clear(h);
    assert_int_equal(history_list(h, 0, &e, &n), ST_OK);
    assert_int_equal(n, 0);
    mem_free(e);
    history_destroy(&h);
}

static void repairs_are_exact_or_refused(void **state)
{
    struct history_entry *e;
    struct history *h;
    size_t n;
    int known;
    (void)state;

    assert_int_equal(history_new(&h), ST_OK);
    for (uint64_t i = 1; i <= 5000; i++) add_step(h, i);
    assert_int_equal(history_since(h, 1, 4990, &e, &n, &known), ST_OK);
    assert_true(known);
    assert_int_equal(n, 10);
    assert_int_equal(e[0].sequence, 4991);
    mem_free(e);
    assert_int_equal(history_since(h, 1, 10, &e, &n, &known), ST_OK); /* no longer at hand */
    assert_false(known);
    assert_int_equal(history_since(h, 2, 4990, &e, &n, &known), ST_OK); /* another epoch */
    assert_false(known);
    assert_int_equal(history_since(h, 1, 6000, &e, &n, &known), ST_OK); /* never sent */
    assert_false(known);
    history_destroy(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_thinned_evenly),
        cmocka_unit_test(workers_keep_their_changes),
        cmocka_unit_test(repairs_are_exact_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
