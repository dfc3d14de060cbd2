/* Digests: published values of XXH3's 128 bits, pieces against the whole, digits against bytes. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/digest.h"

static void test_known(void **unused)
{
    char text[DIGEST_TEXT];

    (void)unused;
    digest_bytes("", 0, text);
    assert_string_equal(text, "99aa06d3014798d86001c324468d497f");
    digest_bytes("abc", 3, text);
    assert_string_equal(text, "06b05ab6733a618578af5f94892f3950");
}

static void test_pieces(void **unused)
{
    static const size_t pieces[] = {0, 1, 15, 240, 1000, 4096};
    char text[10000], whole[DIGEST_TEXT], found[DIGEST_TEXT], digits[DIGEST_TEXT];
    unsigned char bytes[DIGEST_BYTES];
    struct digest d;

    (void)unused;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 7 + i / 256);
    assert_int_equal(digest_init(&d), ST_OK);
    for (size_t i = 0, at = 0; i < sizeof pieces / sizeof *pieces; at += pieces[i++]) {
        digest_add(&d, text + at, pieces[i]);
        digest_bytes(text, at + pieces[i], whole);
        digest_read_text(&d, found);
        assert_string_equal(found, whole);
        digest_read_bytes(&d, bytes);
        for (int k = 0; k < DIGEST_BYTES; k++) snprintf(digits + 2 * k, 3, "%02x", bytes[k]);
        assert_string_equal(digits, whole);
    }
    digest_fini(&d);
    digest_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_pieces)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
