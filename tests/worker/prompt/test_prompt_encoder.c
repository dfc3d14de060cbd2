/* The whole way from u A to the prompts and back: the gradients of weighted losses of two groups beside finite
 * differences, own columns as parts of the whole, prompts as they were before it moves, and an update downhill. */
#include "worker/prompt/prompt_encoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/numbers.h"

enum { GROUPS = 2, LAYERS = 2, TOKENS = 3, HIDDEN = 8, COLUMNS = TOKENS * HIDDEN, BANK = LAYERS * COLUMNS };

static const double weights[GROUPS] = {1.0, 0.25};
static const struct prompt_encoder_shape shape = {GROUPS, LAYERS, TOKENS, HIDDEN};
static struct kernels kernels;
static float loss_of[GROUPS * BANK]; /* the loss of a group: its prompts times this */

static int setup(void **state)
{
    enum isa isa = ISA_AUTO;
    float *random = floats_new(GROUPS * BANK, 5, 1.0);

    (void)state;
    assert_true(kernels_next(&isa, &kernels));
    memcpy(loss_of, random, sizeof loss_of);
    free(random);
    return 0;
}

/* An encoder that has moved, with its input and G. */
static struct prompt_encoder *encoder_new(int moved)
{
    struct prompt_encoder *e;
    float *random;

    assert_int_equal(prompt_encoder_new(&kernels, &shape, 3, &e), ST_OK);
    random = floats_new((int64_t)e->count, 8, 0.5);
    if (moved) memcpy(e->value, random, e->count * sizeof *random);
    free(random);
    random = floats_new(GROUPS * BANK, 6, 1.0);
    memcpy(e->in, random, GROUPS * BANK * sizeof *random);
    free(random);
    memcpy(e->d_out, loss_of, sizeof loss_of);
    return e;
}

static double weighted_loss(struct prompt_encoder *e, const double *w)
{
    float prompts[GROUPS * BANK];
    double sum = 0;

    prompt_encoder_forward(e, GROUPS, prompts);
    for (size_t i = 0; i < GROUPS * BANK; i++) sum += w[i / BANK] * (double)loss_of[i] * (double)prompts[i];
    return sum;
}

/* The slope of the loss along one number. */
static double slope(struct prompt_encoder *e, const double *w, float *x)
{
    float at = *x, up = at + 0.01f, down = at - 0.01f;
    double high, low;

    *x = up;
    high = weighted_loss(e, w);
    *x = down;
    low = weighted_loss(e, w);
    *x = at;
    return (high - low) / ((double)up - (double)down);
}

static void test_gradients(void **state)
{
    static const double ones[GROUPS] = {1.0, 1.0};
    struct prompt_encoder *e = encoder_new(1);
    float grad[GROUPS * BANK];
    size_t far = 0;

    (void)state;
    weighted_loss(e, ones);
    prompt_encoder_backward(e, weights, 0, COLUMNS, grad);
    /* A step over the corner of a relu is rare; all else is within the differences' own error. */
    for (size_t i = 0; i < e->count; i++) far += fabs(slope(e, weights, &e->value[i]) - (double)e->grad[i]) > 2e-3;
    for (size_t i = 0; i < GROUPS * BANK; i++) far += fabs(slope(e, ones, &e->in[i]) - (double)grad[i]) > 2e-3;
    assert_true(far <= (e->count + GROUPS * BANK) / 50);
    assert_true(prompt_encoder_square(e) > 1e-2);
    prompt_encoder_destroy(&e);
}

/* Two owners' columns are the parts of one's; the encoder's gradient does not depend on them. */
static void test_own_columns(void **state)
{
    struct prompt_encoder *e = encoder_new(1), *f = encoder_new(1);
    float whole[GROUPS * BANK], part[GROUPS * BANK];
    const int64_t first[2] = {0, 10}, local[2] = {10, COLUMNS - 10};

    (void)state;
    weighted_loss(e, weights);
    prompt_encoder_backward(e, weights, 0, COLUMNS, whole);
    for (int owner = 0; owner < 2; owner++) {
        weighted_loss(f, weights);
        prompt_encoder_backward(f, weights, first[owner], local[owner], part);
        for (int64_t row = 0; row < GROUPS * LAYERS; row++)
            assert_memory_equal(part + row * local[owner], whole + row * COLUMNS + first[owner],
                                (size_t)local[owner] * sizeof *part);
        assert_memory_equal(e->grad, f->grad, e->count * sizeof *e->grad);
    }
    prompt_encoder_destroy(&e);
    prompt_encoder_destroy(&f);
}

/* Before it moves, prompts are u A and their gradients pass as they are; then it goes downhill. */
static void test_start(void **state)
{
    const struct adamw adamw = adamw_at(1e-2, &(struct adamw_options){.beta1 = .9, .beta2 = .999, .eps = 1e-8}, 1);
    struct prompt_encoder *e = encoder_new(0);
    float prompts[GROUPS * BANK], grad[GROUPS * BANK];
    double before;

    (void)state;
    assert_int_equal(e->count, prompt_encoder_parameters(TOKENS, HIDDEN));
    prompt_encoder_forward(e, GROUPS, prompts);
    assert_memory_equal(prompts, e->in, sizeof prompts);
    prompt_encoder_backward(e, weights, 0, COLUMNS, grad);
    assert_memory_equal(grad, loss_of, sizeof grad);
    before = weighted_loss(e, weights);
    prompt_encoder_update(e, &adamw);
    assert_true(weighted_loss(e, weights) < before - 1e-2);
    prompt_encoder_destroy(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients), cmocka_unit_test(test_own_columns),
                                       cmocka_unit_test(test_start)};

    return test_run_group(tests, setup, NULL);
}
