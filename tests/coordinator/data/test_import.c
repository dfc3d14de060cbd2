/* Import: every format of rows, every reason for which a row is not used, and where rows go. */
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "tests/support/tasks.h"

/* clang-format off */
#define LABELS "name: X\nkind: labels\nupstream: 0\ntemplate: '“{a}”？'\nlabels: [是, 否]\nsources:\n  - folder: x\n"
#define CHOICES "name: X\nkind: choices\nupstream: 0\ntemplate: '“{a}”？'\nshorten: [a]\nsources:\n  - folder: x\n"
#define FIND "name: X\nkind: extractive\nupstream: 0\ntemplate: '无：“{context}”问“{question}'\nsources:\n  - folder: x\n"
#define FIND_NONE "name: X\nkind: extractive\nno_answer: 无\ntemplate: '无：“{context}”问“{question}'\nsources:\n  - folder: x\n"

static int64_t counted(const struct import_report *r, enum tally_kind kind, const char *what)
{
    for (int i = 0; i < r->tally.lines; i++)
        if (r->tally.line[i].kind == kind && strstr(r->tally.line[i].what, what)) return r->tally.line[i].count;
    return 0;
}

static int64_t rows(const struct import_report *r)
{
    return r->rows[0] + r->rows[1] + r->rows[2] + r->rows[3];
}

/* One task read from one file: how many rows are used, and how many are bad for that reason. */
static void check(const char *entry, const char *text, int64_t used, const char *reason, int64_t bad)
{
    struct import_report r;
    struct tasks t;
    status s;

    tasks_open(&t);
    tasks_entry(&t, "x", entry);
    tasks_raw(&t, "f", text);
    s = tasks_import(&t, 0, &r);
    if (used == 0) {
        assert_int_equal(s, ST_INPUT);
    } else {
        assert_int_equal(s, ST_OK);
        assert_int_equal(rows(&r), used);
        assert_int_equal(tally_sum(&r.tally, TALLY_BAD), bad);
        if (counted(&r, TALLY_BAD, reason) != bad) fail_msg("%s: %lld bad rows", reason, (long long)counted(&r, TALLY_BAD, reason));
        if (bad > 0) assert_int_equal(tasks_import(&t, 1, NULL), ST_INPUT);
    }
    tasks_close(&t);
}

/* The same where one row each is bad for two reasons. */
static void check_two(const char *entry, const char *text, int64_t used, const char *first, const char *second)
{
    struct import_report r;
    struct tasks t;

    tasks_open(&t);
    tasks_entry(&t, "x", entry);
    tasks_raw(&t, "f", text);
    assert_int_equal(tasks_import(&t, 0, &r), ST_OK);
    assert_int_equal(rows(&r), used);
    assert_int_equal(counted(&r, TALLY_BAD, first), 1);
    assert_int_equal(counted(&r, TALLY_BAD, second), 1);
    tasks_close(&t);
}

static void test_json_lines(void **state)
{
    static const char entry[] = LABELS "    format: jsonl\n    files: {train: f}\n    fields: {a: q.0.t}\n    label: y\n"
                                       "    values: {是: [1, \"true\"]}\n    ignore: [\"-\"]\n";

    (void)state;
    check(entry, "\xef\xbb\xbf{\"q\":[{\"t\":\"甲\"}],\"y\":1}\r\n\n{\"q\":[{\"t\":\"乙\"}],\"y\":1.0}\n{\"q\":[{\"t\":\"丙\"}],\"y\":true}\n"
                 "{\"q\":[{\"t\":\"丁\"}],\"y\":\" 否 \"}", 4, "", 0);
    check(entry, "{\"q\":[{\"t\":\"甲\"}],\"y\":1}\n{\"q\":[{\"t\":\"乙\"}],\"y\":2}\n", 1, "label not in the list", 1);
    check(entry, "{\"q\":[{\"t\":\"甲\"}],\"y\":1}\n{\"q\":[{\"t\":\"乙\"}]}\n", 1, "no label", 1);
    check(entry, "{\"q\":[{\"t\":\"甲\"}],\"y\":1}\n{\"q\":[{\"t\":\"乙\"}],\n", 1, "malformed JSON", 1);
    check(entry, "{\"q\":[{\"t\":\"甲\"}],\"y\":1}\n{\"q\":[{\"t\":\"\xe4\xb9\"}],\"y\":1}\n", 1, "invalid UTF-8", 1);
    check(entry, "{\"q\":[{\"t\":\"甲\"}],\"y\":1}\n[1]\n", 1, "no JSON object", 1);
    check(entry, "{\"q\":[{\"t\":\"甲\"}],\"y\":1}\n{\"q\":[],\"y\":1}\n", 1, "missing", 1);
    check(entry, "{\"q\":[{\"t\":\"甲\"}],\"y\":1}\n{\"q\":[{\"t\":[]}],\"y\":1}\n", 1, "missing", 1);
    check(entry, "{\"q\":[{\"t\":\"甲\"}],\"y\":1}\n{\"q\":[{\"t\":\" \\t\"}],\"y\":1}\n", 1, "empty", 1);
    check(entry, "", 0, "", 0);
}

