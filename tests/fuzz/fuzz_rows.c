/* Any bytes as a file of questions and answers, as a table, nested JSON with rows that reach their parents, or SQuAD's
 * forms: rows or reasons, and of every row that is used the texts fit its tokens and score between 0 and 1. The first
 * byte says the format. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "coordinator/data/answer.h"
#include "coordinator/data/reader.h"
#include "coordinator/data/sample.h"
#include "coordinator/predict/nested.h"

enum { FORMATS = 3, MOST = 5000 };

#define HEAD                                                                                                               \
    "name: X\nkind: extractive\ntemplate: '：“{context}”问{question}'\nsources:\n  - folder: x\n    files: {train: " \
    "f}\n    answers: answers\n"
static const char *const entries[FORMATS] = {
    HEAD "    format: table\n    csv: true\n    columns: [c, q, answers]\n    fields: {context: c, question: q}\n",
    HEAD "    format: json\n    rows: [\"*.r.*\", a]\n    fields: {context: ../c, question: q}\n",
    HEAD "    format: squad\n    fields: {context: context, question: question}\n"};
static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n，\n甲\n乙\n丙\n0\n1\na\n##b\n";

static struct vocabulary *vocabulary;
static struct catalogue catalogues[FORMATS];

static void open_all(void)
{
    if (vocabulary) return;
    if (vocabulary_parse("fuzz", vocab, sizeof vocab - 1, &vocabulary) != ST_OK) abort();
    for (int i = 0; i < FORMATS; i++)
        if (catalogue_parse("x.yaml", entries[i], strlen(entries[i]), &catalogues[i]) != ST_OK) abort();
}

/* A row's words and texts as two shards of one row. */
static void check_row(const struct sample *x)
{
    const uint64_t index[2] = {0, x->n}, texts_index[2] = {0, x->texts_n};
    const struct shard beside = {.rows = 1, .fields = 2, .index = index, .data = x->words};
    const struct shard texts = {.rows = 1, .index = texts_index, .data = x->texts};
    struct row_texts row;
    double f1;

    if (texts_check(&texts, "fuzz", &beside, 0) != ST_OK) abort();
    texts_row(&texts, 0, &row);
    for (int32_t last = 0; last < row.tokens && last < 20; last++)
        if (answer_f1(&row, last / 2, last, &f1) != ST_OK || !(f1 >= 0 && f1 <= 1)) abort();
    if (answer_f1(&row, 0, -1, &f1) != ST_OK || f1 != (row.answers == 0)) abort();
}

static void read_rows(struct reader *r, struct sampler *sampler)
{
    const struct source_file file = {0};
    int64_t fits[STARTS_ANY] = {0};
    struct sample sample;
    const char *why;
    json_t *row;

    for (int i = 0; i < MOST && reader_next(r, &row, &why) == ST_OK; i++) {
        if (!row && !why) abort();
        if (!row) continue;
        if (sampler_measure(sampler, &file, row, fits) != ST_OK) abort();
        if (sampler_take(sampler, &file, row, &sample) != ST_OK) abort();
        if (!sample.why) check_row(&sample);
        sampler_starts(sampler, (enum start_unit)(i % STARTS_ANY));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct entry *entry;
    struct sampler *sampler;
    struct reader *r;
    char path[64];
    int fd;

    if (size < 1) return 0;
    open_all();
    nested_begins((const char *)data + 1, size - 1);
    entry = &catalogues[data[0] % FORMATS].entry[0];
    fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1)) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (sampler_new(entry, entry->source, vocabulary, &sampler) != ST_OK) abort();
    if (reader_open(entry->source, path, &r) == ST_OK) {
        read_rows(r, sampler);
        reader_close(&r);
    }
    sampler_destroy(&sampler);
    close(fd);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const char *const texts[] = {
        "\0甲乙丙,甲,乙\r\n\"甲,\n\"\"乙\",丙,\"乙\"\n\"甲\n丙,\"乙\",甲\n𠀀甲\"乙,0,甲\n",
        "\1[{\"c\":\"甲乙𠀀丙\",\"r\":[{\"q\":\"0\",\"answers\":{\"text\":[\"丙\",\"丁\"],\"answer_start\":[4,0]}},{"
        "\"q\":1,\"answers\":[\"乙\"]},2],"
        "\"a\":[3]},{\"r\":{\"x\":{\"q\":\"甲\",\"answers\":\"甲\"}}}]",
        "\2{\"version\":\"1\",\"data\":[{\"title\":\"a\",\"paragraphs\":[{\"context\":\"ab甲丙\",\"qas\":[{"
        "\"question\":\"0\",\"id\":\"1\",\"answers\":"
        "[{\"text\":\"甲\",\"answer_start\":2}]}]}]},{\"qas\":[]}]}",
        "\2[{\"context_id\":\"1\",\"context_text\":\"甲㐂\",\"qas\":[{\"query_id\":\"1\",\"query_text\":\"0\","
        "\"answers\":[\"㐂\",\"甲㐂\"]}]}]"};
    size_t n;

    if (i >= (int)(sizeof texts / sizeof *texts)) return 0;
    n = 1 + strlen(texts[i] + 1);
    if (n > room) return 0;
    memcpy(out, texts[i], n);
    return n;
}
