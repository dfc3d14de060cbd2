/* Whatever the bytes: opening refuses, or every tensor at the top can be read where its strides lead. */
#include <stdlib.h>
#include <string.h>

#include "cluster/store/torch/file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/zip.h"

static void read_tensor(const struct tensor *t)
{
    float out[64];

    if (!tensor_type_is_float(t->type)) return;
    /* An expanded view may be long: its ends are enough. */
    for (int64_t at = 0; at < t->count && at < 4096; at += 64)
        if (tensor_read_f32("fuzz", t, at, t->count - at < 64 ? t->count - at : 64, out) != ST_OK) abort();
    if (t->count > 0 && tensor_read_f32("fuzz", t, t->count - 1, 1, out) != ST_OK) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *exact = malloc(size ? size : 1);
    struct torch_file file;

    if (!exact) return 0;
    memcpy(exact, data, size);
    if (torch_open_bytes("fuzz", exact, size, &file) == ST_OK) {
        for (size_t i = 0; file.root->kind == TORCH_DICT && i < file.root->count; i++)
            if (file.root->as.items[i]->kind == TORCH_TENSOR) read_tensor(file.root->as.items[i]->as.tensor);
        torch_close(&file);
    }
    free(exact);
    return 0;
}

#define OD "ccollections\nOrderedDict\n)R"
#define STORAGE                                            \
    "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" \
    "0X\x03\0\0\0"                                         \
    "cpuK\x06tQ"
#define TENSOR(offset, size, stride) \
    "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K" offset size stride "\x89" OD "tR"

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const char plain[] = "\x80\x02" OD "q\x01(X\x01\0\0\0aq\x02" TENSOR(
        "\x01", "K\x02K\x02\x86",
        "K\x01K\x03\x86") "X\x01\0\0\0bh\x02X\x01\0\0\0c" TENSOR("\0", "K\x05\x85",
                                                                 "K\0\x85") "u}X\x09\0\0\0_metadata" OD "sb.";
    static const char values[] =
        "\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94(\x8c\x01i\x94J\xff\xff\xff\xff\x8c\x01t\x88\x89N\x87\x8c\x01s]("
        "\x8c\x02hi\x94h\x02"
        "eK\x01G\x3f\xf8\0\0\0\0\0\0u.";
    static const float numbers[6] = {1, 2, 3, 4, 5, 6};
    struct test_zip *zip = malloc(sizeof *zip);
    size_t n = 0;

    if (!zip || i >= 3) {
        free(zip);
        return 0;
    }
    test_zip_init(zip);
    if (i == 1) test_zip_add(zip, "m/data.pkl", values, sizeof values - 1);
    else test_zip_add(zip, "m/data.pkl", plain, sizeof plain - 1);
    test_zip_add(zip, "m/byteorder", "little", 6);
    test_zip_add(zip, "m/data/0", numbers, sizeof numbers);
    test_zip_end(zip, i == 2);
    if (zip->size <= room) {
        n = zip->size;
        memcpy(out, zip->bytes, n);
    }
    free(zip);
    return n;
}