static void test_json_values(void **state)
{
    static const char array[] = LABELS "    format: json\n    files: {train: f}\n    fields: {a: {path: q, join: ，}}\n    label: y\n";
    static const char paths[] = LABELS "    format: json\n    files: {train: f}\n    fields: {a: q}\n    label: y\n"
                                       "    rows: [\"*\", \"*.more.*\"]\n";

    (void)state;
    check(array, "[ {\"q\":[\"甲\",\"]乙\"],\"y\":\"是\"},\n{\"q\":\"丙\\\"]\",\"y\":\"否\"} ]\n", 2, "", 0);
    check(array, "[ {\"q\":[\"甲\"],\"y\":\"是\"},\n{\"q\":[1 2],\"y\":\"否\"} ]\n", 1, "malformed JSON", 1);
    check(array, "[ {\"q\":[\"甲\"],\"y\":\"是\"},\n{\"q\":[1", 0, "", 0);
    check(array, "{\"q\":1}", 0, "", 0);
    check(paths, "{\"r\":{\"q\":\"甲\",\"y\":\"是\",\"more\":{\"k\":{\"q\":\"乙\",\"y\":\"否\"},\"l\":{\"q\":\"丙\",\"y\":\"\"}}}}", 2,
          "label not in the list", 1);
    check(paths, "{\"r\":", 0, "", 0);
}

static void test_tables(void **state)
{
    static const char tsv[] = LABELS "    format: table\n    files: {train: f}\n    header: true\n    fields: {a: q}\n    label: y\n";
    static const char bare[] = LABELS "    format: table\n    files: {train: f}\n    separator: _!_\n    columns: [q, y]\n"
                                      "    fields: {a: q}\n    label: y\n";
    static const char csv[] = LABELS "    format: table\n    files: {train: f}\n    csv: true\n    header: true\n    fields: {a: q}\n"
                                     "    label: y\n";

    (void)state;
    check(tsv, "y\tq\r\n是\t“甲\"\r\n\r\n否\t乙\n", 2, "", 0);
    check(tsv, "y\tq\n是\t甲\n否\t乙\t丙\n否\n", 1, "wrong number of columns", 2);
    check(tsv, "y\tq\n是\t甲\n否\t\xff\n", 1, "invalid UTF-8", 1);
    check(tsv, "y\tz\n是\t甲\n", 0, "", 0);
    check(tsv, "y\ty\n是\t甲\n", 0, "", 0);
    check(bare, "甲_!_是\n乙__!_否\n", 2, "", 0);
    check(csv, "\xef\xbb\xbfy,q\n是,\"甲,\n\"\"乙\"\"\"\n否,丙\"丁\n\"是\",\"戊\"\n", 3, "", 0);
    /* a quote that does not close costs its own line, wherever the next one stands */
    check(csv, "y,q\n是,甲\n否,\"乙\n是,丙\n", 2, "quotes do not close", 1);
    check(csv, "y,q\n否,\"乙\n是,丙\n是,\"丁\"\n", 2, "text behind a closing quote", 1);
    check(csv, "y,q\n否,\"乙\n\"是\",丙\n\n否,丁\n", 2, "text behind a closing quote", 1);
    check(csv, "y,q\n否,\"乙\n是,丙\n否,丁\"\n", 1, "", 0);              /* a record of three lines, as RFC 4180 has it */
    check(csv, "y,q\n否,\"乙,\n是,丙\n\"\n否,\"丁\n戊\"\n", 2, "", 0);
    check(csv, "y,q\n\"否,乙\n是,丙\n否,丁\"\n", 2, "wrong number of columns", 1);
    check(csv, "y,q\n否,\"乙\"丙\n", 1, "", 0);
}

