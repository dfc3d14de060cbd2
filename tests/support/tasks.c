#include "tests/support/tasks.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "tests/support/support.h"

const char *const tasks_characters[] = {"，", "：", "？", "“",  "”",  "。", "甲", "乙", "丙", "丁", "戊", "己", "庚",
                                        "辛", "壬", "癸", "子", "丑", "寅", "卯", "是", "否", "无", "问", "文", "0",
                                        "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",  "对", NULL};

void tasks_open(struct tasks *t)
{
    char text[2048];
    size_t n;

    test_folder(t->folder, sizeof t->folder);
    snprintf(t->raw, sizeof t->raw, "%s/raw", t->folder);
    snprintf(t->catalogue, sizeof t->catalogue, "%s/tasks", t->folder);
    snprintf(t->shards, sizeof t->shards, "%s/shards", t->folder);
    snprintf(text, sizeof text, "%s/x", t->raw);
    assert_int_equal(file_make_folder(text), ST_OK);
    assert_int_equal(file_make_folder(t->catalogue), ST_OK);
    n = (size_t)snprintf(text, sizeof text, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
    for (int i = TASKS_PLACEHOLDER; i < TASKS_CHARACTERS; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "[p%d]\n", i);
    for (int i = 0; tasks_characters[i]; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\n", tasks_characters[i]);
    test_file(t->folder, "vocab.txt", text, n, t->vocab, sizeof t->vocab);
}

void tasks_close(struct tasks *t)
{
    test_folder_remove(t->folder);
}

void tasks_entry(const struct tasks *t, const char *id, const char *yaml)
{
    char name[128], path[700];

    snprintf(name, sizeof name, "%s.yaml", id);
    test_file(t->catalogue, name, yaml, strlen(yaml), path, sizeof path);
}

void tasks_raw(const struct tasks *t, const char *file, const char *text)
{
    char name[128], path[700];

    snprintf(name, sizeof name, "x/%s", file);
    test_file(t->raw, name, text, strlen(text), path, sizeof path);
}

static void keep_report(void *arg, const struct import_report *report)
{
    if (arg) *(struct import_report *)arg = *report;
}

status tasks_import(const struct tasks *t, int strict, struct import_report *report)
{
    const struct import_options options = {t->raw, t->shards, {0, NULL}, strict};
    struct vocabulary *vocabulary;
    struct catalogue catalogue;
    status s;

    TRY(catalogue_load(t->catalogue, &catalogue));
    assert_int_equal(vocabulary_load(t->vocab, &vocabulary), ST_OK);
    s = import_run(&catalogue, vocabulary, &options, keep_report, report);
    vocabulary_destroy(&vocabulary);
    catalogue_free(&catalogue);
    return s;
}

status tasks_dataset(const struct tasks *t, const char *id, const struct input_form *form, struct dataset **out)
{
    const struct option_list one = {1, &id};

    return dataset_open(t->shards, &one, form, out);
}

int32_t tasks_id(const char *character)
{
    for (int i = 0; tasks_characters[i]; i++)
        if (strcmp(tasks_characters[i], character) == 0) return TASKS_CHARACTERS + i;
    fail_msg("%s is not in the vocabulary", character);
    return -1;
}

int tasks_ids(const char *text, int32_t *out)
{
    int n = 0;

    while (*text) {
        char character[5] = {0};
        size_t bytes = (unsigned char)*text < 0x80 ? 1 : 3;
        memcpy(character, text, bytes);
        out[n++] = tasks_id(character);
        text += bytes;
    }
    return n;
}
