/* Who may be used, by a clock that the test sets: settling, draining, limits, quarantine and its cool-down. */
#include "tests/support/support.h"

#include <stdio.h>

#include "coordinator/launch/roster.h"

struct scene {
    struct roster roster;
    struct quarantine quarantine;
    struct hosts list, picked;
};

static void open_scene(struct scene *s, int most)
{
    *s = (struct scene){.roster.options = {.most = most, .settle = 5},
                        .quarantine.options = {.strikes = 3, .cool_down = 60, .forget = 600}};
}

static void close_scene(struct scene *s)
{
    roster_fini(&s->roster);
    quarantine_fini(&s->quarantine);
    hosts_fini(&s->list);
    hosts_fini(&s->picked);
}

static int offer(struct scene *s, const char *text, double now)
{
    int changed;

    assert_int_equal(hosts_parse_script("list", text, &s->list), ST_OK);
    assert_int_equal(roster_offer(&s->roster, &s->list, now), ST_OK);
    assert_int_equal(roster_settle(&s->roster, now, &changed), ST_OK);
    return changed;
}

static void expect(struct scene *s, double now, const char *text)
{
    char got[512];

    assert_int_equal(roster_pick(&s->roster, &s->quarantine, now, &s->picked), ST_OK);
    hosts_text(&s->picked, 0, got, sizeof got);
    assert_string_equal(got, text);
}

static void test_settle(void **unused)
{
    struct scene s;

    (void)unused;
    open_scene(&s, 0);
    offer(&s, "a:2\nb:2\n", 100); /* the first list counts at once */
    expect(&s, 100, "a:2,b:2");
    assert_false(offer(&s, "a:2\n", 110)); /* a flicker */
    expect(&s, 112, "a:2,b:2");
    assert_false(offer(&s, "a:2\nb:2\n", 113));
    assert_false(offer(&s, "a:2\nb:2\n", 130));
    assert_false(offer(&s, "a:2\nb:2\nc:1\n", 140)); /* one that stays */
    assert_false(offer(&s, "a:2\nb:2\nc:1\n", 144.9));
    assert_true(offer(&s, "a:2\nb:2\nc:1\n", 145));
    expect(&s, 145, "a:2,b:2,c:1");
    assert_false(offer(&s, "a:2\nb:2\n", 150)); /* two changes: the time begins anew */
    assert_false(offer(&s, "b:2\n", 154));
    assert_false(offer(&s, "b:2\n", 158));
    assert_true(offer(&s, "b:2\n", 159));
    expect(&s, 159, "b:2");
    close_scene(&s);
}

static void test_limits(void **unused)
{
    struct scene s;

    (void)unused;
    open_scene(&s, 3);
    offer(&s, "a:2\nb:2\nc:2\n", 0);
    expect(&s, 0, "a:2,b:1");
    assert_int_equal(hosts_add(&s.roster.drained, "a", 1), ST_OK);
    expect(&s, 0, "b:2,c:1");
    s.roster.drained.count = 0;
    expect(&s, 0, "a:2,b:1");
    close_scene(&s);
}

static void test_quarantine(void **unused)
{
    struct scene s;
    int out;

    (void)unused;
    open_scene(&s, 0);
    offer(&s, "a:1\nb:1\n", 0);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(quarantine_strike(&s.quarantine, "b", 10.0 * i, 0, "rank 1 was killed", &out), ST_OK);
        assert_int_equal(out, i == 3);
    }
    expect(&s, 31, "a:1");
    expect(&s, 89.9, "a:1");
    expect(&s, 90, "a:1,b:1"); /* 60 s after the third */
    for (int i = 1; i <= 3; i++) assert_int_equal(quarantine_strike(&s.quarantine, "b", 100, 0, "again", &out), ST_OK);
    assert_int_equal(out, 1);
    expect(&s, 219, "a:1"); /* twice as long */
    expect(&s, 220, "a:1,b:1");
    assert_string_equal(quarantine_find(&s.quarantine, "b")->reason, "again");
    close_scene(&s);
}

static void test_forget(void **unused)
{
    struct scene s;
    int out;

    (void)unused;
    open_scene(&s, 0);
    for (int i = 0; i < 10; i++) { /* seldom enough is no strike after the other */
        assert_int_equal(quarantine_strike(&s.quarantine, "a", 1000.0 * i, 0, "killed", &out), ST_OK);
        assert_int_equal(out, 0);
    }
    close_scene(&s);
}

static void test_silent(void **unused)
{
    struct scene s;
    int out;

    (void)unused;
    open_scene(&s, 0);
    offer(&s, "a:1\nb:1\n", 0);
    assert_int_equal(quarantine_strike(&s.quarantine, "b", 10, 1, "cut off", &out), ST_OK);
    expect(&s, 1000, "a:1"); /* until it answers */
    quarantine_answered(&s.quarantine, "b", 1005);
    expect(&s, 1004, "a:1");
    expect(&s, 1005, "a:1,b:1");
    assert_int_equal(quarantine_doubt(&s.quarantine, "a", "asked"), ST_OK);
    expect(&s, 1005, "b:1");
    assert_int_equal(quarantine_find(&s.quarantine, "a")->strikes, 0);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_settle), cmocka_unit_test(test_limits),
                                       cmocka_unit_test(test_quarantine), cmocka_unit_test(test_forget),
                                       cmocka_unit_test(test_silent)};

    return test_run_group(tests, NULL, NULL);
}
