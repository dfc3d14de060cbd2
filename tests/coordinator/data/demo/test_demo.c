/* The demo data: the same bytes for the same seed, every file that the shipped entries read, every label, answers
 * where they should be, no combination of the tasks in the text, and no character outside the vocabulary. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cluster/base/file.h"
#include "cluster/base/memory.h"
#include "coordinator/data/catalogue.h"
#include "coordinator/data/demo/demo.h"
#include "coordinator/data/demo/encoder.h"
#include "worker/model/source.h"

static XXH64_hash_t file_digest(const char *folder, const char *name)
{
    char path[4096], *data;
    size_t size;
    XXH64_hash_t h;

    assert_int_equal(file_join(path, sizeof path, folder, name), ST_OK);
    assert_int_equal(file_read(path, (size_t)1 << 30, &data, &size), ST_OK);
    assert_true(size > 0);
    h = XXH64(data, size, 0);
    mem_free(data);
    return h;
}

/* The digest of all files of all tasks, the text and the vocabulary. */
static XXH64_hash_t folder_digest(const char *folder)
{
    int count;
    const struct demo_task *tasks = demo_tasks(&count);
    XXH64_hash_t h = file_digest(folder, "text/demo.txt") ^ file_digest(folder, "vocab.txt") ^
                     file_digest(folder, "encoder/model.safetensors");

    for (int t = 0; t < count; t++)
        for (int f = 0; f < DEMO_FILES && tasks[t].files[f].name; f++) {
            char name[512];

            snprintf(name, sizeof name, "%s/%s", tasks[t].folder, tasks[t].files[f].name);
            h = h * 31 + file_digest(folder, name);
        }
    return h;
}

static void test_same_bytes(void **state)
{
    char folder[4096], a[4096], b[4096], c[4096];

    (void)state;
    test_folder(folder, sizeof folder);
    assert_int_equal(file_join(a, sizeof a, folder, "a"), ST_OK);
    assert_int_equal(file_join(b, sizeof b, folder, "b"), ST_OK);
    assert_int_equal(file_join(c, sizeof c, folder, "c"), ST_OK);
    assert_int_equal(demo_write(a, 7, DEMO_SMALL), ST_OK);
    assert_int_equal(demo_write(b, 7, DEMO_SMALL), ST_OK);
    assert_int_equal(demo_write(c, 8, DEMO_SMALL), ST_OK);
    assert_true(folder_digest(a) == folder_digest(b));
    assert_true(folder_digest(a) != folder_digest(c));
    test_folder_remove(folder);
}

/* The encoder is one that the loader takes, with a row for every word of the vocabulary. */
static void test_encoder(void **state)
{
    char folder[4096], vocab[4096], encoder[4096];
    struct model_source *source;

    (void)state;
    test_folder(folder, sizeof folder);
    assert_int_equal(file_join(vocab, sizeof vocab, folder, "vocab.txt"), ST_OK);
    assert_int_equal(file_join(encoder, sizeof encoder, folder, "encoder"), ST_OK);
    assert_int_equal(demo_vocabulary_write(vocab), ST_OK);
    assert_int_equal(demo_encoder_write(encoder, random_seed(1, RANDOM_DEMO), vocab), ST_OK);
    assert_int_equal(model_source_open(encoder, &source), ST_OK);
    assert_int_equal(model_source_config(source)->vocab, demo_vocabulary_size());
    model_source_close(&source);
    assert_true(demo_vocabulary_id("，") > DEMO_MASK);
    assert_int_equal(demo_vocabulary_id("龘"), DEMO_UNK);
    test_folder_remove(folder);
}

/* Every task of the catalogue that is upstream or downstream has demo data under an entry's folder. */
static void test_catalogue(void **state)
{
    struct catalogue c;
    int count, upstream = 0, downstream = 0;
    const struct demo_task *tasks = demo_tasks(&count);

    (void)state;
    assert_int_equal(catalogue_load(TEST_SOURCE_DIR "/configs/tasks", &c), ST_OK);
    for (int t = 0; t < count; t++) {
        const struct entry *e = NULL;

        for (size_t i = 0; i < c.count; i++)
            if (strcmp(c.entry[i].id, tasks[t].id) == 0) e = &c.entry[i];
        if (!e) fail_msg("no entry %s", tasks[t].id);
        upstream += e && e->upstream >= 0;
        downstream += e && e->downstream;
    }
    assert_int_equal(upstream, 38);
    assert_int_equal(downstream, 14);
    catalogue_free(&c);
}

static void check_row(const struct demo_task *task, const struct demo_row *row)
{
    for (int i = 0; i < DEMO_FIELDS; i++) {
        assert_true(row->field[i].n < DEMO_TEXT - 100);
        assert_null(strpbrk(row->field[i].s, "\"\\$/"));
    }
    if (row->options) {
        assert_true(row->label >= 0 && row->label < row->options);
        for (int i = 0; i < row->options; i++)
            for (int j = 0; j < i; j++) assert_string_not_equal(row->option[i].s, row->option[j].s);
    } else if (!task->words && row->answer.n) {
        const char *first = strstr(row->field[0].s, row->answer.s);

        assert_non_null(first);
        assert_null(strstr(first + 1, row->answer.s));
    }
}

