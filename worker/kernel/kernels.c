/* Which target's table a run uses, and the dropout keys' arithmetic. */
#include "worker/kernel/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"

void kernels_avx2(struct kernels *k);
void kernels_avx512(struct kernels *k);
void kernels_avx512bf16(struct kernels *k);

static const char *const names[] = {"auto", "avx2", "avx512", "avx512bf16"};

const char *isa_name(enum isa isa)
{
    return names[isa];
}

int isa_parse(const char *name, enum isa *isa)
{
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(names[i], name) == 0) {
            *isa = (enum isa)i;
            return 0;
        }
    return -1;
}

/* MP2_MAX_ISA: what one wants to use at most, whatever the CPU has. */
static int is_allowed(enum isa isa)
{
    const char *most = getenv("MP2_MAX_ISA");
    enum isa limit;

    return !most || isa_parse(most, &limit) != 0 || limit == ISA_AUTO || isa <= limit;
}

/* The compiler's check asks the system too: a set whose registers are not saved does not count. */
int isa_usable(enum isa isa)
{
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");

    if (!is_allowed(isa)) return 0;
    switch (isa) {
    case ISA_AVX512BF16: return avx512 && __builtin_cpu_supports("avx512bf16");
    case ISA_AVX512: return avx512;
    default: return avx2;
    }
}

status kernels_choose(enum isa isa, struct kernels *out)
{
    if (isa == ISA_AUTO)
        isa = isa_usable(ISA_AVX512BF16) ? ISA_AVX512BF16 : isa_usable(ISA_AVX512) ? ISA_AVX512 : ISA_AVX2;
    if (!isa_usable(isa))
        return fault(ST_INPUT, "this CPU cannot run the %s kernels%s%s", isa_name(isa),
                     isa == ISA_AVX2 ? "; AVX2 with FMA is the least mp2 needs" : "",
                     is_allowed(isa) ? "" : " as MP2_MAX_ISA limits it");
    switch (isa) {
    case ISA_AVX512BF16: kernels_avx512bf16(out); break;
    case ISA_AVX512: kernels_avx512(out); break;
    default: kernels_avx2(out); break;
    }
    out->isa = isa;
    return ST_OK;
}

struct dropout dropout_make(struct random_key key, double rate)
{
    double threshold = rate * 65536.0 + 0.5;
    uint32_t t = threshold >= 65535.0 ? 65535u : threshold >= 1.0 ? (uint32_t)threshold : 0u;

    return (struct dropout){key, t, (float)(65536.0 / (65536.0 - t))};
}
