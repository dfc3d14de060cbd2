/* The LSTM over a prompt beside PyTorch's, forward and backward, in every set of kernels with the same bits. */
#include "worker/prompt/lstm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/numbers.h"

static void read_line(FILE *f, size_t count, double *out)
{
    for (size_t i = 0; i < count; i++) assert_int_equal(fscanf(f, "%lf", &out[i]), 1);
}

static float *read_floats(FILE *f, size_t count)
{
    double *wide = doubles_new((int64_t)count);
    float *out = floats_new((int64_t)count, 0, 0.0);

    read_line(f, count, wide);
    for (size_t i = 0; i < count; i++) out[i] = (float)wide[i];
    free(wide);
    return out;
}

static double *read_doubles(FILE *f, size_t count)
{
    double *out = doubles_new((int64_t)count);

    read_line(f, count, out);
    return out;
}

/* What one set of kernels makes of a case: y, dx, the parameters' gradient. */
struct made {
    float *y, *dx, *d_parameters;
};

static struct made run(const struct lstm *n, const float *parameters, const float *x, const float *dy)
{
    int64_t bank = n->tokens * n->hidden;
    struct made m = {floats_new(bank, 0, 0.0), floats_new(bank, 0, 0.0),
                     floats_new((int64_t)lstm_parameters(n), 0, 0.0)};
    float *trace = floats_new((int64_t)lstm_trace(n), 9, 1.0), *scratch = floats_new((int64_t)lstm_scratch(n), 8, 1.0);

    lstm_forward(n, parameters, x, trace, m.y);
    lstm_backward(n, parameters, x, trace, dy, scratch, m.dx, m.d_parameters);
    free(trace);
    free(scratch);
    return m;
}

static void made_free(struct made *m)
{
    free(m->y);
    free(m->dx);
    free(m->d_parameters);
}

static void check_case(FILE *f, struct lstm *n)
{
    size_t bank = (size_t)(n->tokens * n->hidden), count = lstm_parameters(n);
    float *parameters = read_floats(f, count), *x = read_floats(f, bank), *dy = read_floats(f, bank);
    double *y = read_doubles(f, bank), *dx = read_doubles(f, bank), *d_parameters = read_doubles(f, count);
    struct made first = {0};
    struct kernels kernels;
    enum isa isa = ISA_AUTO;

    n->kernels = &kernels;
    while (kernels_next(&isa, &kernels)) {
        struct made m = run(n, parameters, x, dy);

        floats_near("y", m.y, y, (int64_t)bank, 2e-6);
        floats_near("dx", m.dx, dx, (int64_t)bank, 2e-6);
        floats_near("gradient of the parameters", m.d_parameters, d_parameters, (int64_t)count, 2e-6);
        if (first.y) {
            assert_memory_equal(m.y, first.y, bank * sizeof *m.y);
            assert_memory_equal(m.dx, first.dx, bank * sizeof *m.dx);
            assert_memory_equal(m.d_parameters, first.d_parameters, count * sizeof *m.y);
        }
        made_free(&first);
        first = m;
    }
    made_free(&first);
    free(parameters), free(x), free(dy), free(y), free(dx), free(d_parameters);
}

static void test_torch(void **state)
{
    FILE *f = fopen(TEST_SOURCE_DIR "/tests/reference/prompt/lstm.txt", "r");
    long long tokens, hidden, width;
    int cases = 0;

    (void)state;
    assert_non_null(f);
    while (fscanf(f, "%lld %lld %lld", &tokens, &hidden, &width) == 3) {
        struct lstm n = {.tokens = tokens, .hidden = hidden, .width = width};

        check_case(f, &n);
        cases++;
    }
    fclose(f);
    assert_int_equal(cases, 3);
}

/* As it starts, y is x to the bit, dx is dy, and the last layer has a gradient: training can leave that place. */
static void test_start(void **state)
{
    struct kernels kernels;
    enum isa isa = ISA_AUTO;
    struct lstm n = {.kernels = &kernels, .tokens = 5, .hidden = 16, .width = 8};
    size_t bank = 5 * 16, count = lstm_parameters(&n);
    float *parameters = floats_new((int64_t)count, 1, 1.0), *x = floats_new((int64_t)bank, 2, 1.0);
    float *dy = floats_new((int64_t)bank, 3, 1.0);
    double moved = 0;
    struct made m;

    (void)state;
    assert_true(kernels_next(&isa, &kernels));
    lstm_init(&n, 7, parameters);
    m = run(&n, parameters, x, dy);
    assert_memory_equal(m.y, x, bank * sizeof *x);
    assert_memory_equal(m.dx, dy, bank * sizeof *dy);
    for (size_t i = count - 2 * 8 * 16 - 16; i < count - 16; i++)
        moved += (double)m.d_parameters[i] * m.d_parameters[i];
    assert_true(moved > 1e-3);
    made_free(&m);
    free(parameters), free(x), free(dy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_torch), cmocka_unit_test(test_start)};

    return test_run_group(tests, NULL, NULL);
}
