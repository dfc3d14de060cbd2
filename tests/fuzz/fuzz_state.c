/* state.pb of any bytes: refused, or encoded again to a state that reads the same. The checksum is put right first,
 * or no mutation would get past it. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/state.h"

static void use(const struct state *s)
{
    volatile size_t n = strlen(s->kind) + strlen(s->separator) + strlen(s->libraries);

    for (size_t i = 0; i < s->task_count; i++) n += strlen(s->tasks[i].name) + strlen(s->tasks[i].label_set);
    for (size_t i = 0; i < s->value_count; i++) n += strlen(s->values[i].name) + strlen(s->values[i].text);
    for (size_t i = 0; i < s->file_count; i++)
        for (size_t k = 0; k < s->files[i].sum_count; k++) n += (size_t)s->files[i].sums[k];
}

static void try_one(const uint8_t *data, size_t size)
{
    struct state s, again;
    size_t bytes;
    void *encoded;

    if (state_decode("fuzz", data, size, &s) != ST_OK) return;
    use(&s);
    if (state_encode(&s, &encoded, &bytes) != ST_OK || state_decode("again", encoded, bytes, &again) != ST_OK) abort();
    if (again.step != s.step || again.file_count != s.file_count) abort();
    mem_free(encoded);
    state_fini(&again);
    state_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *right;
    uint64_t check;

    log_init('-', -1, LOG_SILENT);
    try_one(data, size);
    if (size < 10) return 0;
    right = malloc(size);
    if (!right) abort();
    memcpy(right, data, size - 10);
    memcpy(right + size - 10, "\xc1\x3e", 2);
    check = XXH3_64bits(right, size - 10);
    memcpy(right + size - 8, &check, 8);
    try_one(right, size);
    free(right);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static struct state_task tasks[] = {{"afqmc", "1", 5.5}, {"cmnli", "2", 0}};
    static uint64_t sums[] = {1, 2, 3};
    static struct state_file files[] = {{"prompts.safetensors", 2 * STATE_CHUNK_BYTES + 5, 3, sums}};
    static struct state_value values[] = {{.name = "a", .type = STATE_WHOLE, .whole = -1},
                                          {.name = "b", .type = STATE_REAL, .real = 2},
                                          {.name = "c", .type = STATE_TEXT, .text = "x"}};
    static uint32_t placeholders[] = {1000, 1001};
    struct state s = {.kind = "pretrain",
                      .step = 7,
                      .seed = 1,
                      .task_count = 2,
                      .tasks = tasks,
                      .tau = 1,
                      .file_count = 1,
                      .files = files,
                      .value_count = 3,
                      .values = values,
                      .placeholder_count = 2,
                      .placeholders = placeholders};
    size_t bytes;
    void *data;

    if (i > 0 || state_encode(&s, &data, &bytes) != ST_OK || bytes > room) return 0;
    memcpy(out, data, bytes);
    mem_free(data);
    return bytes;
}
