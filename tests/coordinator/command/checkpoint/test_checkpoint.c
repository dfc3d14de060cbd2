/* mp2 checkpoint info, verify and diff, as a user calls them. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/store/checkpoint.h"

static struct comm comm;

static void write_run(const char *run, uint64_t step, float change)
{
    float a[2 * 3 * 4], z[5] = {1, 2, 3, 4, 5};
    struct state state = {.kind = "pretrain", .step = step, .seed = 42, .precision = "bf16"};
    struct checkpoint_tensor tensors[2] = {
        {.file = "prompts.safetensors", .spec = {"A", TENSOR_F32, 3, {2, 3, 4}}, .part = part_whole(24, a)},
        {.file = "prompts.safetensors", .spec = {"z", TENSOR_F32, 1, {5}}, .part = part_whole(5, z)},
    };

    for (int i = 0; i < 24; i++) a[i] = (float)i;
    a[7] += change;
    a[18] += 2 * change;
    assert_int_equal(checkpoint_write(&comm, run, &state, tensors, 2), ST_OK);
}

static void test_commands(void **unused)
{
    char folder[256], a[300], b[300], out[8192], sum[256], path[400];
    int fd;

    (void)unused;
    test_folder(folder, sizeof folder);
    snprintf(a, sizeof a, "%s/a", folder);
    snprintf(b, sizeof b, "%s/b", folder);
    assert_int_equal(test_run(out, sizeof out, "mkdir %s %s", a, b), 0);
    write_run(a, 7, 0);
    write_run(b, 7, 0);
    assert_int_equal(test_run(out, sizeof out, "%s checkpoint info %s", TEST_MP2, a), 0);
    assert_non_null(strstr(out, "pretrain"));
    assert_non_null(strstr(out, "A F32 [2,3,4]"));
    assert_int_equal(test_run(sum, sizeof sum, "cat %s/step-7/* | sha256sum | cut -d' ' -f1 | tr -d '\\n'", a), 0);
    assert_int_equal(strlen(sum), 64);
    assert_non_null(strstr(out, sum));
    assert_int_equal(test_run(out, sizeof out, "%s checkpoint verify %s/step-7", TEST_MP2, a), 0);
    assert_non_null(strstr(out, "valid: pretrain, step 7"));
    assert_int_equal(test_run(out, sizeof out, "%s checkpoint diff %s %s", TEST_MP2, a, b), 0);
    assert_string_equal(out, "equal\n");
    write_run(b, 8, 0.25f);
    assert_int_equal(test_run(out, sizeof out, "%s checkpoint diff %s %s", TEST_MP2, a, b), 1);
    assert_non_null(
        strstr(out, "A: 2 of 24 elements differ; first at [0,1,3]: 7, 7.25; largest at [1,1,2]: 18, 18.5 (by 0.5)"));
    assert_non_null(strstr(out, "state.pb: differs"));
    assert_null(strstr(out, "z:"));
    assert_int_equal(test_run(out, sizeof out, "%s checkpoint verify %s/nowhere", TEST_MP2, folder), 2);
    assert_int_equal(test_run(out, sizeof out, "%s checkpoint verify", TEST_MP2), 2);
    assert_int_equal(test_run(out, sizeof out, "%s checkpoint nonsense", TEST_MP2), 2);
    assert_int_equal(test_run(out, sizeof out, "%s stop %s", TEST_MP2, a), 2);
    snprintf(path, sizeof path, "%s/latest/prompts.safetensors", b);
    fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, 200), 1);
    close(fd);
    assert_int_equal(test_run(out, sizeof out, "%s checkpoint verify %s", TEST_MP2, b), 2);
    assert_non_null(strstr(out, "the checksum does not hold"));
    test_folder_remove(folder);
}

/* Every byte of a checkpoint flipped in one bit: none is passed over. */
static void test_flipped_bytes(void **unused)
{
    static const char *const files[] = {"state.pb", "prompts.safetensors"};
    char folder[256], path[400];

    (void)unused;
    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    write_run(folder, 7, 0);
    for (int f = 0; f < 2; f++) {
        unsigned char byte, flipped;
        struct state state;
        int fd;

        snprintf(path, sizeof path, "%s/step-7/%s", folder, files[f]);
        fd = open(path, O_RDWR);
        assert_true(fd >= 0);
        snprintf(path, sizeof path, "%s/step-7", folder);
        for (off_t at = 0; pread(fd, &byte, 1, at) == 1; at++) {
            flipped = byte ^ (unsigned char)(1 << (at % 8));
            assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
            assert_int_equal(checkpoint_verify(path, NULL, NULL, &state), ST_INPUT);
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }
        assert_int_equal(checkpoint_verify(path, NULL, NULL, &state), ST_OK);
        state_fini(&state);
        close(fd);
    }
    log_init('-', -1, LOG_WARN);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_commands), cmocka_unit_test(test_flipped_bytes)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, ST_OK);
    return failed;
}
