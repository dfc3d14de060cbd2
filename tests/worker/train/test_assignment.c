/* The message of an assignment: what is packed is what is read, within the size that receivers reserve, and a message
 * that is cut short is refused. */
#include "tests/support/support.h"

#include <string.h>

#include "worker/train/assignment.h"

enum { GROUPS = 2, BATCH = 3, LONGEST = 5 };

/* Group 0 at worker 0, group 1 at both. Worker 1's examples: slot 2 of group 1 alone. */
static void make_deal(struct deal *d)
{
    deal_clear(d, GROUPS, BATCH, 2);
    assert_int_equal(deal_add(d, 0, 0, (struct tree_node){0, 2}), ST_OK);
    assert_int_equal(deal_add(d, 0, 0, (struct tree_node){2, 1}), ST_OK);
    assert_int_equal(deal_add(d, 1, 0, (struct tree_node){0, 2}), ST_OK);
    assert_int_equal(deal_add(d, 1, 1, (struct tree_node){2, 1}), ST_OK);
}

static void test_round_trip(void **state)
{
    const int32_t ids[LONGEST] = {101, 7, 8, 9, 102};
    const struct assignment_example put = {
        .group = 1, .slot = 2, .length = LONGEST, .width = 8, .start = 1, .end = 3, .ids = ids};
    struct assignment_message m = {0};
    struct assignment a = {0};
    struct deal deal = {0};

    (void)state;
    make_deal(&deal);
    assert_int_equal(assignment_message_begin(&m, &deal), ST_OK);
    assert_int_equal(assignment_message_add(&m, &put), ST_OK);
    assert_int_equal(assignment_read(&a, m.words, m.count), ST_OK);
    assert_int_equal(a.deal.groups, GROUPS);
    assert_int_equal(a.deal.batch, BATCH);
    assert_int_equal(a.deal.count, 4);
    assert_memory_equal(a.deal.blocks, deal.blocks, 4 * sizeof *deal.blocks);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.examples[0].slot, 2);
    assert_int_equal(a.examples[0].width, 8);
    assert_int_equal(a.examples[0].end, 3);
    assert_memory_equal(a.examples[0].ids, ids, sizeof ids);
    for (size_t n = 0; n < m.count; n++) {
        status s = assignment_read(&a, m.words, n);

        if (s == ST_OK) assert_int_equal(a.count, 0); /* cut between the deal and the example */
        else assert_int_equal(s, ST_SYSTEM);
    }
    assignment_message_fini(&m);
    assignment_fini(&a);
    deal_fini(&deal);
}

/* Every slot a block of its own, every example the longest and with as many options as it can hold: what receivers
 * reserve is just enough. */
static void test_most(void **state)
{
    const int32_t ids[LONGEST] = {0}, option[LONGEST / 2][2] = {{0}};
    struct answer_marks marks = NO_MARKS;
    struct assignment_message m = {0};
    struct deal deal = {0};

    (void)state;
    marks.options = LONGEST / 2;
    marks.option = option;
    deal_clear(&deal, GROUPS, BATCH, 1);
    for (int32_t g = 0; g < GROUPS; g++)
        for (int32_t i = 0; i < BATCH; i++) assert_int_equal(deal_add(&deal, g, 0, (struct tree_node){i, 1}), ST_OK);
    assert_int_equal(assignment_message_begin(&m, &deal), ST_OK);
    for (int32_t g = 0; g < GROUPS; g++)
        for (int32_t i = 0; i < BATCH; i++)
            assert_int_equal(
                assignment_message_add(&m, &(struct assignment_example){g, i, LONGEST, 0, -1, -1, marks, ids}), ST_OK);
    assert_in_range(m.count, assignment_message_most(GROUPS * BATCH, LONGEST) - GROUPS * BATCH * (LONGEST % 2),
                    assignment_message_most(GROUPS * BATCH, LONGEST));
    assignment_message_fini(&m);
    deal_fini(&deal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_most)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
