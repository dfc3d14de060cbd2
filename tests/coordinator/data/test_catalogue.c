/* The catalogue: the shipped entries are whole, and whatever the schema does not have is refused with its line. */
#include "tests/support/support.h"

#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/catalogue.h"

static const char whole[] = "name: X\nkind: labels\ntemplate: '“{a}”和“{b}”？'\nlabels: [是, 否]\n"
                            "sources:\n  - folder: x\n    format: table\n    files: {train: t.tsv}\n    header: true\n"
                            "    fields: {a: one, b: two}\n    label: y\n    values: {是: [1, yes], 否: 0}\n";

static status parse(const char *text, struct catalogue *c)
{
    return catalogue_parse("/some/where/x.yaml", text, strlen(text), c);
}

/* whole with one piece replaced */
static status parse_changed(const char *from, const char *to, struct catalogue *c)
{
    char text[2048];
    const char *at = strstr(whole, from);

    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
    return parse(text, c);
}

static void test_shipped(void **state)
{
    struct catalogue c;
    int upstream = 0, downstream = 0, seen = 0, kinds[3] = {0};

    (void)state;
    assert_int_equal(catalogue_load(TEST_SOURCE_DIR "/configs/tasks", &c), ST_OK);
    for (size_t i = 0; i < c.count; i++) {
        const struct entry *e = &c.entry[i];
        if (e->upstream >= 0) {
            assert_int_equal(e->upstream, upstream++);
            kinds[e->kind]++;
            seen += e->downstream;
        }
        downstream += e->downstream;
        assert_int_equal(e->downstream, e->few_shot > 0);
        assert_ptr_equal(catalogue_find(&c, e->id), e);
    }
    assert_int_equal(upstream, 38);
    assert_int_equal(kinds[TASK_LABELS], 31);
    assert_int_equal(kinds[TASK_CHOICES], 2);
    assert_int_equal(kinds[TASK_EXTRACTIVE], 5);
    assert_int_equal(downstream, 14);
    assert_int_equal(seen, 7);
    assert_string_equal(c.entry[0].id, "afqmc");
    assert_string_equal(c.entry[37].id, "weibo_sentiment");
    assert_int_equal(catalogue_find(&c, "chip-ctc")->wording[0].labels->count, 44);
    assert_int_equal(catalogue_find(&c, "finre")->wording[0].labels->count, 44);
    assert_string_equal(catalogue_find(&c, "ocnli")->wording[WORDING_HEAD].labels->words[2], "相似");
    assert_string_equal(catalogue_find(&c, "ocnli")->wording[WORDING_RUN].labels->words[2], "蕴含");
    catalogue_free(&c);
}

static void test_entry(void **state)
{
    struct catalogue c;
    const struct entry *e;

    (void)state;
    assert_int_equal(parse(whole, &c), ST_OK);
    e = c.entry;
    assert_string_equal(e->id, "x");
    assert_int_equal(e->fields, 2);
    assert_string_equal(e->field[1], "b");
    assert_int_equal(e->wording[0].parts, 5);
    assert_int_equal(e->wording[0].part[3].field, 1);
    assert_string_equal(e->wording[0].labels->name, "x/1");
    assert_int_equal(e->source[0].values, 3);
    catalogue_free(&c);
}

static void test_refused(void **state)
{
    /* clang-format off */
    static const struct { const char *from, *to; } changes[] = {
        {"kind: labels", "kind: label"}, {"name: X\n", ""}, {"name: X", "nam: X"}, {"labels: [是, 否]\n", ""},
        {"[是, 否]", "[是]"}, {"[是, 否]", "[是, 是]"}, {"[是, 否]", "nowhere/1"}, {"“{a}”", "x{a}”"},
        {"{b}", "{a}"}, {"{b}", "b"}, {"{b}", "{b"}, {"'“{a}”和“{b}”？'", "'none'"}, {"format: table", "format: tsv"},
        {"files: {train: t.tsv}", "files: {dev: t.tsv}"}, {"files: {train: t.tsv}", "files: {train: t.tsv, valid: x}"},
        {"    header: true\n", ""}, {"header: true", "header: yes"}, {"b: two", "c: two"}, {", b: two", ""},
        {"    label: y\n", ""}, {"是: [1, yes]", "对: 1"}, {"否: 0", "否: 1"}, {"否: 0", "否: {x: 1}"},
        {"    label: y", "    label: y\n    options: z"}, {"    label: y", "    label: y\n    rows: z"},
        {"kind: labels", "kind: labels\nupstream: -1"}, {"kind: labels", "kind: labels\nno_answer: 无"},
        {"kind: labels", "kind: labels\nsplit: {dev: 1.5}"}, {"kind: labels", "kind: labels\nmetric: f1"},
        {"kind: labels", "kind: labels\nshorten: [c]"}, {"kind: labels", "kind: labels\nvariants: {run: {labels: [是]}}"},
        {"kind: labels", "kind: labels\nvariants: {run: {template: '“{a}”'}}"}, {"kind: labels", "kind: choices"},
        {"kind: labels", "kind: extractive"}};
    /* clang-format on */
    struct catalogue c;

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        status s = parse_changed(changes[i].from, changes[i].to, &c);
        if (s != ST_INPUT) fail_msg("%s -> %s: accepted", changes[i].from, changes[i].to);
    }
    assert_int_equal(parse("", &c), ST_INPUT);
    assert_int_equal(catalogue_parse("/x/Bad Name.yaml", whole, strlen(whole), &c), ST_INPUT);
    assert_int_equal(catalogue_load("/nonexistent", &c), ST_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shipped), cmocka_unit_test(test_entry),
                                       cmocka_unit_test(test_refused)};

    log_init('-', -1, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
