/* Number conversions against their definitions, and reading through strides against naive indexing. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/store/tensor.h"

/* All 65,536 halves go to float and come back; the float is what the format's definition says. */
static void test_f16_exact(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        int exponent = (int)(h >> 10 & 31), mantissa = (int)(h & 0x3ff);
        float x = tensor_from_f16((uint16_t)h);

        if (exponent == 31 && mantissa) {
            assert_true(isnan(x) && isnan(tensor_from_f16(tensor_f16(x))));
            continue;
        }
        if (exponent == 31) assert_true(isinf(x));
        else assert_true(fabs((double)x) == (exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24)));
        assert_int_equal(signbit(x) != 0, h >> 15);
        assert_int_equal(tensor_f16(x), h);
    }
}

/* Between two neighbouring halves: below the middle down, above up, the middle to the even one. */
static void test_f16_rounding(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float low = tensor_from_f16((uint16_t)h), high = tensor_from_f16((uint16_t)(h + 1)), middle = (low + high) / 2;

        assert_int_equal(tensor_f16(middle), h & 1 ? h + 1 : h);
        assert_int_equal(tensor_f16(nextafterf(middle, 0)), h);
        assert_int_equal(tensor_f16(-nextafterf(middle, 1e9f)), 0x8000 | (h + 1));
    }
    assert_int_equal(tensor_f16(65519.996f), 0x7bff);
    assert_int_equal(tensor_f16(65520.0f), 0x7c00);
    assert_int_equal(tensor_f16(1e-30f), 0);
}

static void test_bf16(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float x = tensor_from_bf16((uint16_t)h);
        if (isnan(x)) assert_true(isnan(tensor_from_bf16(tensor_bf16(x))));
        else assert_int_equal(tensor_bf16(x), h);
    }
    assert_int_equal(tensor_bf16(1.00390625f), 0x3f80); /* 1 + 2^-8: the middle, to even */
    assert_int_equal(tensor_bf16(1.01171875f), 0x3f82); /* 1 + 3 * 2^-8 */
    assert_int_equal(tensor_bf16(1.003906369f), 0x3f81);
    assert_int_equal(tensor_bf16(3.4e38f), 0x7f80);
}

static void test_strides(void **state)
{
    float data[64], out[24];
    struct tensor t = {.name = "t",
                       .type = TENSOR_F32,
                       .rank = 3,
                       .shape = {2, 3, 4},
                       .stride = {3, 1, 6},
                       .count = 24,
                       .data = (const unsigned char *)(data + 5)};

    (void)state;
    for (int i = 0; i < 64; i++) data[i] = (float)i;
    for (int64_t first = 0; first < 24; first++)
        for (int64_t count = 0; count <= 24 - first; count++) {
            assert_int_equal(tensor_read_f32("x", &t, first, count, out), ST_OK);
            for (int64_t i = 0; i < count; i++) {
                int64_t n = first + i, at = 5 + n / 12 * 3 + n / 4 % 3 + n % 4 * 6;

                assert_true(out[i] == (float)at);
            }
        }
    t.stride[2] = 0; /* an expanded view */
    assert_int_equal(tensor_read_f32("x", &t, 0, 24, out), ST_OK);
    assert_true(out[3] == 5 && out[23] == 10);
    assert_int_equal(tensor_read_f32("x", &t, 1, 24, out), ST_INPUT);
    assert_int_equal(tensor_read_f32("x", &t, -1, 2, out), ST_INPUT);
}

static void test_types(void **state)
{
    double wide[2] = {1 + 0x1p-24, 1 + 3 * 0x1p-24}; /* both ties: down to even, up to even */
    int64_t whole[2];
    float out[2];
    struct tensor t = {.name = "t", .type = TENSOR_F64, .rank = 1, .shape = {2}, .data = (const unsigned char *)wide};
    enum tensor_type type;

    (void)state;
    assert_true(tensor_set_row_major(&t));
    assert_int_equal(tensor_read_f32("x", &t, 0, 2, out), ST_OK);
    assert_true(out[0] == 1.0f && out[1] == 1.0f + 0x1p-22f);
    t.type = TENSOR_I64;
    assert_int_equal(tensor_read_f32("x", &t, 0, 2, out), ST_INPUT);
    assert_int_equal(tensor_read_i64("x", &t, 0, 2, whole), ST_OK);
    assert_memory_equal(whole, wide, 16);
    assert_true(tensor_type_find("BF16", &type) && type == TENSOR_BF16);
    assert_false(tensor_type_find("F4", &type));
    t = (struct tensor){.rank = 3, .shape = {0, INT64_MAX, 2}};
    assert_false(tensor_set_row_major(&t));
    t = (struct tensor){.rank = 0};
    assert_true(tensor_set_row_major(&t) && t.count == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_f16_exact), cmocka_unit_test(test_f16_rounding),
                                       cmocka_unit_test(test_bf16), cmocka_unit_test(test_strides),
                                       cmocka_unit_test(test_types)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
