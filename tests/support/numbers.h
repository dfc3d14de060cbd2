/* Arrays of f32 or bf16 for tests of arithmetic: random contents, exact sizes (so that a sanitizer sees the first byte
 * too many), and comparison with a double reference by the largest error. */
#ifndef MP2_TESTS_SUPPORT_NUMBERS_H
#define MP2_TESTS_SUPPORT_NUMBERS_H

#include "tests/support/support.h"
#include "worker/kernel/kernels.h"

struct array {
    enum number type;
    int64_t n;
    void *data;
};

/* n normal numbers times spread, keyed by seed; spread 0: zeros. The test fails when there is no memory. */
struct array array_new(enum number type, int64_t n, uint64_t seed, double spread);
void array_free(struct array *a);
double array_at(const struct array *a, int64_t i);
/* The address of element i. */
void *array_from(const struct array *a, int64_t i);
float *floats_new(int64_t n, uint64_t seed, double spread);
double *doubles_new(int64_t n);

/* Fails the test, saying what and where, when |a[i] - expected[i]| > tolerance * max |expected| anywhere. */
void array_near(const char *what, const struct array *a, const double *expected, double tolerance);
void floats_near(const char *what, const float *a, const double *expected, int64_t n, double tolerance);

/* Round to bf16 as the kernels do, one number. */
uint16_t bf16_of(float x);
float bf16_value(uint16_t x);

/* Whether dropout keeps a column, by the rule of kernels.h; and what it makes of x there. */
int dropout_keeps(const struct dropout *d, uint32_t site, struct row_place place, int64_t column);
double dropout_of(const struct dropout *d, uint32_t site, struct row_place place, int64_t column, double x);

/* The next usable set of kernels, starting after *isa (ISA_AUTO: the first); 0 when there are no more. Sets that this
 * CPU cannot run are reported as skipped. */
int kernels_next(enum isa *isa, struct kernels *out);

#endif
