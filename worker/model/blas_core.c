#include "worker/model/blas_core.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cblas.h>

static const char VARIABLE[] = "OPENBLAS_CORETYPE";

const char *blas_core_better(const char *core, int avx2, int avx512)
{
    static const char *const good[] = {"Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids", "Excavator"};

    if (!avx2) return NULL;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (strcasecmp(core, good[i]) == 0) return NULL;
    return avx512 ? "SkylakeX" : "Haswell";
}

/* An OpenBLAS that has one kind of kernels alone takes no advice: then the second start finds the variable set. */
void blas_core_fit(char **argv)
{
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    const char *better = getenv(VARIABLE) ? NULL : blas_core_better(openblas_get_corename(), avx2, avx512);

    if (!better || setenv(VARIABLE, better, 0) != 0) return;
    execv("/proc/self/exe", argv);
    unsetenv(VARIABLE); /* it goes on as it is, only slower */
}