static void test_tagged(void **state)
{
    static const char entry[] = LABELS "    format: tagged\n    files: {train: {name: f, set: {z: 1}}}\n    tag: r\n    fields: {a: text}\n"
                                       "    label: y\n";
    static const char by_file[] = LABELS "    format: tagged\n    files: {train: {name: f, set: {y: 是}}}\n    tag: r\n    fields: {a: text}\n"
                                         "    label: y\n";

    (void)state;
    check(entry, "\xef\xbb\xbf<r id=\"1\"  y=\"是\">\n甲\n乙<b>\n</r>\n\n<r y=\"否\" >丙</r><r y=\"否\">丁</r >\n", 3, "", 0);
    check(entry, "<r y=\"是\">甲</r>\n<r y=\"否\">乙\n<r y=\"否\">丙</r>\n", 2, "tag does not close", 1);
    check(entry, "<r y=\"是\">甲</r>\n乙\n<r y=\"否\">丙</r>\n", 2, "text outside a tag", 1);
    check(entry, "<r y=\"是\">甲</r>\n<r y=否>乙</r>\n", 1, "malformed tag", 1);
    check(by_file, "<r>甲</r>\n", 1, "", 0);
}

static void test_choices(void **state)
{
    static const char entry[] = CHOICES "    format: jsonl\n    files: {train: f}\n    fields: {a: q}\n    options: o\n    answer: y\n";
    static const char columns[] = CHOICES "    format: table\n    files: {train: f}\n    columns: [q, o1, o2, y]\n    fields: {a: q}\n"
                                          "    options: [o1, o2]\n    answer: y\n    answer_as: letter\n";
    static const char c3[] = CHOICES "    format: c3\n    files: {train: f}\n    fields: {a: document}\n    options: choice\n"
                                     "    answer: answer\n    answer_as: text\n";

    (void)state;
    check(entry, "{\"q\":\"甲\",\"o\":[\"乙\",\"丙\"],\"y\":1}\n{\"q\":\"甲\",\"o\":[\"乙\",\"丙\",\"丁\"],\"y\":2}\n", 2, "", 0);
    check(entry, "{\"q\":\"甲\",\"o\":[\"乙\",\"丙\"],\"y\":1}\n{\"q\":\"甲\",\"o\":[\"乙\",\"丙\"],\"y\":2}\n", 1, "none of the options", 1);
    check(entry, "{\"q\":\"甲\",\"o\":[\"乙\",\"丙\"],\"y\":1}\n{\"q\":\"甲\",\"o\":[\"乙\",\" \"],\"y\":0}\n", 1, "empty option", 1);
    check(entry, "{\"q\":\"甲\",\"o\":[\"乙\",\"丙\"],\"y\":1}\n{\"q\":\"甲\",\"o\":[\"乙\"],\"y\":0}\n", 1, "fewer than two", 1);
    check(entry, "{\"q\":\"甲\",\"o\":[\"乙\",\"丙\"],\"y\":1}\n{\"q\":\"甲\",\"o\":[\"乙\",\"丙\"]}\n", 1, "no answer given", 1);
    check(columns, "甲\t乙\t丙\tB\n甲\t乙\t丁\ta\n甲\t乙\t戊\tC\n", 2, "none of the options", 1);
    check(c3, "[[[\"甲。\",\"乙\"],[{\"question\":\"?\",\"choice\":[\"丙\",\"丁\"],\"answer\":\"丁\"},{\"question\":\"?\",\"choice\":[\"丙\",\"丁\"],"
              "\"answer\":\"戊\"}],\"1\"]]", 1, "none of the options", 1);
    check(c3, "[[[\"甲。\"]]]", 0, "", 0);
}

