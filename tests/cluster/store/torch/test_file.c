/* The restricted unpickler: what torch writes is read (test_source.c has real files), everything else is refused by
 * name. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/store/torch/file.h"
#include "tests/support/zip.h"

static struct test_zip zip;
static const float numbers[6] = {1, 2, 3, 4, 5, 6};

/* clang-format off */
#define P2 "\x80\x02"
#define OD "ccollections\nOrderedDict\n)R"
#define STORAGE(type, key, count) "(X\x07\0\0\0storagectorch\n" type "\nX\x01\0\0\0" key "X\x03\0\0\0" "cpuK" count "tQ"
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"
#define TENSOR(storage, offset, size, stride) REBUILD "(" storage "K" offset size stride "\x89" OD "tR"
#define ONE(tensor) P2 "}X\x01\0\0\0a" tensor "s."
#define PICKLE(text) text, sizeof text - 1

static status open_pickle(const void *pickle, size_t n, struct torch_file *file)
{
    test_zip_init(&zip);
    test_zip_add(&zip, "archive/data.pkl", pickle, n);
    test_zip_add(&zip, "archive/byteorder", "little", 6);
    test_zip_add(&zip, "archive/data/0", numbers, sizeof numbers);
    test_zip_end(&zip, 0);
    return torch_open_bytes("x.bin", zip.bytes, zip.size, file);
}

static status try_pickle(const void *pickle, size_t n)
{
    struct torch_file file;
    status s = open_pickle(pickle, n, &file);

    torch_close(&file);
    return s;
}

static void test_values(void **state)
{
    static const char pickle[] = P2 "}(X\x01\0\0\0iJ\xff\xff\xff\xffX\x01\0\0\0lM\x01\x02X\x01\0\0\0b\x8a\x03\0\0\x80"
        "X\x01\0\0\0rG\x3f\xf8\0\0\0\0\0\0X\x01\0\0\0t\x88\x89N\x87X\x01\0\0\0s](X\x02\0\0\0hiq\x05h\x05" "e"
        "X\x01\0\0\0d}K\x07K\x08sK\x03]u.";
    const struct torch_value *v;
    struct torch_file file;

    (void)state;
    assert_int_equal(open_pickle(pickle, sizeof pickle - 1, &file), ST_OK);
    assert_int_equal(torch_get(file.root, "i")->as.integer, -1);
    assert_int_equal(torch_get(file.root, "l")->as.integer, 0x201);
    assert_int_equal(torch_get(file.root, "b")->as.integer, -0x800000);
    assert_true(torch_get(file.root, "r")->as.real == 1.5);
    v = torch_get(file.root, "t");
    assert_true(v->kind == TORCH_TUPLE && v->count == 3 && v->as.items[0]->as.integer == 1 && v->as.items[2]->kind == TORCH_NONE);
    v = torch_get(file.root, "s");
    assert_true(v->kind == TORCH_LIST && v->count == 2);
    assert_string_equal(v->as.items[1]->as.text, "hi");
    assert_int_equal(torch_get_int(torch_get(file.root, "d"), 7)->as.integer, 8);
    assert_int_equal(torch_get_int(file.root, 3)->kind, TORCH_LIST);
    assert_null(torch_get(file.root, "x"));
    assert_null(torch_get(torch_get(file.root, "x"), "y"));
    torch_close(&file);
    torch_close(&file);
}

static void test_tensors(void **state)
{
    static const char plain[] = ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\x01", "K\x02K\x02\x86", "K\x01K\x03\x86"));
    static const char parameter[] = ONE("ctorch._utils\n_rebuild_parameter\n(" TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\0",
                                        "K\x05\x85", "K\0\x85") "\x88" OD "tR");
    const struct tensor *t;
    struct torch_file file;
    float out[5];

    (void)state;
    assert_int_equal(open_pickle(plain, sizeof plain - 1, &file), ST_OK);
    t = torch_get(file.root, "a")->as.tensor;
    assert_int_equal(tensor_read_f32("x", t, 0, 4, out), ST_OK);
    assert_true(out[0] == 2 && out[1] == 5 && out[2] == 3 && out[3] == 6);
    assert_int_equal(t->bytes, 5 * 4);
    torch_close(&file);
    assert_int_equal(open_pickle(parameter, sizeof parameter - 1, &file), ST_OK);
    t = torch_get(file.root, "a")->as.tensor;
    assert_int_equal(tensor_read_f32("x", t, 0, 5, out), ST_OK);
    assert_true(out[0] == 1 && out[4] == 1);                       /* an expanded view */
    torch_close(&file);
}