static void test_rows(void **state)
{
    struct random_key key = random_seed(3, RANDOM_DEMO);
    int count;
    const struct demo_task *tasks = demo_tasks(&count);
    struct demo_row row;

    (void)state;
    for (int t = 0; t < count; t++) {
        int seen[64] = {0}, labels = demo_labels(&tasks[t]),
            n = labels                              ? labels
                : tasks[t].make == demo_make_choice ? 4
                                                    : 0;
        int without = 0;

        for (uint32_t i = 0; i < 400; i++) {
            demo_row_at(key, &tasks[t], 0, i, 1, -1, &row);
            check_row(&tasks[t], &row);
            assert_true(row.label >= 0 && row.label < 64);
            seen[row.label]++;
            without += !tasks[t].words && !row.options && !row.answer.n;
        }
        for (int l = 0; l < n; l++)
            if (!seen[l]) fail_msg("%s: label %d never occurs", tasks[t].id, l);
        assert_true((without > 0) == (tasks[t].matter.share > 0));
    }
}

/* One bit a character of the vocabulary (the basic plane). */
static unsigned char *known_characters(void)
{
    unsigned char *known = calloc(1, 65536);
    char folder[4096], path[4096], line[64];
    FILE *in;

    assert_non_null(known);
    test_folder(folder, sizeof folder);
    assert_int_equal(file_join(path, sizeof path, folder, "vocab.txt"), ST_OK);
    assert_int_equal(demo_vocabulary_write(path), ST_OK);
    in = fopen(path, "r");
    assert_non_null(in);
    for (int id = 0; fgets(line, sizeof line, in); id++) {
        const unsigned char *u = (const unsigned char *)line;
        int code = u[0] < 0x80   ? u[0]
                   : u[0] < 0xe0 ? (u[0] & 31) << 6 | (u[1] & 63)
                                 : (u[0] & 15) << 12 | (u[1] & 63) << 6 | (u[2] & 63);

        line[strcspn(line, "\n")] = 0;
        if (id == 0) assert_string_equal(line, "[PAD]");
        if (id == 100) assert_string_equal(line, "[UNK]");
        if (id == 101) assert_string_equal(line, "[CLS]");
        if (id == 102) assert_string_equal(line, "[SEP]");
        if (id == 103) assert_string_equal(line, "[MASK]");
        if (id >= 1000 && id < 1050) assert_memory_equal(line, "[unused", 7);
        if (line[0] == '[' && line[1]) continue;
        if (known[code]) fail_msg("twice in the vocabulary: %s", line);
        known[code] = 1;
    }
    fclose(in);
    test_folder_remove(folder);
    return known;
}

static void check_characters(const unsigned char *known, const char *s)
{
    for (const unsigned char *u = (const unsigned char *)s; *u;) {
        int bytes = *u < 0x80 ? 1 : *u < 0xe0 ? 2 : 3;
        int code = bytes == 1   ? u[0]
                   : bytes == 2 ? (u[0] & 31) << 6 | (u[1] & 63)
                                : (u[0] & 15) << 12 | (u[1] & 63) << 6 | (u[2] & 63);

        if (!known[code] && code != ' ') fail_msg("not in the vocabulary: %.*s", bytes, (const char *)u);
        u += bytes;
    }
}

static void test_vocabulary(void **state)
{
    struct random_key key = random_seed(5, RANDOM_DEMO);
    unsigned char *known = known_characters();
    int count;
    const struct demo_task *tasks = demo_tasks(&count);
    struct demo_row row;
    struct demo_text text;

    (void)state;
    check_characters(known, "，。？：、\",");
    for (int t = 0; t < count; t++) {
        if (tasks[t].words) check_characters(known, tasks[t].words);
        for (const char *s = tasks[t].question; *s; s++) /* $0 is a field */
            if (*s == '$') s++;
            else if ((*s & 0xc0) == 0xc0) check_characters(known, (char[]){s[0], s[1], s[2], 0});
        for (uint32_t i = 0; i < 500; i++) {
            demo_row_at(key, &tasks[t], 0, i, 1, -1, &row);
            for (int f = 0; f < DEMO_FIELDS; f++) check_characters(known, row.field[f].s);
            for (int o = 0; o < row.options; o++) check_characters(known, row.option[o].s);
        }
    }
    for (uint32_t i = 0; i < 10000; i++) {
        demo_passage(key, i, &text);
        assert_true(text.n > 0 && text.n < DEMO_TEXT - 20);
        check_characters(known, text.s);
    }
    free(known);
}

static void test_frames(void **state)
{
    struct demo_word w[2] = {demo_as_word("甲"), demo_as_word("乙")};
    struct demo_text t = {0};

    (void)state;
    demo_say(&t, demo_as_word("$0比$1大$0"), w);
    assert_string_equal(t.s, "甲比乙大甲");
    assert_int_equal(demo_count("一 二/两 三"), 3);
    assert_true(demo_same(demo_form(demo_item("一 二/两 三", 1), 1), demo_as_word("两")));
    assert_int_equal(demo_index("一 二/两 三", demo_as_word("三")), 2);
    assert_int_equal(demo_index("一 二/两 三", demo_as_word("二")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),    cmocka_unit_test(test_rows),    cmocka_unit_test(test_vocabulary),
        cmocka_unit_test(test_catalogue), cmocka_unit_test(test_encoder), cmocka_unit_test(test_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