static void test_answers(void **state)
{
    static const char squad[] = FIND "    format: squad\n    files: {train: f}\n    fields: {context: context, question: question}\n"
                                     "    answers: answers\n";
    static const char cote[] = FIND "    format: jsonl\n    files: {train: f}\n    fields: {context: s}\n    set: {question: 问}\n    answers: ot\n";
    static const char none[] = FIND_NONE "    format: squad\n    files: {train: f}\n    fields: {context: context, question: question}\n"
                                         "    answers: answers\n    impossible: is_impossible\n";

    (void)state;
    check(squad, "{\"data\":[{\"paragraphs\":[{\"context\":\"甲乙丙\",\"qas\":[{\"question\":\"丁\",\"answers\":[{\"text\":\"乙\",\"answer_start\":1}]},"
                 "{\"question\":\"戊\",\"answers\":[{\"text\":\"己\",\"answer_start\":1}]}]}]}]}", 1, "answer not in the text", 1);
    check(squad, "{\"data\":[{\"paragraphs\":[{\"context\":\"甲乙丙\",\"qas\":[{\"question\":\"丁\",\"answers\":[{\"text\":\"乙\",\"answer_start\":1}]},"
                 "{\"question\":\"戊\",\"answers\":[]}]}]}]}", 1, "no answer given", 1);
    check(squad, "{\"data\":[{\"paragraph\":[]}]}", 0, "", 0);
    check(squad, "{\"data\":", 0, "", 0);
    check(none, "{\"data\":[{\"paragraphs\":[{\"context\":\"甲乙丙\",\"qas\":[{\"question\":\"丁\",\"answers\":[{\"text\":\"乙\",\"answer_start\":1}]},"
                "{\"question\":\"戊\",\"answers\":[],\"is_impossible\":true}]}]}]}", 2, "", 0);
    check(cote, "{\"s\":\"甲乙甲乙\",\"ot\":\"乙\"}\n{\"s\":\"甲\",\"ot\":\"丙\"}\n", 1, "answer not in the text", 1);
}

static void test_places(void **state)
{
    static const char entry[] = FIND "    format: jsonl\n    files: {train: f}\n    fields: {context: s}\n    set: {question: 问}\n    answers: a\n"
                                "split: {dev: 0}\n";
    static const struct { const char *answers; int32_t first, last; int gold; } cases[] = {
        {"\"乙\"", 1, 1, 1},                                                       /* first place */
        {"[{\"text\":\"乙\",\"answer_start\":4}]", 3, 3, 1},                       /* given place; the blank is no token */
        {"[{\"text\":\"乙\",\"answer_start\":5}]", 3, 3, 1},                       /* nearest place */
        {"[{\"text\":\"乙\",\"answer_start\":10}]", 3, 3, 1},                      /* given place, in bytes */
        {"[{\"text\":\"己\",\"answer_start\":0},{\"text\":\"甲乙\",\"answer_start\":3}]", 2, 3, 2},   /* the one in the text goes first */
        {"{\"text\":[\"丙\"],\"answer_start\":[5]}", 4, 4, 1},
    };
    const struct input_form form = {2, TASKS_PLACEHOLDER, 64, 0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct example_buffer buffer = {0};
        struct dataset *d;
        struct example e;
        struct tasks t;
        char text[256];

        tasks_open(&t);
        tasks_entry(&t, "x", entry);
        snprintf(text, sizeof text, "{\"s\":\"甲乙 甲乙丙\",\"a\":%s}\n", cases[i].answers);
        tasks_raw(&t, "f", text);
        assert_int_equal(tasks_import(&t, 0, NULL), ST_OK);
        assert_int_equal(dataset_open(t.shards, &(struct option_list){0, NULL}, &form, &d), ST_OK);
        assert_int_equal(dataset_example(d, 0, SPLIT_TRAIN, 0, &buffer, &e), ST_OK);
        assert_int_equal(e.start, e.context_first + cases[i].first);
        assert_int_equal(e.end, e.context_first + cases[i].last);
        assert_int_equal(e.gold_count, cases[i].gold);
        example_buffer_fini(&buffer);
        dataset_close(&d);
        tasks_close(&t);
    }
}

/* Starts of a file are read in the unit in which most fit; an entry can say the unit. Every context has its answer at
 * characters 2, 5 and 8; the first has two pairs of UTF-16 units in front, the second none. */
