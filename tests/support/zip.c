#include "tests/support/zip.h"

#include <string.h>

#include "tests/support/support.h"

static unsigned char *put(unsigned char *p, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++) *p++ = i < 8 ? (unsigned char)(x >> (8 * i)) : 0;
    return p;
}

void test_zip_init(struct test_zip *zip)
{
    memset(zip, 0, sizeof *zip);
}

void test_zip_add(struct test_zip *zip, const char *name, const void *data, size_t bytes)
{
    size_t n = strlen(name), at = zip->size;
    unsigned char *p = zip->bytes + zip->size, *d = zip->directory + zip->directory_size;

    assert_true(zip->size + 200 + n + bytes < TEST_ZIP_ROOM);
    assert_true(zip->directory_size + 100 + n < sizeof zip->directory);
    zip->last = zip->directory_size;
    memset(p, 0, 30);
    memset(d, 0, 46);
    put(p, 0x04034b50, 4);
    put(p + 18, bytes, 4);
    put(p + 22, bytes, 4);
    put(p + 26, n, 2);
    memcpy(p + 30, name, n);
    memcpy(p + 30 + n, data, bytes);
    zip->size += 30 + n + bytes;
    put(d, 0x02014b50, 4);
    put(d + 20, bytes, 4);
    put(d + 24, bytes, 4);
    put(d + 28, n, 2);
    put(d + 42, at, 4);
    memcpy(d + 46, name, n);
    zip->directory_size += 46 + n;
    zip->count++;
}

void test_zip_end(struct test_zip *zip, int zip64)
{
    size_t at = zip->size, end;
    unsigned char *p;

    memcpy(zip->bytes + at, zip->directory, zip->directory_size);
    end = at + zip->directory_size;
    p = zip->bytes + end;
    if (zip64) {
        p = put(p, 0x06064b50, 4);
        p = put(p, 44, 8);
        p = put(p, 0, 12);
        p = put(p, zip->count, 8);
        p = put(p, zip->count, 8);
        p = put(p, zip->directory_size, 8);
        p = put(p, at, 8);
        p = put(p, 0x07064b50, 4);
        p = put(p, 0, 4);
        p = put(p, end, 8);
        p = put(p, 1, 4);
    }
    p = put(p, 0x06054b50, 4);
    p = put(p, 0, 4);
    p = put(p, zip64 ? 0xffff : zip->count, 2);
    p = put(p, zip64 ? 0xffff : zip->count, 2);
    p = put(p, zip64 ? 0xffffffff : zip->directory_size, 4);
    p = put(p, zip64 ? 0xffffffff : at, 4);
    p = put(p, 0, 2);
    zip->size = (size_t)(p - zip->bytes);
}
