/* Where answers may lie: candidates and their tokens there and back, the tokens that are read, words of a message. */
#include "tests/support/support.h"

#include <string.h>

#include "worker/score/marks.h"

enum { LENGTH = 20 };

static const int32_t three[3][2] = {{10, 12}, {14, 14}, {16, 18}};

static const struct answer_marks kinds[] = {
    {.options = 3, .option = three, .context_last = -1, .none_first = -1, .none_last = -1},
    {.options = 1, .option = three, .context_last = -1, .none_first = -1, .none_last = -1, .reference = 1},
    {.context_first = 5, .context_last = 9, .none_first = -1, .none_last = -1},
    {.context_first = 5, .context_last = 9, .none_first = 2, .none_last = 4},
    {.context_first = 5, .context_last = 9, .none_first = 2, .none_last = 2},
    {.context_first = 5, .context_last = 9, .none_first = 2, .none_last = 4, .reference = 1},
    {.context_last = -1, .none_first = -1, .none_last = -1},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void test_candidates(void **state)
{
    static const int64_t count[KINDS] = {3, 1, 5, 6, 6, 6, 0};

    (void)state;
    for (int k = 0; k < KINDS; k++) {
        const struct answer_marks *m = &kinds[k];

        assert_int_equal(marks_candidates(m), count[k]);
        for (int end = 0; end < 2; end++) {
            int there = 0;

            for (int64_t i = 0; i < count[k]; i++) assert_int_equal(marks_candidate(m, marks_token(m, i, end), end), i);
            for (int64_t token = -1; token < LENGTH; token++) there += marks_candidate(m, token, end) >= 0;
            assert_int_equal(there, count[k]);
        }
    }
    assert_int_equal(marks_token(&kinds[0], 2, 0), 16);
    assert_int_equal(marks_token(&kinds[0], 2, 1), 18);
    assert_int_equal(marks_token(&kinds[3], 5, 0), 2);
    assert_int_equal(marks_token(&kinds[3], 5, 1), 4);
}

static void test_read(void **state)
{
    static const char *const want[KINDS] = {"..........x.x.x.x.x.", "..........x.x.......", ".....xxxxx..........",
                                            "..x.xxxxxx..........", "..x..xxxxx..........", "xxxxxxxxxxxxxxxxxxxx",
                                            "...................."};

    (void)state;
    for (int k = 0; k < KINDS; k++) {
        char read[LENGTH] = {0};
        int32_t count = 0;

        marks_read(&kinds[k], LENGTH, read);
        for (int i = 0; i < LENGTH; i++) {
            assert_int_equal(read[i], want[k][i] == 'x');
            count += read[i];
        }
        assert_int_equal(marks_tokens(&kinds[k], LENGTH), count);
    }
}

static void test_words(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        int32_t words[32];
        struct answer_marks m;
        size_t n = marks_words(&kinds[k]);

        assert_ptr_equal(marks_put(&kinds[k], words), words + n);
        words[n] = 77;
        assert_int_equal(marks_take(words, n + 1, &m), n);
        assert_int_equal(m.options, kinds[k].options);
        if (m.options > 0) assert_memory_equal(m.option, kinds[k].option, (size_t)m.options * sizeof *m.option);
        assert_int_equal(m.context_first, kinds[k].context_first);
        assert_int_equal(m.context_last, kinds[k].context_last);
        assert_int_equal(m.none_first, kinds[k].none_first);
        assert_int_equal(m.none_last, kinds[k].none_last);
        assert_int_equal(m.reference, kinds[k].reference);
        for (size_t left = 0; left < n; left++) assert_int_equal(marks_take(words, left, &m), 0);
        words[0] = -1;
        assert_int_equal(marks_take(words, n, &m), 0);
        words[0] = INT32_MAX;
        assert_int_equal(marks_take(words, n, &m), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