static void test_units(void **state)
{
    static const char *const contexts[] = {"𠀀𠁁乙丙丁乙甲甲乙", "甲甲乙丙丁乙甲甲乙"};
    static const struct { int starts[2]; const char *unit, *note; int32_t at[2]; } cases[] = {
        {{5, 5}, NULL, "", {5, 5}},
        {{7, 5}, NULL, "UTF-16", {5, 5}},           /* as characters the next place is the nearest */
        {{17, 15}, NULL, "bytes", {5, 5}},
        {{5, 7}, NULL, "", {5, 8}},                 /* one that fits nowhere */
        {{8, 8}, NULL, "", {8, 8}},                 /* both fit as characters */
        {{8, 8}, "utf16", "", {5, 8}},
        {{5, 5}, "bytes", "", {2, 2}}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct input_form form = {2, TASKS_PLACEHOLDER, 64, 0};
        struct example_buffer buffer = {0};
        struct import_report r;
        struct dataset *d;
        struct example e;
        struct tasks t;
        char text[512], entry[600];

        tasks_open(&t);
        snprintf(entry, sizeof entry, FIND "    format: jsonl\n    files: {train: f}\n    fields: {context: s}\n    set: {question: 问}\n"
                 "    answers: a\n%s%s%ssplit: {dev: 0}\n", cases[i].unit ? "    starts: " : "", cases[i].unit ? cases[i].unit : "",
                 cases[i].unit ? "\n" : "");
        tasks_entry(&t, "x", entry);
        text[0] = 0;
        for (int k = 0; k < 2; k++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "{\"s\":\"%s\",\"a\":{\"text\":[\"乙\"],\"answer_start\":[%d]}}\n",
                     contexts[k], cases[i].starts[k]);
        tasks_raw(&t, "f", text);
        assert_int_equal(tasks_import(&t, 0, &r), ST_OK);
        assert_int_equal(counted(&r, TALLY_NOTE, "count"), cases[i].note[0] != 0);
        if (cases[i].note[0]) assert_int_equal(counted(&r, TALLY_NOTE, cases[i].note), 1);
        assert_int_equal(dataset_open(t.shards, &(struct option_list){0, NULL}, &form, &d), ST_OK);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(dataset_example(d, 0, SPLIT_TRAIN, k, &buffer, &e), ST_OK);
            if (e.start != e.context_first + cases[i].at[k]) fail_msg("case %zu, row %d: token %d", i, k, e.start - e.context_first);
        }
        example_buffer_fini(&buffer);
        dataset_close(&d);
        tasks_close(&t);
    }
}

static void test_sources(void **state)
{
    static const char entry[] =
        "name: X\nkind: labels\nupstream: 0\ntemplate: '“{a}”？'\nlabels: [是, 否]\nsources:\n"
        "  - folder: x\n    format: table\n    files: {train: f, dev: g}\n    columns: [a, y]\n    fields: {a: a}\n    label: y\n"
        "  - folder: x\n    format: table\n    files: {train: g}\n    columns: [y, a]\n    fields: {a: a}\n    label: y\n";
    struct import_report r;
    struct tasks t;

    (void)state;
    tasks_open(&t);
    tasks_entry(&t, "x", entry);
    assert_int_equal(tasks_import(&t, 0, &r), ST_INPUT);        /* nothing there at all */
    assert_null(r.source);
    tasks_raw(&t, "g", "是\t甲\n否\t乙\n");
    assert_int_equal(tasks_import(&t, 0, &r), ST_OK);
    assert_int_equal(r.drawn[SPLIT_DEV], 1);
    tasks_raw(&t, "f", "甲\t是\n丙\t否\n");
    tasks_raw(&t, "g", "甲\t是\n乙\t否\n");
    assert_int_equal(tasks_import(&t, 0, &r), ST_OK);
    assert_int_equal(r.drawn[SPLIT_DEV], 0);
    assert_int_equal(r.rows[SPLIT_TRAIN], 1);                   /* 甲 is dev's */
    assert_int_equal(r.rows[SPLIT_DEV], 2);
    assert_int_equal(tally_sum(&r.tally, TALLY_DUPLICATE), 1);
    tasks_close(&t);
}

