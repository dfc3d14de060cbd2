/* A zip file in memory, put together by hand so that tests can put it together wrongly. */
#ifndef MP2_TESTS_SUPPORT_ZIP_H
#define MP2_TESTS_SUPPORT_ZIP_H

#include <stddef.h>
#include <stdint.h>

enum { TEST_ZIP_ROOM = 1 << 16 };

struct test_zip {
    unsigned char bytes[TEST_ZIP_ROOM], directory[TEST_ZIP_ROOM / 4];
    size_t size, directory_size, count;
    size_t last; /* where the last entry's directory record begins */
};

void test_zip_init(struct test_zip *zip);
/* A stored entry, CRC left 0. */
void test_zip_add(struct test_zip *zip, const char *name, const void *data, size_t bytes);
/* Directory and end record (zip64's too when asked for); bytes[0 … size-1] is the file. */
void test_zip_end(struct test_zip *zip, int zip64);

#endif
