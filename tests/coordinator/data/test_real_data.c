/* The real data sets, where ../shared/data is there: all 30 folders are read by their entries, no row is lost, and
 * every row becomes an input. Only counts are known here. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "coordinator/data/dataset.h"
#include "coordinator/data/import.h"

static const char data[] = TEST_SOURCE_DIR "/../shared/data";

/* Records that the folder's description counts (questions for reading comprehension), and the bad ones among them. */
/* clang-format off */
static const struct { const char *id; int read, bad, ignored; } expected[] = {
    {"afqmc", 31605 + 4316, 0, 0}, {"paws-x", 4000, 0, 0}, {"cmnli", 12426, 0, 0}, {"csl", 160 + 160 + 857, 0, 0},
    {"thucnews", 20000, 0, 0}, {"bq", 10000 + 9981, 0, 0}, {"chip-ctc", 18362 + 5145, 0, 0},
    {"finre", 13486 + 1489 + 3727, 0, 0}, {"chip-sts", 14037 + 3935, 0, 0}, {"cmrc2018", 3219 + 1002, 2, 0},
    {"cluewsc", 160 + 159 + 976, 0, 0}, {"kuake-qic", 6931 + 1955, 0, 0}, {"kuake-qqr", 15000 + 1600, 0, 0},
    {"nlpcc_tc", 10000 + 2500, 0, 0}, {"sanwen", 17227 + 1793 + 2220, 0, 0}, {"toutiao_tc", 37148, 0, 0},
    {"xnli", 5010 + 2490, 0, 0}, {"cote-dp", 9970, 0, 0}, {"cote-mfw", 14126, 0, 0}, {"ccpm", 13697 + 2720, 1, 0},
    {"online_shopping", 16966 + 4834 + 4836, 0, 0}, {"waimai", 11987, 0, 0}, {"weibo_sentiment", 2400, 0, 0},
    {"asap_sample", 300, 0, 0}, {"c3", 8385, 0, 0}, {"chnsenticorp", 8366 + 1200 + 1200, 0, 0},
    {"dmr_douban", 44 + 1583, 360, 0}, {"drcd", 3524 + 1212, 0, 0}, {"ocnli", 9063 + 2250, 0, 12 + 37}, {"tnews", 1185 + 1098 + 2010, 0, 0}};
/* clang-format on */
enum { TASKS = sizeof expected / sizeof *expected };

static void check_report(void *arg, const struct import_report *r)
{
    int *seen = arg;
    int64_t kept = 0;
    int i = 0;

    while (i < TASKS && strcmp(expected[i].id, r->entry->id) != 0) i++;
    assert_true(i < TASKS);
    if (!r->source) fail_msg("%s: not found", r->entry->id);
    for (int s = 0; s < SPLIT_COUNT; s++) kept += r->rows[s];
    if (r->read != expected[i].read || tally_sum(&r->tally, TALLY_BAD) != expected[i].bad ||
        tally_sum(&r->tally, TALLY_IGNORED) != expected[i].ignored)
        fail_msg("%s: %lld read, %lld bad, %lld left out", r->entry->id, (long long)r->read,
                 (long long)tally_sum(&r->tally, TALLY_BAD), (long long)tally_sum(&r->tally, TALLY_IGNORED));
    assert_int_equal(kept + tally_sum(&r->tally, TALLY_BAD) + tally_sum(&r->tally, TALLY_IGNORED) +
                         tally_sum(&r->tally, TALLY_DUPLICATE),
                     r->read);
    ++*seen;
}

static void import(const char *out)
{
    const char *ids[TASKS];
    const struct import_options options = {TEST_SOURCE_DIR "/../shared/data/tasks", out, {TASKS, ids}, 0};
    struct vocabulary *vocabulary;
    struct catalogue catalogue;
    int seen = 0;

    for (int i = 0; i < TASKS; i++) ids[i] = expected[i].id;
    assert_int_equal(catalogue_load(TEST_SOURCE_DIR "/configs/tasks", &catalogue), ST_OK);
    assert_int_equal(vocabulary_load(TEST_SOURCE_DIR "/../shared/data/vocab/vocab.txt", &vocabulary), ST_OK);
    assert_int_equal(import_run(&catalogue, vocabulary, &options, check_report, &seen), ST_OK);
    assert_int_equal(seen, TASKS);
    vocabulary_destroy(&vocabulary);
    catalogue_free(&catalogue);
}

/* Every row of every split: length, marks, and the answer inside the text. */
static void check_rows(const struct dataset *d, int task, enum split split)
{
    struct example_buffer buffer = {0};
    struct example e;

    for (int64_t i = 0; i < dataset_rows(d, task, split); i++) {
        assert_int_equal(dataset_example(d, task, split, i, &buffer, &e), ST_OK);
        assert_int_equal(e.length, dataset_length(d, task, split, i));
        assert_in_range(e.length, 52, 512);
        assert_true(e.start > 50 && e.start <= e.end && e.end < e.length);
        if (e.options > 0) {
            assert_int_equal(e.option[e.label][0], e.start);
            assert_int_equal(e.option[e.label][1], e.end);
            continue;
        }
        assert_true(e.start >= e.context_first && e.end <= e.context_last);
        assert_int_equal(e.gold[0].count, e.end - e.start + 1);
        assert_memory_equal(e.gold[0].ids, e.ids + e.start, (size_t)e.gold[0].count * sizeof *e.ids);
    }
    example_buffer_fini(&buffer);
}

static void test_all(void **state)
{
    const struct option_list all = {0, NULL};
    struct dataset *d;
    char folder[256];

    (void)state;
    if (!file_is_folder(data)) test_skip("../shared/data is not there");
    test_folder(folder, sizeof folder);
    import(folder);
    for (int reference = 0; reference < 3; reference++) {
        const struct input_form form = {50, 1000, 512, reference};
        assert_int_equal(dataset_open(folder, &all, &form, &d), ST_OK);
        assert_int_equal(dataset_tasks(d), 23);
        for (int t = 0; t < 23; t++)
            for (int s = 0; s < SPLIT_COUNT; s++) {
                check_rows(d, t, (enum split)s);
                if (reference == 0) assert_int_equal(dataset_dropped(d, t, (enum split)s), 0);
            }
        dataset_close(&d);
    }
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};

    log_init('-', -1, LOG_ERROR);
    return test_run_group(tests, NULL, NULL);
}
