/* The loss over what answers can be: by hand, gradients by differences, what it does not look at, what is found. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "cluster/base/random.h"
#include "worker/train/answer_loss.h"

enum { ROWS = 20 };

static const int32_t options[4][2] = {{8, 10}, {12, 12}, {14, 15}, {17, 18}};

/* start, end: the right answer. */
static const struct {
    struct answer_marks marks;
    int32_t start, end;
} cases[] = {
    {{.options = 4, .option = options, .context_last = -1, .none_first = -1, .none_last = -1}, 14, 15},
    {{.options = 2, .option = options, .context_last = -1, .none_first = -1, .none_last = -1}, 8, 10},
    {{.options = 1, .option = options, .context_last = -1, .none_first = -1, .none_last = -1}, 8, 10},
    {{.context_first = 6, .context_last = 15, .none_first = -1, .none_last = -1}, 7, 7},
    {{.context_first = 6, .context_last = 15, .none_first = 2, .none_last = 3}, 6, 15},
    {{.context_first = 6, .context_last = 15, .none_first = 2, .none_last = 3}, 2, 3},
};
enum { CASES = sizeof cases / sizeof *cases };

static void fill(float *logits, uint32_t seed)
{
    const struct random_key key = random_derive(random_seed(1, RANDOM_INIT), seed, 0, 0, 0);

    for (int i = 0; i < 2 * ROWS; i++) logits[i] = 2 * (float)random_normal(key, (uint64_t)i);
}

static double loss_of(const float *logits, int c, float *d)
{
    return answer_loss(ROWS, logits, &cases[c].marks, cases[c].start, cases[c].end, 32, d);
}

static void test_by_hand(void **state)
{
    float logits[2 * ROWS] = {0};
    double start, end;

    (void)state;
    for (int c = 0; c < CASES; c++)
        assert_true(fabs(loss_of(logits, c, NULL) - log((double)marks_candidates(&cases[c].marks))) < 1e-12);
    /* Start and end of an option count together, whichever has it. */
    logits[2 * 14] = 3;
    logits[2 * 15 + 1] = -1;
    assert_true(fabs(loss_of(logits, 0, NULL) + log(exp(2) / (3 + exp(2)))) < 1e-12);
    /* Of a span each end for itself. */
    memset(logits, 0, sizeof logits);
    logits[2 * 2] = 3;
    logits[2 * 3 + 1] = -1;
    start = log(exp(3) / (10 + exp(3)));
    end = log(exp(-1) / (10 + exp(-1)));
    assert_true(fabs(loss_of(logits, 5, NULL) + (start + end) / 2) < 1e-12);
}

static void test_differences(void **state)
{
    (void)state;
    for (int c = 0; c < CASES; c++) {
        float logits[2 * ROWS], d[2 * ROWS];

        fill(logits, 7);
        loss_of(logits, c, d);
        for (int i = 0; i < 2 * ROWS; i++) {
            float old = logits[i], step[2];
            double value[2];

            for (int s = 0; s < 2; s++) {
                logits[i] = step[s] = old + (s ? 0.01f : -0.01f);
                value[s] = loss_of(logits, c, NULL);
            }
            logits[i] = old;
            assert_true(fabs((value[1] - value[0]) / ((double)step[1] - step[0]) / 32 - d[i]) < 1e-6);
            if (marks_candidate(&cases[c].marks, i / 2, i % 2) < 0) assert_true(d[i] == 0);
        }
    }
}

/* Logits of other tokens may be anything; a candidate's that is no number is not hidden. */
static void test_what_counts(void **state)
{
    (void)state;
    for (int c = 0; c < CASES; c++) {
        const struct answer_marks *m = &cases[c].marks;
        float logits[2 * ROWS], d[2][2 * ROWS];
        double loss;

        fill(logits, 8);
        loss = loss_of(logits, c, d[0]);
        for (int i = 0; i < 2 * ROWS; i++)
            if (marks_candidate(m, i / 2, i % 2) < 0) logits[i] = i % 3 ? -INFINITY : NAN;
        assert_true(loss == loss_of(logits, c, d[1]));
        assert_memory_equal(d[0], d[1], sizeof d[0]);
        logits[2 * marks_token(m, 0, 1) + 1] = NAN;
        assert_true(isnan(loss_of(logits, c, d[1])));
        /* No answer: neither loss nor gradient. */
        fill(logits, 8);
        assert_true(answer_loss(ROWS, logits, m, -1, -1, 32, d[1]) == 0);
        for (int i = 0; i < 2 * ROWS; i++) assert_true(d[1][i] == 0);
        assert_int_equal(answer_found(ROWS, logits, m, -1, -1), 0);
    }
}

static void test_log_sum(void **state)
{
    (void)state;
    for (int c = 3; c < CASES; c++) {
        const struct answer_marks *m = &cases[c].marks;
        float logits[2 * ROWS];
        double both;

        fill(logits, 9);
        both = answer_log_sum(logits, m, 0) + answer_log_sum(logits, m, 1);
        both -= (double)logits[2 * cases[c].start] + (double)logits[2 * cases[c].end + 1];
        assert_true(fabs(both / 2 - loss_of(logits, c, NULL)) < 1e-12);
    }
}

/* The best option, whichever end makes it so; the best span inside the context that is in order; "no answer". */
static void test_found(void **state)
{
    float logits[2 * ROWS] = {0};

    (void)state;
    assert_int_equal(answer_found(ROWS, logits, &cases[1].marks, 8, 10), 1); /* the first of equal ones */
    assert_int_equal(answer_found(ROWS, logits, &cases[1].marks, 12, 12), 0);
    logits[2 * 12] = 1;
    assert_int_equal(answer_found(ROWS, logits, &cases[1].marks, 12, 12), 1);
    logits[2 * 10 + 1] = 2;
    assert_int_equal(answer_found(ROWS, logits, &cases[1].marks, 12, 12), 0);
    memset(logits, 0, sizeof logits);
    logits[2 * 9] = 2;
    logits[2 * 8 + 1] = 3; /* the likeliest end lies before the likeliest start */
    logits[2 * 11 + 1] = 2;
    logits[2 * 0] = logits[2 * 19 + 1] = 9; /* outside of the context */
    assert_int_equal(answer_found(ROWS, logits, &cases[4].marks, 9, 11), 1);
    assert_int_equal(answer_found(ROWS, logits, &cases[4].marks, 9, 8), 0);
    assert_int_equal(answer_found(ROWS, logits, &cases[4].marks, 2, 3), 0);
    logits[2 * 2] = 5;
    assert_int_equal(answer_found(ROWS, logits, &cases[4].marks, 9, 11), 0);
    assert_int_equal(answer_found(ROWS, logits, &cases[4].marks, 2, 3), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand), cmocka_unit_test(test_differences), cmocka_unit_test(test_what_counts),
        cmocka_unit_test(test_log_sum), cmocka_unit_test(test_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
