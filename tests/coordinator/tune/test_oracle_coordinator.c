/* Losses as workers answer come to their examples and members, whatever the deal: numbers that say whose they are. */
#include "coordinator/tune/oracle_coordinator.h"

#include <string.h>

#include "cluster/base/memory.h"
#include "tests/support/oracle.h"
#include "tests/support/support.h"

enum { EXAMPLES = 11, WORKERS = 3, MEMBERS = 4 };

static double loss_of(int64_t member, int32_t slot)
{
    return 1000.0 * (double)member + slot;
}

static void open_coordinator(struct oracle_facts *f, struct oracle_coordinator *c)
{
    oracle_examples_make(f, EXAMPLES, WORKERS);
    assert_int_equal(oracle_facts_cut(f, &(struct oracle_limits){90, 4, 1}), ST_OK);
    *c = (struct oracle_coordinator){.facts = f};
}

static void close_coordinator(struct oracle_facts *f, struct oracle_coordinator *c)
{
    mem_free(c->received);
    mem_free(c->by_slot);
    oracle_facts_fini(f);
}

static void test_pairs(void **state)
{
    const struct oracle_request r = {ORACLE_LOSSES, 1, MEMBERS};
    struct oracle_facts f;
    struct oracle_coordinator c;
    double losses[MEMBERS], *at;

    (void)state;
    open_coordinator(&f, &c);
    assert_int_equal(oracle_coordinator_reserve(&c, &r), ST_OK);
    at = c.received;
    for (int64_t pair = 0; pair < MEMBERS * f.part_count; pair++)
        for (int32_t i = 0; i < f.parts[pair / MEMBERS].count; i++)
            *at++ = loss_of(pair % MEMBERS, f.parts[pair / MEMBERS].first + i);
    oracle_coordinator_means(&c, &r, losses);
    for (int m = 0; m < MEMBERS; m++) assert_true(losses[m] == loss_of(m, EXAMPLES / 2));
    close_coordinator(&f, &c);
}

/* Each worker's answer has room for all slots; what it was not dealt must not count. */
static void test_gradient(void **state)
{
    const struct oracle_request r = {.op = ORACLE_GRADIENT};
    struct oracle_facts f;
    struct oracle_coordinator c;
    double loss;

    (void)state;
    open_coordinator(&f, &c);
    assert_int_equal(oracle_coordinator_reserve(&c, &r), ST_OK);
    for (int w = 0; w < WORKERS; w++)
        for (int32_t slot = 0; slot < EXAMPLES; slot++)
            c.received[w * EXAMPLES + slot] = slot % WORKERS == w ? loss_of(0, slot) : 1e300;
    oracle_coordinator_means(&c, &r, &loss);
    assert_true(loss == loss_of(0, EXAMPLES / 2));
    close_coordinator(&f, &c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs), cmocka_unit_test(test_gradient)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
