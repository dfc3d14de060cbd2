/* world FOLDER [nan]: a small world for the system tests, all of it made here: a vocabulary, published files of three
 * tasks (labels, choices, extraction) under raw/, and a random encoder of 2 layers under model/ ("nan": with weights
 * whose sums overflow). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/random.h"
#include "worker/model/folder.h"

enum { UNUSED = 40, CHARACTERS = 120, VOCABULARY = 5 + UNUSED + CHARACTERS + 64 };

static const char fixed_words[] = "意思判别与的是选项矛盾相似抽取式问答文本题诗句理解和最近：？“”，\"";

static uint64_t below(uint64_t at, uint64_t n)
{
    return random_below(random_seed(77, RANDOM_DEMO), at, n);
}

/* One of CHARACTERS characters, U+4E00 on, as UTF-8. */
static void put_character(FILE *f, uint64_t at)
{
    unsigned c = 0x4e00u + (unsigned)below(at, CHARACTERS);

    fprintf(f, "%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 63)), (int)(0x80 | (c & 63)));
}

static void put_text(FILE *f, uint64_t at, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) put_character(f, at * 1000 + i);
}

static FILE *create(const char *folder, const char *name)
{
    char path[4096];
    FILE *f;

    if (file_join(path, sizeof path, folder, name) != ST_OK) exit(1);
    f = fopen(path, "w");
    if (!f) exit(1);
    return f;
}

static void write_vocabulary(const char *folder)
{
    FILE *f = create(folder, "vocab.txt");

    fputs("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", f);
    for (int i = 0; i < UNUSED; i++) fprintf(f, "[unused%d]\n", i + 1);
    for (unsigned c = 0x4e00; c < 0x4e00 + CHARACTERS; c++)
        fprintf(f, "%c%c%c\n", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 63)), (int)(0x80 | (c & 63)));
    for (const char *p = fixed_words; *p;) {
        int n = (*p & 0x80) ? 3 : 1;
        fprintf(f, "%.*s\n", n, p);
        p += n;
    }
    if (fclose(f) != 0) exit(1);
}

static void write_labels(const char *folder, const char *name, uint64_t from, uint64_t rows)
{
    FILE *f = create(folder, name);

    for (uint64_t r = from; r < from + rows; r++) {
        put_text(f, 3 * r, 4 + below(r, 20));
        putc('\t', f);
        put_text(f, 3 * r + 1, 4 + below(r + 7, 20));
        fprintf(f, "\t%d\n", (int)below(r + 9000, 2));
    }
    if (fclose(f) != 0) exit(1);
}

static void write_choices(const char *folder, const char *name, uint64_t from, uint64_t rows)
{
    FILE *f = create(folder, name);

    for (uint64_t r = from; r < from + rows; r++) {
        fputs("{\"translation\": \"", f);
        put_text(f, 5 * r, 5 + below(r, 30));
        fputs("\", \"choices\": [", f);
        for (uint64_t o = 0; o < 4; o++) {
            fputs(o ? ", \"" : "\"", f);
            put_text(f, 5 * r + 1 + o, 7);
            putc('"', f);
        }
        fprintf(f, "], \"answer\": %d}\n", (int)below(r + 400, 4));
    }
    if (fclose(f) != 0) exit(1);
}

static void write_spans(const char *folder, const char *name, uint64_t from, uint64_t rows)
{
    FILE *f = create(folder, name);

    fputs("{\"version\": \"1\", \"data\": [", f);
    for (uint64_t r = from; r < from + rows; r++) {
        uint64_t length = 20 + below(r, 120), start = below(r + 1, length - 5);

        fprintf(f, "%s{\"title\": \"t\", \"paragraphs\": [{\"id\": \"P%d\", \"context\": \"", r > from ? ", " : "",
                (int)r);
        put_text(f, 7 * r, length);
        fprintf(f, "\", \"qas\": [{\"id\": \"Q%d\", \"question\": \"", (int)r);
        put_text(f, 7 * r + 1, 6);
        fputs("\", \"answers\": [{\"text\": \"", f);
        for (uint64_t i = start; i < start + 3; i++) put_character(f, 7 * r * 1000 + i);
        fprintf(f, "\", \"answer_start\": %d}]}]}]}", (int)start);
    }
    fputs("]}", f);
    if (fclose(f) != 0) exit(1);
}

static status read_weight(void *arg, const char *name, int64_t first, int64_t count, float *out)
{
    struct random_key key = random_seed(5, RANDOM_INIT);
    int norm = strstr(name, "LayerNorm.weight") != NULL, bias = strstr(name, "bias") != NULL;
    uint32_t hash = 0;

    for (const char *p = name; *p; p++) hash = hash * 31 + (uint32_t)*p;
    key = random_derive(key, hash, 0, 0, 0);
    for (int64_t i = 0; i < count; i++)
        out[i] = norm ? 1.0f : bias ? 0.0f : (float)(0.08 * random_normal(key, (uint64_t)(first + i)));
    if (*(int *)arg && strstr(name, "layer.1.output.dense.weight"))
        for (int64_t i = 0; i < count; i++) out[i] = (i & 1) ? 3e38f : -3e38f; /* finite, but its sums are not */
    return ST_OK;
}

static void write_model(const char *folder, int nan)
{
    struct model_folder what = {.config = {.layers = 2,
                                           .hidden = 48,
                                           .heads = 3,
                                           .feed_forward = 96,
                                           .positions = 256,
                                           .vocab = VOCABULARY,
                                           .types = 2,
                                           .eps = 1e-12,
                                           .hidden_dropout = 0.1,
                                           .attention_dropout = 0.1},
                                .type = TENSOR_F32,
                                .read = read_weight,
                                .arg = &nan};

    if (model_folder_write(folder, &what) != ST_OK) exit(1);
}

int main(int argc, char **argv)
{
    char folder[4096];

    if (argc < 2) return 2;
    if (chdir(argv[1]) != 0 && (file_make_folder(argv[1]) != ST_OK || chdir(argv[1]) != 0)) return 1;
    write_vocabulary(".");
    write_model("model", argc > 2 && strcmp(argv[2], "nan") == 0);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"raw/AFQMC", "raw/CCPM", "raw/CMRC2018"};
        snprintf(folder, sizeof folder, "%s", names[i]);
        if (file_make_folder(folder) != ST_OK) return 1;
    }
    write_labels("raw/AFQMC", "train.txt", 0, 90);
    write_labels("raw/AFQMC", "dev.txt", 100, 30);
    write_choices("raw/CCPM", "train.jsonl", 0, 150);
    write_choices("raw/CCPM", "valid.jsonl", 200, 25);
    write_spans("raw/CMRC2018", "cmrc2018_train.json", 0, 60);
    write_spans("raw/CMRC2018", "cmrc2018_dev.json", 80, 20);
    write_spans("raw/CMRC2018", "cmrc2018_trial.json", 110, 15);
    return 0;
}
