/* Which kernels OpenBLAS is told to take, and that a program whose OpenBLAS chose badly is started anew with them. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cblas.h>

#include "worker/model/blas_core.h"

static void test_better(void **state)
{
    (void)state;
    assert_string_equal(blas_core_better("Prescott", 1, 1), "SkylakeX");
    assert_string_equal(blas_core_better("Prescott", 1, 0), "Haswell");
    assert_string_equal(blas_core_better("Sandybridge", 1, 0), "Haswell");
    assert_null(blas_core_better("Prescott", 0, 0));
    assert_null(blas_core_better("Haswell", 1, 1));
    assert_null(blas_core_better("Zen", 1, 0));
    assert_null(blas_core_better("Cooperlake", 1, 1));
}

/* A stand-in for OpenBLAS on a CPU that it does not know: Prescott, unless it is told otherwise. */
char *__wrap_openblas_get_corename(void);
char *__wrap_openblas_get_corename(void)
{
    char *told = getenv("OPENBLAS_CORETYPE");

    return told ? told : (char *)(uintptr_t) "Prescott";
}

/* The program as it is started anew by itself: says with what. */
static int second_start(char **argv)
{
    blas_core_fit(argv);
    printf("%s %s\n", openblas_get_corename(), argv[2]);
    return 0;
}

static void check_start(const char *variable, const char *expected)
{
    char command[600], self[400] = "", said[100] = "";
    FILE *f;

    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    snprintf(command, sizeof command, "%s %s start 'two words'", variable, self);
    f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(said, sizeof said, f));
    assert_int_equal(pclose(f), 0);
    assert_string_equal(said, expected);
}

static void test_start(void **state)
{
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");

    (void)state;
    if (!avx2) test_skip("a CPU without AVX2");
    check_start("env -u OPENBLAS_CORETYPE",
                __builtin_cpu_supports("avx512bw") ? "SkylakeX two words\n" : "Haswell two words\n");
    check_start("OPENBLAS_CORETYPE=Nehalem", "Nehalem two words\n");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_better), cmocka_unit_test(test_start)};

    if (argc > 2) return second_start(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
