/* Whatever the bytes: opening refuses, or every tensor can be read to its last element. */
#include <stdlib.h>
#include <string.h>

#include "cluster/store/safetensors.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *exact = malloc(size ? size : 1); /* nothing after the last byte that could be read unseen */
    struct safetensors file;
    float out[64];

    if (!exact) return 0;
    memcpy(exact, data, size);
    if (safetensors_open_bytes("fuzz", exact, size, &file) == ST_OK) {
        for (size_t i = 0; i < file.count; i++) {
            const struct tensor *t = &file.tensors[i];
            for (int64_t at = 0; tensor_type_is_float(t->type) && at < t->count; at += 64)
                if (tensor_read_f32("fuzz", t, at, t->count - at < 64 ? t->count - at : 64, out) != ST_OK) abort();
        }
        safetensors_close(&file);
    }
    free(exact);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const struct tensor_spec specs[] = {{"a", TENSOR_F64, 2, {3, 2}},
                                               {"b.weight", TENSOR_F32, 3, {1, 2, 3}},
                                               {"c", TENSOR_BF16, 1, {5}},
                                               {"d", TENSOR_I64, 0, {0}}};
    static const struct safetensors_text text = {"format", "pt"};
    struct safetensors_layout layout;
    size_t n;

    if (i >= 2 || safetensors_layout_make(specs, i == 0 ? 4 : 1, &text, i == 0, &layout) != ST_OK) return 0;
    n = (size_t)layout.file_bytes;
    if (n > room) abort();
    memset(out, 7, n);
    memcpy(out, layout.header, layout.header_bytes);
    safetensors_layout_free(&layout);
    return n;
}
