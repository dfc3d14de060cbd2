/* Products against a double loop; weights that may only be read; rows outside of a call stay as they are. */
#include <math.h>
#include <string.h>
#include <sys/mman.h>

#include "cluster/base/memory.h"
#include "cluster/base/random.h"
#include "tests/support/support.h"
#include "worker/model/matmul.h"

enum { ROWS = 48 };

struct sums {
    float *x, *w, *bias, *y;
    uint16_t *x16;
    void *packed;
    size_t packed_weights_bytes;
};

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
    s->packed_weights_bytes = matmul_packed_bytes(m, product);
    s->packed = mmap(NULL, s->packed_weights_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(s->packed, MAP_FAILED);
    assert_int_equal(matmul_pack(m, product, s->w, transposed, s->packed), ST_OK);
    assert_int_equal(mprotect(s->packed, s->packed_weights_bytes, PROT_READ), 0);
}

static void clear(struct sums *s)
{
    mem_free(s->x);
    mem_free(s->x16);
    mem_free(s->w);
    mem_free(s->bias);
    mem_free(s->y);
    munmap(s->packed, s->packed_weights_bytes);
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
    assert_int_equal(
        matmul_run(m, product, 0, rows, spec->in == NUMBER_BF16 ? (void *)s.x16 : (void *)s.x, s.packed, s.bias, s.y),
        ST_OK);
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

#define SPECS(type, mixed)                                                                                     \
    {                                                                                                          \
        {.k = 64, .n = 192, .in = type, .out = type, .bias = 1}, {.k = 48, .n = 40, .in = type, .out = mixed}, \
        {                                                                                                      \
            .k = 17, .n = 31, .in = type, .out = mixed, .bias = 1                                              \
        }                                                                                                      \
    }

static const struct matmul_spec f32_specs[] = SPECS(NUMBER_F32, NUMBER_F32);
static const struct matmul_spec bf16_specs[] = SPECS(NUMBER_BF16, NUMBER_F32);

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
    test_skip_part("this CPU has no AVX-512 BF16");
}

/* dW = dY^T X: dY's columns stand in wider rows, W is plain, Y keeps what lies beyond the product's rows and columns.
 */
static void check_weight(enum matmul_engine engine, enum number type, int64_t rows, int64_t k, int64_t n)
{
    enum { LD_X = 300, LD_Y = 40, SKIP = 8 };
    const struct matmul_spec spec = {.k = k,
                                     .n = n,
                                     .in = type,
                                     .out = NUMBER_F32,
                                     .ld_x = LD_X,
                                     .ld_y = LD_Y,
                                     .rows = rows,
                                     .x_columns = 1,
                                     .w_plain = 1};
    float *x, *w, *y;
    uint16_t *x16, *w16;
    struct kernels kernels;
    struct matmul *m;

    assert_int_equal(mem_alloc((size_t)(k * LD_X), sizeof *x, &x), ST_OK);
    assert_int_equal(mem_alloc((size_t)(k * LD_X), sizeof *x16, &x16), ST_OK);
    assert_int_equal(mem_alloc((size_t)(k * n), sizeof *w, &w), ST_OK);
    assert_int_equal(mem_alloc((size_t)(k * n), sizeof *w16, &w16), ST_OK);
    assert_int_equal(mem_alloc((size_t)((rows + 1) * LD_Y), sizeof *y, &y), ST_OK);
    fill(x, k * LD_X, 5);
    fill(w, k * n, 6);
    assert_int_equal(kernels_choose(ISA_AUTO, &kernels), ST_OK);
    kernels.to_bf16(k * LD_X, x, x16);
    kernels.to_bf16(k * n, w, w16);
    for (int64_t i = 0; i < (rows + 1) * LD_Y; i++) y[i] = 77.0f;
    assert_int_equal(matmul_new(engine, &spec, 1, 1, &m), ST_OK);
    assert_int_equal(matmul_packed_bytes(m, 0), 0);
    for (int64_t first = 0; first < rows; first += MATMUL_ROWS) {
        int64_t part = rows - first < MATMUL_ROWS ? rows - first : MATMUL_ROWS;
        const void *from = type == NUMBER_BF16 ? (void *)(x16 + SKIP + first) : (void *)(x + SKIP + first);

        assert_int_equal(
            matmul_run(m, 0, 0, part, from, type == NUMBER_BF16 ? (void *)w16 : (void *)w, NULL, y + first * LD_Y),
            ST_OK);
    }
    for (int64_t i = 0; i < (rows + 1) * LD_Y; i++) {
        double sum = 0;

        for (int64_t j = 0; j < k && i % LD_Y < n; j++)
            sum += (double)x[j * LD_X + SKIP + i / LD_Y] * (double)w[j * n + i % LD_Y];
        if (i % LD_Y >= n || i / LD_Y >= rows) assert_true(y[i] == 77.0f);
        else assert_true(fabs((double)y[i] - sum) <= 1e-3);
    }
    matmul_destroy(&m);
    mem_free(x);
    mem_free(x16);
    mem_free(w);
    mem_free(w16);
    mem_free(y);
}

static void test_weights(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        if (i == 2 && !matmul_has_bf16()) {
            test_skip_part("this CPU has no AVX-512 BF16");
            continue;
        }
        for (int64_t rows = 5; rows <= 292; rows += 41)
            check_weight(i == 1 ? ENGINE_OPENBLAS : ENGINE_ONEDNN, i == 2 ? NUMBER_BF16 : NUMBER_F32, rows, 33, 37);
    }
}

static void test_check(void **state)
{
    static const struct matmul_spec specs[] = {{.k = 256, .n = 768, .in = NUMBER_F32, .out = NUMBER_F32, .bias = 1},
                                               {.k = 1024, .n = 256, .in = NUMBER_F32, .out = NUMBER_F32, .bias = 0}};
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
        cmocka_unit_test(test_weights),    cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
