/* What is written is read back; the header is the Rust library's; every kind of bad file is refused. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/store/safetensors.h"

static const float weights[6] = {1, 2, 3, 4, 5, 6};
static const int64_t ids[2] = {7, -8};

static const struct tensor_spec specs[] = {
    {"ids", TENSOR_I64, 1, {2}}, {"b.weight", TENSOR_F32, 2, {2, 3}}, {"none", TENSOR_F32, 2, {0, 5}}};
static const struct safetensors_text texts[] = {{"format", "pt"}, {"who \"?\"", "mp2"}};
static const void *const contents[] = {ids, weights, ""};

static void test_there_and_back(void **state)
{
    char folder[256], path[512];
    struct safetensors file;
    const struct tensor *t;
    float out[6];
    int64_t whole[2];

    (void)state;
    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/a.safetensors", folder);
    assert_int_equal(safetensors_write(path, specs, 3, texts, 2, contents), ST_OK);
    assert_int_equal(safetensors_open(path, &file), ST_OK);
    assert_int_equal(file.count, 3);
    assert_string_equal(file.tensors[0].name, "b.weight");
    assert_string_equal(safetensors_metadata(&file, "who \"?\""), "mp2");
    assert_null(safetensors_metadata(&file, "who"));
    assert_null(safetensors_find(&file, "b"));
    assert_int_equal(safetensors_expect(&file, "b.weight", TENSOR_TYPE_COUNT, 2, (int64_t[]){-1, 3}, &t), ST_OK);
    assert_int_equal(tensor_read_f32(path, t, 0, 6, out), ST_OK);
    assert_memory_equal(out, weights, sizeof out);
    assert_int_equal(safetensors_expect(&file, "b.weight", TENSOR_F32, 2, (int64_t[]){3, 2}, &t), ST_INPUT);
    assert_int_equal(safetensors_expect(&file, "b.weight", TENSOR_F16, 2, (int64_t[]){2, 3}, &t), ST_INPUT);
    assert_int_equal(safetensors_expect(&file, "c", TENSOR_F32, 1, (int64_t[]){1}, &t), ST_INPUT);
    assert_int_equal(tensor_read_i64(path, safetensors_find(&file, "ids"), 0, 2, whole), ST_OK);
    assert_memory_equal(whole, ids, sizeof whole);
    assert_int_equal(safetensors_find(&file, "none")->count, 0);
    safetensors_close(&file);
    safetensors_close(&file);
    test_folder_remove(folder);
}

/* The bytes that safetensors 0.8 (Rust) writes for {"w": F32 [1,2]} with metadata {"format": "pt"}. */
static void test_rust_header(void **state)
{
    static const char expected[] =
        "\x58\0\0\0\0\0\0\0"
        "{\"__metadata__\":{\"format\":\"pt\"},\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}} ";
    struct tensor_spec spec = {"w", TENSOR_F32, 2, {1, 2}};
    struct safetensors_layout layout;

    (void)state;
    assert_int_equal(safetensors_layout_make(&spec, 1, texts, 1, &layout), ST_OK);
    assert_int_equal(layout.header_bytes, 8 + 0x58);
    assert_memory_equal(layout.header, expected, layout.header_bytes);
    assert_int_equal(layout.offset[0], 8 + 0x58);
    assert_int_equal(layout.file_bytes, 8 + 0x58 + 8);
    safetensors_layout_free(&layout);
}

static void test_bad_specs(void **state)
{
    struct tensor_spec twice[] = {{"w", TENSOR_F32, 1, {2}}, {"w", TENSOR_F32, 1, {2}}};
    struct tensor_spec huge = {"w", TENSOR_F64, 2, {INT64_MAX / 8, 2}}, name = {"\xff", TENSOR_F32, 1, {1}};
    struct safetensors_layout layout;

    (void)state;
    assert_int_equal(safetensors_layout_make(twice, 2, NULL, 0, &layout), ST_INPUT);
    assert_int_equal(safetensors_layout_make(&huge, 1, NULL, 0, &layout), ST_INPUT);
    assert_int_equal(safetensors_layout_make(&name, 1, NULL, 0, &layout), ST_INPUT);
    assert_int_equal(safetensors_write("/nowhere/at/all", specs, 3, texts, 2, contents), ST_IO);
}

/* Headers over 8 bytes of data that must be refused, and why. */
static const char *const refused[] = {
    "",    /* no object */
    " {}", /* must start with { */
    "{",   /* no JSON */
    "{}",  /* 8 bytes of nobody */
    "{}x",
    "{\"a\":[1]}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", /* no offsets */
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"more\":1}}",
    "{\"a\":{\"dtype\":\"Q7\",\"shape\":[2],\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", /* rank 9 */
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,16]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", /* beyond the end */
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,18446744073709551616]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}}", /* 2^64 elements */
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",  /* bytes overflow */
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", /* 4 bytes after the end */
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", /* hole at the start */
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", /* overlap */
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
    "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", /* key twice */
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
    "\"\\u0061\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", /* the same, disguised */
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,8]}}",
    "{\"__metadata__\":[],\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
    "{\"__metadata__\":{\"k\":1},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
    "{\"a\\u0000\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
    "{\"\xff\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
};

static size_t build(const char *header, uint64_t length, unsigned char *out)
{
    size_t n = strlen(header);

    for (int i = 0; i < 8; i++) out[i] = (unsigned char)(length >> (8 * i));
    memcpy(out + 8, header, n);
    memset(out + 8 + n, 0, 8);
    return 8 + n + 8;
}

static void test_refusals(void **state)
{
    static const char good[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    unsigned char bytes[2048];
    struct safetensors file;
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        n = build(refused[i], strlen(refused[i]), bytes);
        if (safetensors_open_bytes("x", bytes, n, &file) != ST_INPUT) fail_msg("accepted: %s", refused[i]);
    }
    n = build(good, strlen(good), bytes);
    assert_int_equal(safetensors_open_bytes("x", bytes, n, &file), ST_OK);
    safetensors_close(&file);
    for (size_t cut = 0; cut < n; cut++) assert_int_equal(safetensors_open_bytes("x", bytes, cut, &file), ST_INPUT);
    for (int bit = 16; bit < 64; bit++) { /* header lengths up to 2^63 */
        build(good, strlen(good) + ((uint64_t)1 << bit), bytes);
        assert_int_equal(safetensors_open_bytes("x", bytes, n, &file), ST_INPUT);
    }
    assert_int_equal(safetensors_open("/nowhere", &file), ST_INPUT);
    assert_int_equal(safetensors_open("/tmp", &file), ST_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_rust_header),
                                       cmocka_unit_test(test_bad_specs), cmocka_unit_test(test_refusals)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
