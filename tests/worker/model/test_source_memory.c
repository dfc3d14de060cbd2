/* Memory runs out at every allocation in turn: opening, reading and writing model folders, prompts and torch files
 * ends with a status, never a crash; under AddressSanitizer, without a leak. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "cluster/base/log.h"
#include "cluster/store/torch/prompts.h"
#include "tests/support/model.h"
#include "worker/model/source.h"

static long left = -1; /* allocations until the one that fails; below 0: none does */
static int failed;

/* All of mem_alloc goes through here. */
void *aligned_alloc(size_t alignment, size_t size)
{
    void *p = NULL;

    failed |= left == 0;
    if (left >= 0 && left-- == 0) return NULL;
    return posix_memalign(&p, alignment, size) == 0 ? p : NULL;
}

static char model[256], copy[300];

static status use_model(const char *path)
{
    struct model_source *m;
    char digest[33];
    status s = model_source_open(path, &m);

    if (s == ST_OK) s = model_source_digest(m, digest);
    model_source_close(&m);
    return s;
}

static status use_written(void)
{
    return use_model(model);
}

static status use_torch_model(void)
{
    return use_model(TEST_SOURCE_DIR "/tests/reference/models/views");
}

static status use_parts(void)
{
    return use_model(TEST_SOURCE_DIR "/tests/reference/models/sharded");
}

static status write_model(void)
{
    struct model_folder what = {.config = test_model_config(), .type = TENSOR_BF16, .head = 1, .read = test_model_read};

    return model_folder_write(copy, &what);
}

static status use_prompts(void)
{
    struct torch_prompts p;
    char path[400];
    status s;

    TRY(torch_prompts_open(TEST_SOURCE_DIR "/tests/reference/prompts/deep.th", 1, &p));
    snprintf(path, sizeof path, "%s.th", copy);
    s = torch_prompts_write(path, &p.tensors, 0, 1, 1);
    torch_prompts_close(&p);
    return s;
}

static void sweep(status (*use)(void))
{
    long n = 0;
    status s;

    do {
        left = n++;
        failed = 0;
        s = use();
        left = -1;
        if (failed && s == ST_OK) fail_msg("allocation %ld failed and nothing was said", n - 1);
        if (!failed) assert_int_equal(s, ST_OK);
    } while (failed);
    assert_true(n > 3);
}

static void test_sweeps(void **state)
{
    (void)state;
    sweep(use_written);
    sweep(use_torch_model);
    sweep(use_parts);
    sweep(write_model);
    sweep(use_prompts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sweeps)};
    struct model_config c = test_model_config();
    char folder[200];
    int result;

    log_init('-', -1, getenv("VERBOSE") ? LOG_WARN : LOG_SILENT);
    test_folder(folder, sizeof folder);
    snprintf(model, sizeof model, "%s/model", folder);
    snprintf(copy, sizeof copy, "%s/copy", folder);
    test_model_write(model, &c, TENSOR_F32, 1);
    result = cmocka_run_group_tests(tests, NULL, NULL);
    test_folder_remove(folder);
    return result;
}