/* Rows reach the objects around them; CMRC's own form is the same rows as SQuAD's. */
static void test_parents(void **state)
{
    static const char paths[] = FIND "    format: json\n    files: {train: f}\n    rows: d.*.ps.*.qs.*\n    fields: {context: ../c, question: ../../t}\n"
                                     "    answers: a\n";
    static const char far[] = FIND "    format: json\n    files: {train: f}\n    rows: d.*.ps.*.qs.*\n    fields: {context: ../c, question: ../../../t}\n"
                                   "    answers: a\n";
    static const char own[] = FIND "    format: squad\n    files: {train: f}\n    fields: {context: context, question: question}\n"
                                   "    answers: answers\n";
    static const char text[] = "{\"d\":[{\"t\":\"问\",\"ps\":[{\"c\":\"甲乙\",\"qs\":[{\"a\":\"乙\"},{\"a\":\"丙\"}]},{\"c\":\"丙丁\","
                               "\"qs\":[{\"a\":\"丁\"},{\"a\":\"丙\"}]}]},{\"t\":\"文\",\"ps\":[{\"qs\":[{\"a\":\"丙\"}]}]}]}";
    static const char documents[] = "[{\"context_id\":\"1\",\"context_text\":\"甲乙\",\"title\":\"文\",\"qas\":[{\"query_id\":\"1_1\","
                                    "\"query_text\":\"问\",\"answers\":[\"乙\",\"甲乙\"]},\n{\"query_id\":\"1_2\",\"query_text\":\"无\",\"answers\":[]}]}]";

    (void)state;
    check(paths, "{\"d\":[{\"t\":\"问\",\"ps\":[{\"c\":\"甲乙\",\"qs\":[{\"a\":\"乙\"}]}]}]}", 1, "", 0);
    check(far, "{\"d\":[{\"t\":\"问\",\"ps\":{\"x\":{\"c\":\"甲乙\",\"qs\":[{\"a\":\"乙\"}]}}}]}", 1, "", 0);      /* a map is an object, too */
    check(far, text, 0, "", 0);
    check(own, documents, 1, "no answer given", 1);
    check(own, "[{\"context_text\":\"甲乙\"}]", 0, "", 0);
    check(own, "{\"data\":[{\"paragraphs\":{}}]}", 0, "", 0);
    check_two(paths, text, 3, "answer not in the text", "a field is missing");
}

static const char *const *const digits = tasks_characters + 6;

/* Which split each number is in; never two. */
static void note_owners(const struct tasks *t, int owner[500])
{
    const struct input_form form = {2, TASKS_PLACEHOLDER, 64, 0};
    struct example_buffer buffer = {0};
    struct dataset *d;
    struct example e;

    for (int i = 0; i < 500; i++) owner[i] = -1;
    assert_int_equal(tasks_dataset(t, "x", &form, &d), ST_OK);
    for (int s = 0; s < SPLIT_COUNT; s++)
        for (int64_t i = 0; i < dataset_rows(d, 0, (enum split)s); i++) {
            int number = 0;
            assert_int_equal(dataset_example(d, 0, (enum split)s, i, &buffer, &e), ST_OK);
            for (int k = 0; k < 3; k++) number = 10 * number + (int)(e.ids[4 + k] - tasks_id(digits[0]));
            assert_in_range(number, 0, 499);
            if (owner[number] >= 0) assert_int_equal(owner[number], s);
            owner[number] = s;
        }
    example_buffer_fini(&buffer);
    dataset_close(&d);
}

/* Splits drawn by content: the same rows whatever their order in the file; tenths; groups stay together. */
static void test_draw(void **state)
{
    static const char entry[] =
        "name: X\nkind: labels\nupstream: 0\ndownstream: true\nfew_shot: 2\ntemplate: '“{a}”“{b}”？'\nlabels: [是, 否]\n"
        "split: {by: [a]}\nsources:\n"
        "  - folder: x\n    format: table\n    files: {train: f}\n    columns: [a, b, y]\n    fields: {a: a, b: b}\n    label: y\n";
    static char text[32768];
    static int owner[2][500];
    struct import_report r;
    struct tasks t;

    (void)state;
    tasks_open(&t);
    tasks_entry(&t, "x", entry);
    for (int order = 0; order < 2; order++) {
        size_t n = 0;
        for (int i = 0; i < 1000; i++) {
            int k = order ? 999 - i : i, number = k / 2;
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%s\t%s\t%s\n", digits[number / 100], digits[number / 10 % 10],
                                  digits[number % 10], k % 2 ? "甲" : "乙", k % 3 ? "是" : "否");
        }
        tasks_raw(&t, "f", text);
        assert_int_equal(tasks_import(&t, 0, &r), ST_OK);
        assert_int_equal(r.rows[SPLIT_POOL], 100);
        assert_int_equal(r.rows[SPLIT_TEST], 90);
        assert_in_range(r.rows[SPLIT_DEV], 81, 82);
        assert_int_equal(rows(&r), 1000);
        note_owners(&t, owner[order]);
    }
    assert_memory_equal(owner[0], owner[1], sizeof owner[0]);
    tasks_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_lines), cmocka_unit_test(test_json_values), cmocka_unit_test(test_tables),
        cmocka_unit_test(test_tagged), cmocka_unit_test(test_choices), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_places), cmocka_unit_test(test_units), cmocka_unit_test(test_parents), cmocka_unit_test(test_sources), cmocka_unit_test(test_draw)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
