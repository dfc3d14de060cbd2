/* The oracle's answers: losses of candidates over kept activations are those of whole sets, to the bit, in any order of
 * layers; gradients agree with finite differences of the losses; scores are the same whoever asks; failures reach
 * everybody. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "coordinator/tune/oracle.h"
#include "tests/support/oracle.h"

enum { COLUMNS = ORACLE_COLUMNS, BANK = ORACLE_BANK, HIDDEN = ORACLE_HIDDEN, EXAMPLES = ORACLE_EXAMPLES, MEMBERS = 3 };

static struct comm comm;

/* What the coordinator asks; workers serve meanwhile. */
static status in_dialogue(struct oracle_world *w, void (*ask)(struct oracle_world *w))
{
    if (!comm_is_coordinator(&comm)) return oracle_serve(w->oracle);
    ask(w);
    return oracle_dismiss(w->oracle, ST_OK);
}

/* Losses of candidates of a layer must be those of whole sets. */
static void check_layer(struct oracle_world *w, float *placed, const float *head, int layer, unsigned seed)
{
    float candidates[MEMBERS * COLUMNS], sets[MEMBERS * BANK];
    double kept[MEMBERS], whole[MEMBERS];

    oracle_floats(candidates, MEMBERS * COLUMNS, seed);
    for (int m = 0; m < MEMBERS; m++) {
        memcpy(sets + m * BANK, placed, BANK * sizeof *sets);
        memcpy(sets + m * BANK + layer * COLUMNS, candidates + m * COLUMNS, COLUMNS * sizeof *sets);
    }
    assert_int_equal(oracle_losses(w->oracle, layer, MEMBERS, candidates, kept), ST_OK);
    assert_int_equal(oracle_loss(w->oracle, MEMBERS, sets, head, whole), ST_OK);
    assert_memory_equal(kept, whole, sizeof kept);
    assert_true(kept[0] != kept[1]);
    memcpy(placed + layer * COLUMNS, candidates + COLUMNS, COLUMNS * sizeof *placed);
    assert_int_equal(oracle_fix(w->oracle, layer, candidates + COLUMNS), ST_OK);
}

static void ask_losses(struct oracle_world *w)
{
    static const int order[] = {0, 1, 2, 0, 2, 1, 1, 2, 0};
    float placed[BANK], other[BANK], head[2 * HIDDEN], d_prompts[BANK], d_head[2 * HIDDEN];
    double loss, again;

    oracle_floats(placed, BANK, 1);
    oracle_floats(other, BANK, 2);
    oracle_floats(head, 2 * HIDDEN, 3);
    assert_int_equal(oracle_examples(w->oracle), EXAMPLES);
    assert_int_equal(oracle_place(w->oracle, placed, head), ST_OK);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        check_layer(w, placed, head, order[i], 10 + (unsigned)i);
        /* Requests about other prompts leave the search alone. */
        assert_int_equal(oracle_gradient(w->oracle, other, head, &loss, d_prompts, d_head), ST_OK);
        assert_int_equal(oracle_loss(w->oracle, 1, other, head, &again), ST_OK);
        assert_memory_equal(&loss, &again, sizeof loss);
    }
}

static double loss_with(struct oracle_world *w, const float *prompts, const float *head, int which, int at, double step)
{
    float p[BANK], h[2 * HIDDEN];
    double loss;

    memcpy(p, prompts, sizeof p);
    memcpy(h, head, sizeof h);
    if (which == 0) p[at] = (float)((double)p[at] + step);
    else h[at] = (float)((double)h[at] + step);
    assert_int_equal(oracle_loss(w->oracle, 1, p, h, &loss), ST_OK);
    return loss;
}

static void ask_gradient(struct oracle_world *w)
{
    const double step = 1.0 / 64;
    float prompts[BANK], head[2 * HIDDEN], d_prompts[BANK], d_head[2 * HIDDEN];
    double loss, largest = 0, worst = 0;

    oracle_floats(prompts, BANK, 4);
    oracle_floats(head, 2 * HIDDEN, 5);
    assert_int_equal(oracle_gradient(w->oracle, prompts, head, &loss, d_prompts, d_head), ST_OK);
    for (int i = 0; i < BANK; i++) largest = fmax(largest, fabs((double)d_prompts[i]));
    for (int i = 0; i < BANK; i += 5) {
        double up = loss_with(w, prompts, head, 0, i, step), down = loss_with(w, prompts, head, 0, i, -step);
        double slope = (up - down) / (2 * step);

        worst = fmax(worst, fabs(slope - (double)d_prompts[i]) / largest);
    }
    for (int i = 0; i < 2 * HIDDEN; i += 5) {
        double up = loss_with(w, prompts, head, 1, i, step), down = loss_with(w, prompts, head, 1, i, -step);
        double slope = (up - down) / (2 * step);

        assert_true(fabs(slope - (double)d_head[i]) < 2e-3 * (1 + fabs(slope)));
    }
    print_message("largest gradient %g, worst difference %g of it\n", largest, worst);
    assert_true(largest > 0 && worst < 1e-2);
}

