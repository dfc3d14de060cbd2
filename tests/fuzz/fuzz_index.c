/* A model folder whose index is the input: refused, or every tensor it promises is there and readable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/store/safetensors.h"
#include "tests/fuzz/fuzz.h"
#include "worker/model/weights.h"

static char folder[] = "/tmp/mp2-fuzz-XXXXXX";

static void remove_folder(void)
{
    file_remove_tree(folder);
}

/* Parts a and b with one tensor each, made once. */
static void make_folder(void)
{
    static const struct tensor_spec specs[] = {{"one", TENSOR_F32, 1, {2}}, {"two", TENSOR_F32, 1, {2}}};
    static const float numbers[2] = {1, 2};
    const void *const data[1] = {numbers};
    char path[64];

    if (!mkdtemp(folder)) abort();
    atexit(remove_folder);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%c.safetensors", folder, 'a' + i);
        if (safetensors_write(path, specs + i, 1, NULL, 0, data) != ST_OK) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct weights w;
    float out[2];
    FILE *f;

    if (strcmp(folder + sizeof folder - 7, "XXXXXX") == 0) make_folder();
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0) abort();
    if (weights_open(folder, &w) != ST_OK) return 0;
    for (size_t i = 0; i < w.count; i++)
        if (tensor_read_f32("fuzz", &w.items[i].tensor, 0, 2, out) != ST_OK) abort();
    weights_close(&w);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const char seed[] =
        "{\"metadata\":{\"total_size\":16},\"weight_map\":{\"one\":\"a.safetensors\",\"two\":\"b.safetensors\"}}";

    if (i > 0 || sizeof seed > room) return 0;
    memcpy(out, seed, sizeof seed - 1);
    return sizeof seed - 1;
}
