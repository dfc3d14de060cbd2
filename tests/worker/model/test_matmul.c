/* Products against a double loop; weights that may only be read; rows outside of a call stay as they are. */
#include <math.h>
#include <string.h>
#include <sys/mman.h>

#include "cluster/base/memory.h"
#include "cluster/base/random.h"
#include "tests/support/support.h"
#include "worker/model/matmul.h"

enum { ROWS = 48 };

struct sums { float *x, *w, *bias, *y; uint16_t *x16; void *packed; size_t packed_bytes; };

static float bf16_value(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float x;

    memcpy(&x, &wide, sizeof x);
    return x;
}

/* Numbers that bf16 holds exactly, so that both types multiply the same. */
static void fill(float *x, int64_t n, uint32_t purpose)
{
    struct random_key key = random_derive(random_seed(7, RANDOM_INIT), purpose, 0, 0, 0);

    for (int64_t i = 0; i < n; i++) x[i] = (float)((int)random_below(key, (uint64_t)i, 255) - 127) / 64.0f;
}

/* Packed weights stand in pages of their own, which are made read-only. */
static void make(struct sums *s, const struct matmul *m, int product, int transposed)
{
    const struct matmul_spec *spec = matmul_product(m, product);
    struct kernels k;

    assert_int_equal(mem_alloc((size_t)(ROWS * spec->k), sizeof(float), &s->x), ST_OK);
    assert_int_equal(mem_alloc((size_t)(ROWS * spec->k), sizeof(uint16_t), &s->x16), ST_OK);
    assert_int_equal(mem_alloc((size_t)(spec->k * spec->n), sizeof(float), &s->w), ST_OK);
    assert_int_equal(mem_alloc((size_t)spec->n, sizeof(float), &s->bias), ST_OK);
    assert_int_equal(mem_alloc((size_t)(ROWS * spec->n), sizeof(float), &s->y), ST_OK);
    fill(s->x, ROWS * spec->k, 1);
    fill(s->w, spec->k * spec->n, 2);
    fill(s->bias, spec->n, 3);
    assert_int_equal(kernels_choose(ISA_AUTO, &k), ST_OK);
    k.to_bf16(ROWS * spec->k, s->x, s->x16);
    s->packed_bytes = matmul_packed_bytes(m, product);
    s->packed = mmap(NULL, s->packed_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(s->packed, MAP_FAILED);
    assert_int_equal(matmul_pack(m, product, s->w, transposed, s->packed), ST_OK);
    assert_int_equal(mprotect(s->packed, s->packed_bytes, PROT_READ), 0);
}

static void clear(struct sums *s)
{
    mem_free(s->x);
    mem_free(s->x16);
    mem_free(s->w);
    mem_free(s->bias);
    mem_free(s->y);
    munmap(s->packed, s->packed_bytes);
}

static double expected(const struct sums *s, const struct matmul_spec *spec, int transposed, int64_t row, int64_t col)
{
    double sum = spec->bias ? (double)s->bias[col] : 0;

    for (int64_t i = 0; i < spec->k; i++)
        sum += (double)s->x[row * spec->k + i] *
               (double)(transposed ? s->w[col * spec->k + i] : s->w[i * spec->n + col]);
    return sum;
}

static void check_product(const struct matmul *m, int product, int transposed, int64_t rows)
{
    const struct matmul_spec *spec = matmul_product(m, product);
    int64_t whole = (rows + MATMUL_GRAIN - 1) / MATMUL_GRAIN * MATMUL_GRAIN;
    struct sums s;

    make(&s, m, product, transposed);
    for (int64_t i = 0; i < ROWS * spec->n; i++) s.y[i] = 77.0f;
    assert_int_equal(matmul_run(m, product, 0, rows, spec->in == NUMBER_BF16 ? (void *)s.x16 : (void *)s.x, s.packed,
                                s.bias, s.y), ST_OK);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t col = 0; col < spec->n; col++) {
            double e = expected(&s, spec, transposed, row, col);
            double y = spec->out == NUMBER_BF16 ? bf16_value(((uint16_t *)(void *)s.y)[row * spec->n + col])
                                                : s.y[row * spec->n + col];
            double room = spec->out == NUMBER_BF16 ? 0x1p-8 * fabs(e) + 1e-4 : 1e-4;

            assert_true(fabs(y - e) <= room);
        }
    if (spec->out == NUMBER_F32)
        for (int64_t i = whole * spec->n; i < ROWS * spec->n; i++) assert_true(s.y[i] == 77.0f);
    clear(&s);
}

static void check_engine(enum matmul_engine engine, const struct matmul_spec *specs, int count)
{
    struct matmul *m;

    assert_int_equal(matmul_new(engine, specs, count, 1, &m), ST_OK);
    print_message("%s\n", matmul_about(m));
    for (int p = 0; p < count; p++)
        for (int transposed = 0; transposed < 2; transposed++) {
            check_product(m, p, transposed, 1);
            check_product(m, p, transposed, 16);
            check_product(m, p, transposed, 29);
            check_product(m, p, transposed, 48);
        }
    matmul_destroy(&m);
    assert_null(m);
}

static const struct matmul_spec f32_specs[] = {{64, 192, NUMBER_F32, NUMBER_F32, 1}, {48, 40, NUMBER_F32, NUMBER_F32, 0},
                                               {17, 31, NUMBER_F32, NUMBER_F32, 1}};
static const struct matmul_spec bf16_specs[] = {{64, 192, NUMBER_BF16, NUMBER_BF16, 1},
                                                {48, 40, NUMBER_BF16, NUMBER_F32, 0},
                                                {17, 31, NUMBER_BF16, NUMBER_F32, 1}};

static void test_onednn_f32(void **state)
{
    (void)state;
    check_engine(ENGINE_ONEDNN, f32_specs, 3);
}

static void test_openblas(void **state)
{
    struct matmul *m;

    (void)state;
    check_engine(ENGINE_OPENBLAS, f32_specs, 3);
    assert_int_equal(matmul_new(ENGINE_OPENBLAS, bf16_specs, 3, 1, &m), ST_INPUT);
    assert_null(m);
}

static void test_onednn_bf16(void **state)
{
    struct matmul *m;

    (void)state;
    if (matmul_has_bf16()) {
        check_engine(ENGINE_ONEDNN, bf16_specs, 3);
        return;
    }
    assert_int_equal(matmul_new(ENGINE_ONEDNN, bf16_specs, 3, 1, &m), ST_INPUT);
    print_message("skipped: this CPU has no AVX-512 BF16\n");
    skip();
}

static void test_check(void **state)
{
    static const struct matmul_spec specs[] = {{256, 768, NUMBER_F32, NUMBER_F32, 1},
                                               {1024, 256, NUMBER_F32, NUMBER_F32, 0}};
    enum matmul_exact exact;
    struct pool *pool;
    struct matmul *m;

    (void)state;
    assert_int_equal(pool_new(2, &pool), ST_OK);
    for (int engine = ENGINE_ONEDNN; engine <= ENGINE_OPENBLAS; engine++) {
        assert_int_equal(matmul_new((enum matmul_engine)engine, specs, 2, 2, &m), ST_OK);
        assert_int_equal(matmul_check(m, pool, &exact), ST_OK);
        print_message("%s: %s\n", matmul_about(m), (const char *[]){"rows", "examples", "nothing"}[exact]);
        assert_int_not_equal(exact, EXACT_NONE);
        matmul_destroy(&m);
    }
    pool_destroy(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_onednn_f32), cmocka_unit_test(test_openblas), cmocka_unit_test(test_onednn_bf16),
        cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