static void ask_scores(struct oracle_world *w)
{
    float prompts[BANK], head[2 * HIDDEN];
    struct eval_result listed, all;
    int64_t rows[60], n = dataset_rows(w->data, 0, SPLIT_TRAIN);

    oracle_floats(prompts, BANK, 4);
    oracle_floats(head, 2 * HIDDEN, 5);
    for (int64_t i = 0; i < n; i++) rows[i] = n - 1 - i;
    assert_int_equal(oracle_score(w->oracle, SPLIT_TRAIN, NULL, 0, prompts, head, NULL, NULL, &all), ST_OK);
    assert_int_equal(oracle_score(w->oracle, SPLIT_TRAIN, rows, n, prompts, head, NULL, NULL, &listed), ST_OK);
    assert_int_equal(all.rows, n);
    assert_int_equal(listed.rows, n);
    assert_int_equal(all.correct, listed.correct);
    assert_int_equal(
        oracle_score(w->oracle, w->draw.split, w->draw.dev, w->draw.dev_count, prompts, head, NULL, NULL, &listed),
        ST_OK);
    assert_int_equal(listed.rows, EXAMPLES);
}

static void test_losses(void **state)
{
    struct oracle_world w;

    (void)state;
    oracle_world_open(&w, &comm, ORACLE_LAYERS, 1, 0);
    assert_int_equal(in_dialogue(&w, ask_losses), ST_OK);
    oracle_world_close(&w);
}

static void test_gradient(void **state)
{
    struct oracle_world w;

    (void)state;
    oracle_world_open(&w, &comm, ORACLE_LAYERS, 1, 0);
    assert_int_equal(in_dialogue(&w, ask_gradient), ST_OK);
    assert_int_equal(in_dialogue(&w, ask_scores), ST_OK);
    oracle_world_close(&w);
}

static double f32_loss; /* on the coordinator */

static void ask_loss(struct oracle_world *w)
{
    float placed[BANK], head[2 * HIDDEN];

    oracle_floats(placed, BANK, 1);
    oracle_floats(head, 2 * HIDDEN, 3);
    assert_int_equal(oracle_loss(w->oracle, 1, placed, head, &f32_loss), ST_OK);
}

/* In int8: losses of kept activations are those of whole sets again, and near those in f32 but not the same. */
static void ask_int8(struct oracle_world *w)
{
    static const int order[] = {0, 1, 2, 0, 2, 1};
    float placed[BANK], head[2 * HIDDEN], d_prompts[BANK], d_head[2 * HIDDEN];
    double trained, loss;

    oracle_floats(placed, BANK, 1);
    oracle_floats(head, 2 * HIDDEN, 3);
    assert_int_equal(oracle_place(w->oracle, placed, head), ST_OK);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) check_layer(w, placed, head, order[i], 10 + (unsigned)i);
    assert_int_equal(oracle_gradient(w->oracle, placed, head, &trained, d_prompts, d_head), ST_OK);
    assert_int_equal(oracle_loss(w->oracle, 1, placed, head, &loss), ST_OK);
    print_message("loss in f32 %.6f, in int8 %.6f, with its gradient %.6f\n", f32_loss, loss, trained);
    assert_true(loss != f32_loss && fabs(loss - f32_loss) < .02 * f32_loss);
    assert_true(fabs(trained - loss) < 1e-6 * loss);
}

static void test_int8(void **state)
{
    struct oracle_world w;
    int64_t lacks = !matmul_has_int8();

    (void)state;
    assert_int_equal(comm_max(&comm, &lacks, 1), ST_OK);
    if (lacks) test_skip("this CPU has no AVX-512 VNNI");
    oracle_world_open(&w, &comm, ORACLE_LAYERS, 1, 0);
    assert_int_equal(in_dialogue(&w, ask_loss), ST_OK);
    oracle_world_close(&w);
    oracle_world_open(&w, &comm, ORACLE_LAYERS, 1, 1);
    assert_int_equal(in_dialogue(&w, ask_int8), ST_OK);
    oracle_world_close(&w);
}

/* The coordinator's failure is everybody's. */
static void test_failure(void **state)
{
    struct oracle_world w;
    status s;

    (void)state;
    oracle_world_open(&w, &comm, ORACLE_LAYERS, 0, 0);
    s = comm_is_coordinator(&comm) ? oracle_dismiss(w.oracle, ST_NUMBER) : oracle_serve(w.oracle);
    assert_int_equal(s, ST_NUMBER);
    oracle_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_losses), cmocka_unit_test(test_gradient),
                                       cmocka_unit_test(test_int8), cmocka_unit_test(test_failure)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}
