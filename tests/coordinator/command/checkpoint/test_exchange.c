/* A torch checkpoint imported and exported again is the same file, byte for byte; what cannot be matched is refused. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/torch/prompts.h"
#include "tests/support/model.h"

enum { LAYERS = 2, MODULES = 3, INTRINSIC = 4, HIDDEN = 16, TOKENS = 2, ROOM = 4096 };

static char folder[256];
static float numbers[3][PROMPTS_TENSORS][ROOM];

static struct tensor make(int kind, enum prompts_tensor which, int64_t layers, int64_t tasks)
{
    const int64_t shapes[PROMPTS_TENSORS][3] = {
        {layers, INTRINSIC, TOKENS * HIDDEN}, {layers, MODULES, INTRINSIC}, {tasks, layers, MODULES}, {2, HIDDEN, 0}};
    struct tensor t = {.name = "t",
                       .type = TENSOR_F32,
                       .rank = which == PROMPTS_HEAD ? 2 : 3,
                       .data = (unsigned char *)numbers[kind][which]};

    memcpy(t.shape, shapes[which], sizeof shapes[which]);
    assert_true(tensor_set_row_major(&t) && t.count <= ROOM);
    t.bytes = (size_t)t.count * 4;
    for (int64_t i = 0; i < t.count; i++) numbers[kind][which][i] = (float)(i * 7 % 41 + kind + which) / 64;
    return t;
}

static void write_torch(const char *path, int64_t layers, int64_t tasks, int optimizer)
{
    struct prompts_tensors t = {.optimizer = optimizer, .steps = 12, .router_steps = 12};

    for (int i = 0; i < PROMPTS_TENSORS; i++) {
        t.value[i] = make(0, (enum prompts_tensor)i, layers, tasks);
        t.m[i] = make(1, (enum prompts_tensor)i, layers, tasks);
        t.v[i] = make(2, (enum prompts_tensor)i, layers, tasks);
    }
    assert_int_equal(torch_prompts_write(path, &t, layers == 1, 5e-4, 1e-4), ST_OK);
}

static int same_files(const char *a, const char *b)
{
    char *x, *y;
    size_t n, m;
    int same;

    assert_int_equal(file_read(a, 1 << 20, &x, &n), ST_OK);
    assert_int_equal(file_read(b, 1 << 20, &y, &m), ST_OK);
    same = n == m && memcmp(x, y, n) == 0;
    mem_free(x);
    mem_free(y);
    return same;
}

/* mp2 checkpoint … --catalogue ours; the message of a refusal is short. */
static int checkpoint(const char *words)
{
    char out[4096];
    int code = test_run(out, sizeof out, "cd %s && %s checkpoint %s", folder, TEST_MP2, words);

    if (code != 0) assert_true(strlen(out) > 0 && strlen(out) <= 1000);
    return code;
}

#define IMPORT "import best.th --catalogue " TEST_SOURCE_DIR "/configs/tasks "

static void test_there_and_back(void **state)
{
    char path[512], again[512], step[512];

    (void)state;
    snprintf(path, sizeof path, "%s/best.th", folder);
    snprintf(again, sizeof again, "%s/again.th", folder);
    for (int i = 0; i < 4; i++) {
        const char *optimizer = i & 1 ? "--optimizer" : "";
        char words[1024];

        write_torch(path, i < 2 ? LAYERS : 1, 38, i & 1);
        snprintf(words, sizeof words, IMPORT "--out run%d --step 12 %s", i, optimizer);
        assert_int_equal(checkpoint(words), 0);
        snprintf(words, sizeof words, "verify run%d", i);
        assert_int_equal(checkpoint(words), 0);
        snprintf(words, sizeof words, "export run%d --out again.th %s", i, optimizer);
        assert_int_equal(checkpoint(words), 0);
        assert_true(same_files(path, again));
        snprintf(step, sizeof step, "%s/run%d/step-12/optimizer.safetensors", folder, i);
        assert_int_equal(file_exists(step), i & 1);
    }
    assert_int_equal(checkpoint("export run0 --out again.th --optimizer"), 2); /* it has none */
    assert_int_equal(checkpoint("export . --out again.th"), 2);
    assert_int_equal(checkpoint("export run0"), 2);
    assert_int_equal(checkpoint("export run0 --out none/again.th"), 1);
}

static void test_rows(void **state)
{
    char path[512];

    (void)state;
    snprintf(path, sizeof path, "%s/best.th", folder);
    write_torch(path, LAYERS, 37, 0);
    assert_int_equal(checkpoint(IMPORT "--out rows"), 2);
    assert_int_equal(checkpoint(IMPORT "--out rows --without csl,tnews"), 2);
    assert_int_equal(checkpoint(IMPORT "--out rows --without csl,afqmc"), 2);
    assert_int_equal(checkpoint(IMPORT "--out rows --without csl"), 0);
    assert_int_equal(checkpoint(IMPORT "--out rows2 --without csl --optimizer"), 2);
    assert_int_equal(checkpoint("import nowhere.th --out rows2"), 2);
    assert_int_equal(checkpoint("import best.th"), 2);
    assert_int_equal(checkpoint("import --out rows2"), 2);
    snprintf(path, sizeof path, "%s/rows2", folder);
    assert_false(file_exists(path));
}

static void test_model(void **state)
{
    struct model_config c = test_model_config();
    char path[512], vocab[600];

    (void)state;
    snprintf(path, sizeof path, "%s/model", folder);
    test_model_write(path, &c, TENSOR_F32, 0);
    test_file(path, "vocab.txt", "[UNK]\n[CLS]\n", 12, vocab, sizeof vocab);
    snprintf(path, sizeof path, "%s/best.th", folder);
    write_torch(path, LAYERS, 38, 0);
    assert_int_equal(checkpoint(IMPORT "--out fits --model model"), 0);
    write_torch(path, LAYERS + 1, 38, 0);
    assert_int_equal(checkpoint(IMPORT "--out misfit --model model"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_model)};
    int failed;

    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_folder_remove(folder);
    return failed;
}