/* Good or bad, and what stands in the way. */
static const struct { const char *bytes; size_t size; } refused[] = {
    {PICKLE("")},
    {PICKLE("}.")},                                                  /* no protocol */
    {PICKLE("\x80\x01}.")}, {PICKLE("\x80\x06}.")},
    {PICKLE(P2 "}")},                                                /* no end */
    {PICKLE(P2 ".")}, {PICKLE(P2 "}}.")}, {PICKLE(P2 "(}.")},        /* nothing or too much left */
    {PICKLE(P2 "cposix\nsystem\n.")},
    {PICKLE(P2 "cposix\nsystem\n(X\x02\0\0\0lstR.")},
    {PICKLE(P2 "(X\x02\0\0\0lsiposix\nsystem\n.")},
    {PICKLE(P2 "(icollections\nOrderedDict\n.")},
    {PICKLE("\x80\x04\x8c\x08" "builtins\x8c\x04" "eval\x93\x8c\x01" "1\x85R.")},
    {PICKLE(P2 "ctorch\nload\n.")}, {PICKLE(P2 "ctorch._utils\n_rebuild_tensor_v3\n.")},
    {PICKLE(P2 "ccollections\nOrderedDict.x\n.")}, {PICKLE(P2 "ccollections.OrderedDict\n\n.")},
    {PICKLE(P2 "cno newline")},
    {PICKLE(P2 "K\x01K\x02\x93.")},                                  /* a name of numbers */
    {PICKLE(P2 "K\x01)R.")}, {PICKLE(P2 "ccollections\nOrderedDict\nK\x01R.")},
    {PICKLE(P2 "ccollections\nOrderedDict\n](\x85R.")},              /* OrderedDict with arguments */
    {PICKLE(P2 "ctorch\nFloatStorage\n)R.")},
    {PICKLE(P2 "\x81.")}, {PICKLE(P2 "o.")}, {PICKLE(P2 "\x82\x01.")}, {PICKLE(P2 "P1\n.")}, {PICKLE(P2 "I1\n.")},
    {PICKLE(P2 "0.")}, {PICKLE(P2 "2.")}, {PICKLE(P2 "\xff.")},
    {PICKLE(P2 "s.")}, {PICKLE(P2 "u.")}, {PICKLE(P2 "t.")}, {PICKLE(P2 "\x87.")}, {PICKLE(P2 "R.")}, {PICKLE(P2 "Q.")},
    {PICKLE(P2 "b.")}, {PICKLE(P2 "}b.")}, {PICKLE(P2 "K\x01}b.")}, {PICKLE(P2 "}K\x01" "b.")},
    {PICKLE(P2 "}K\x01s.")}, {PICKLE(P2 "](K\x01u.")}, {PICKLE(P2 "}(K\x01u.")}, {PICKLE(P2 "}K\x01" "a.")},
    {PICKLE(P2 "}NNs.")}, {PICKLE(P2 "}G\0\0\0\0\0\0\0\0Ns.")},     /* keys of other kinds */
    {PICKLE(P2 "}(K\x01NK\x01Nu.")}, {PICKLE(P2 "}(X\x01\0\0\0aNX\x01\0\0\0aNu.")},   /* keys twice */
    {PICKLE(P2 "(K\x01(tK\x02\x86.")},                               /* below a mark */
    {PICKLE(P2 "h\x01.")}, {PICKLE(P2 "j\xff\xff\xff\xff.")}, {PICKLE(P2 "}r\xff\xff\xff\xff.")}, {PICKLE(P2 "q\x01.")},
    {PICKLE(P2 "X\xff\xff\xff\xff" "a.")}, {PICKLE("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff" "a.")},
    {PICKLE(P2 "X\x03\0\0\0a\0b.")}, {PICKLE(P2 "\x8a\x09" "123456789.")}, {PICKLE(P2 "G\0\0.")}, {PICKLE(P2 "J\0\0.")},
    {PICKLE("\x80\x04\x95\0\0.")},
    /* storages */
    {PICKLE(ONE(STORAGE("FloatStorage", "1", "\x06")))},             /* no such entry */
    {PICKLE(ONE(STORAGE("FloatStorage", "0", "\x05")))},             /* entry of another size */
    {PICKLE(ONE(STORAGE("DoubleStorage", "0", "\x06")))},
    {PICKLE(ONE(STORAGE("UntypedStorage", "0", "\x06")))},
    {PICKLE(P2 "X\x01\0\0\0" "0Q.")}, {PICKLE(P2 "(X\x07\0\0\0storagetQ.")},
    {PICKLE(P2 "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" "0X\x03\0\0\0cpu\x8a\x08\0\0\0\0\0\0\0\x40tQ.")},
    /* tensors */
    {PICKLE(ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\0", "K\x07\x85", "K\x01\x85")))},
    {PICKLE(ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\x01", "K\x06\x85", "K\x01\x85")))},
    {PICKLE(ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\x07", "K\0\x85", "K\x01\x85")))},
    {PICKLE(ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\0", "K\x02\x85", "K\x06\x85")))},
    {PICKLE(ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\0", "K\x02\x85", "J\xff\xff\xff\xff\x85")))},
    {PICKLE(ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\0", "J\xff\xff\xff\xff\x85", "K\x01\x85")))},
    {PICKLE(ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\0", "K\x02K\x02\x86", "K\x01\x85")))},
    {PICKLE(ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\0", "K\x02", "K\x01")))},
    {PICKLE(ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\0", "K\x02\x8a\x08\0\0\0\0\0\0\0\x40\x86", "K\0K\0\x86")))},
    {PICKLE(ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\0", "K\x03\x85", "\x8a\x08\0\0\0\0\0\0\0\x40\x85")))},
    {PICKLE(ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t")))},
    {PICKLE(ONE(REBUILD "(tR"))}, {PICKLE(ONE(REBUILD "(K\0K\0))tR"))},
    {PICKLE(ONE("ctorch._utils\n_rebuild_parameter\n(K\x01tR"))}, {PICKLE(ONE("ctorch\nSize\n(K\x01tR"))},
    {PICKLE(ONE(REBUILD "(" STORAGE("FloatStorage", "0", "\x06") "K\0K\x06\x85K\x01\x85\x89}K\x01K\x02stR"))},   /* hooks */
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (try_pickle(refused[i].bytes, refused[i].size) != ST_INPUT)
            fail_msg("accepted number %zu: %.60s", i, refused[i].bytes);
}

/* A pickle of few bytes that asks for much: 2^22 values are the end; so are 16 MiB of pickle. */
static void test_bounds(void **state)
{
    size_t room = 18 << 20, n = 3;
    char *pickle = malloc(room);
    struct test_zip *big = &zip;
    unsigned char *file;
    struct torch_file out;

    (void)state;
    assert_non_null(pickle);
    memcpy(pickle, P2 "]", 3);
    memset(pickle + n, '}', 5 << 20);
    n += 5 << 20;
    pickle[n++] = '.';
    test_zip_init(big);
    file = calloc(1, room + 4096);
    assert_non_null(file);
    for (int i = 0; i < 2; i++) {
        size_t size = i == 0 ? n : (size_t)17 << 20, at = 30 + 10 + size;

        memcpy(file, "PK\3\4", 4);
        file[26] = 10;
        memcpy(file + 30, "a/data.pkl", 10);
        memcpy(file + 40, pickle, n < size ? n : size);
        memset(file + at, 0, 46 + 10 + 22);
        memcpy(file + at, "PK\1\2", 4);
        for (int b = 0; b < 4; b++) file[at + 20 + (size_t)b] = file[at + 24 + (size_t)b] = (unsigned char)(size >> (8 * b));
        file[at + 28] = 10;
        memcpy(file + at + 46, "a/data.pkl", 10);
        memcpy(file + at + 56, "PK\5\6", 4);
        file[at + 56 + 8] = file[at + 56 + 10] = 1;
        file[at + 56 + 12] = 56;
        for (int b = 0; b < 4; b++) file[at + 56 + 16 + (size_t)b] = (unsigned char)(at >> (8 * b));
        assert_int_equal(torch_open_bytes("x.bin", file, at + 78, &out), ST_INPUT);
    }
    free(pickle);
    free(file);
}

/* ---- the zip around it ------------------------------------------------------------------------------------------- */

static void build(int zip64)
{
    static const char pickle[] = ONE(TENSOR(STORAGE("FloatStorage", "0", "\x06"), "\0", "K\x06\x85", "K\x01\x85"));

    test_zip_init(&zip);
    test_zip_add(&zip, "m/data.pkl", pickle, sizeof pickle - 1);
    test_zip_add(&zip, "m/data/0", numbers, sizeof numbers);
    test_zip_end(&zip, zip64);
}

static status try_zip(void)
{
    struct torch_file file;
    status s = torch_open_bytes("x.bin", zip.bytes, zip.size, &file);

    torch_close(&file);
    return s;
}

static void test_zip_forms(void **state)
{
    size_t whole;

    (void)state;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        build(zip64);
        assert_int_equal(try_zip(), ST_OK);
        whole = zip.size;
        for (zip.size = 0; zip.size < whole; zip.size++) assert_int_equal(try_zip(), ST_INPUT);
        memmove(zip.bytes + 3, zip.bytes, whole);                      /* something in front */
        zip.size = whole + 3;
        assert_int_equal(try_zip(), ST_INPUT);
        build(zip64);
        zip.bytes[zip.size++] = 0;                                      /* something after */
        assert_int_equal(try_zip(), ST_INPUT);
    }
}

/* One byte of the last entry's directory record (at `at`, in the directory) another: compressed, encrypted, elsewhere
 * … */
static void test_zip_fields(void **state)
{
    static const struct { size_t at; unsigned char value; } changes[] = {
        {0, 'Q'}, {8, 1}, {8, 0x40}, {10, 8}, {10, 99}, {20, 23}, {24, 25}, {26, 1}, {28, 7}, {29, 1}, {30, 1}, {32, 1},
        {42, 0}, {43, 1}, {44, 1}, {46, 'n'}};

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        size_t directory;

        build(0);
        directory = zip.size - 22 - zip.directory_size;
        zip.bytes[directory + zip.last + changes[i].at] = changes[i].value;
        if (try_zip() != ST_INPUT) fail_msg("accepted change %zu", i);
    }
    test_zip_init(&zip);
    test_zip_end(&zip, 0);
    assert_int_equal(try_zip(), ST_INPUT);
}

static void test_zip_entries(void **state)
{
    static const char pickle[] = P2 "}.";

    (void)state;
    for (int i = 0; i < 6; i++) {
        test_zip_init(&zip);
        test_zip_add(&zip, i == 0 ? "data.pkl" : i == 1 ? "a/b/data.pkl" : "a/data.pkl", pickle, sizeof pickle - 1);
        if (i == 2) test_zip_add(&zip, "b/data.pkl", pickle, sizeof pickle - 1);
        if (i == 3) test_zip_add(&zip, "a/data.pkl", pickle, sizeof pickle - 1);
        if (i == 4) test_zip_add(&zip, "a/byteorder", "big", 3);
        test_zip_end(&zip, 0);
        assert_int_equal(try_zip(), i == 5 ? ST_OK : ST_INPUT);
    }
}

static void test_other_files(void **state)
{
    static const unsigned char old[40] = {0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
    struct torch_file file;

    (void)state;
    assert_int_equal(torch_open_bytes("x", old, sizeof old, &file), ST_INPUT);
    assert_int_equal(torch_open_bytes("x", "", 0, &file), ST_INPUT);
    assert_int_equal(torch_open_bytes("x", "PK\5\6", 4, &file), ST_INPUT);
    assert_int_equal(torch_open("/nowhere", &file), ST_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_tensors), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_zip_forms), cmocka_unit_test(test_zip_fields),
        cmocka_unit_test(test_zip_entries), cmocka_unit_test(test_other_files)};

    log_init('-', -1, getenv("VERBOSE") ? LOG_WARN : LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
