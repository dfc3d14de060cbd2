/* Where a row stands in its file, so that a message about it can be followed: formats whose rows lie deep inside one
 * JSON value. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "coordinator/data/reader.h"

/* The place of the n-th row (from 0) of a file of that format, after the file's name. */
static const char *place_of(const char *format, const char *text, int n, char *out, size_t room)
{
    char folder[512], path[600], entry[400];
    struct catalogue c;
    struct reader *r;
    const char *why;
    json_t *row;

    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/f", folder);
    snprintf(
        entry, sizeof entry,
        "name: X\nkind: extractive\ntemplate: '：“{context}”问{question}'\nsources:\n  - folder: x\n    format: %s\n"
        "    files: {train: f}\n    fields: {context: context, question: question}\n    answers: answers\n",
        format);
    assert_int_equal(catalogue_parse("x.yaml", entry, strlen(entry), &c), ST_OK);
    assert_int_equal(file_replace(path, text, strlen(text)), ST_OK);
    assert_int_equal(reader_open(&c.entry[0].source[0], path, &r), ST_OK);
    for (int i = 0; i <= n; i++) assert_int_equal(reader_next(r, &row, &why), ST_OK);
    reader_place(r, out, room);
    reader_close(&r);
    catalogue_free(&c);
    test_folder_remove(folder);
    memmove(out, out + strlen(path), strlen(out + strlen(path)) + 1);
    return out;
}

static void test_places(void **state)
{
    static const char squad[] =
        "\xef\xbb\xbf{\"data\": [\n{\"paragraphs\": [\n{\"context\": \"a\\\\\\\"{[\",\n\"qas\": [{\"question\": "
        "\"x\",\n"
        "\"answers\": [{\"text\": \"y\"}]},\n{\"question\":\n\"z\"}]}]},\n{\"paragraphs\": [{\"qas\": [\n{}]}]}]}";
    static const char c3[] = "[[[\"a\",\n\"b\"], [{\"question\": \"x\",\n\"choice\": [\"y\"]}, {\"question\": \"z\"}], "
                             "\"1\"],\n[[], [\n{}]]]\n";
    static const char flat[] = "[[[\"a\"], [{\"question\": \"x\"}, {\"question\": \"z\"}]]]";
    static const char other[] = "[[[\"a\"], [{\"question\": \"x\"},\n{\"question\": \"z\"}], [{}]]]";
    char place[700];

    (void)state;
    assert_string_equal(place_of("squad", squad, 0, place, sizeof place), ":4");
    assert_string_equal(place_of("squad", squad, 1, place, sizeof place), ":6");
    assert_string_equal(place_of("squad", squad, 2, place, sizeof place), ":9");
    assert_string_equal(place_of("c3", c3, 0, place, sizeof place), ":2");
    assert_string_equal(place_of("c3", c3, 1, place, sizeof place), ":3");
    assert_string_equal(place_of("c3", c3, 2, place, sizeof place), ":5");
    assert_string_equal(place_of("c3", flat, 1, place, sizeof place), ": row 2");  /* one line: the number says more */
    assert_string_equal(place_of("c3", other, 1, place, sizeof place), ": row 2"); /* an object that is no row */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
