/* The readers of published formats and what is made of their rows. The first byte of an input chooses the format. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "coordinator/data/reader.h"
#include "coordinator/data/sample.h"

#define LABELS "name: X\nkind: labels\ntemplate: '“{a}”？'\nlabels: [是, 否]\nsources:\n  - folder: x\n    files: {train: f}\n    fields: {a: q}\n    label: y\n"
static const char *const entries[] = {
    LABELS "    format: jsonl\n", LABELS "    format: json\n", LABELS "    format: json\n    rows: [\"*\", \"*.m.*\"]\n",
    LABELS "    format: table\n    columns: [q, y]\n", LABELS "    format: table\n    header: true\n    csv: true\n",
    LABELS "    format: tagged\n    tag: r\n",
    "name: X\nkind: extractive\ntemplate: '“{context}”'\nsources:\n  - folder: x\n    files: {train: f}\n    format: squad\n"
    "    fields: {context: context}\n    answers: answers\n",
    "name: X\nkind: choices\ntemplate: '“{a}”'\nshorten: [a]\nsources:\n  - folder: x\n    files: {train: f}\n    format: c3\n"
    "    fields: {a: document}\n    options: choice\n    answer: answer\n    answer_as: text\n"};
static const char *const seeds[] = {
    "{\"q\":\"甲\",\"y\":\"是\"}\n{\"q\":[1,2.5,null],\"y\":\"否\"}\n", "[{\"q\":\"甲\\\"]\",\"y\":\"是\"},\n {\"q\":\"乙\",\"y\":\"否\"}]\n",
    "{\"a\":{\"q\":\"甲\",\"y\":\"是\",\"m\":[{\"q\":\"乙\",\"y\":\"否\"}]}}", "甲\t是\r\n乙\t否\n\n丙\n",
    "\xef\xbb\xbfq,y\n\"甲,\"\"\n乙\",是\n丙,否\n", "<r y=\"是\">\n甲\n</r>\n<r y=\"否\" k=\"1\">乙</r>\n",
    "{\"data\":[{\"paragraphs\":[{\"context\":\"甲乙丙\",\"qas\":[{\"question\":\"丁\",\"answers\":[{\"text\":\"乙\",\"answer_start\":1},{\"text\":\"丙\","
    "\"answer_start\":0}]}]}]}]}",
    "[[[\"甲。\",\"乙\"],[{\"question\":\"?\",\"choice\":[\"丙\",\"丁\"],\"answer\":\"丁\"}],\"1\"]]"};
enum { FORMATS = sizeof entries / sizeof *entries };

static void read_all(const struct entry *entry, const struct vocabulary *vocabulary, const char *path)
{
    const struct source *source = &entry->source[0];
    struct sampler *sampler;
    struct reader *reader;
    struct sample sample;
    const char *why;
    char place[128];
    json_t *row;

    if (reader_open(source, path, &reader) != ST_OK) return;
    if (sampler_new(entry, source, vocabulary, &sampler) != ST_OK) abort();
    while (reader_next(reader, &row, &why) == ST_OK) {
        reader_place(reader, place, sizeof place);
        if (!row) {
            if (!why) abort();
            continue;
        }
        if (sampler_take(sampler, &source->file[0], row, &sample) != ST_OK) abort();
        if (!sample.why && sample.n == 0) abort();
    }
    sampler_destroy(&sampler);
    reader_close(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n甲\n乙\n丙\n，\n";
    static struct vocabulary *vocabulary;   /* made once, like the entries */
    static struct catalogue catalogues[FORMATS];
    struct catalogue *catalogue = &catalogues[size ? data[0] % FORMATS : 0];
    const char *entry = entries[catalogue - catalogues];
    char path[64];
    FILE *f;

    if (size < 1) return 0;
    log_init('-', -1, LOG_SILENT);
    snprintf(path, sizeof path, "/tmp/mp2-fuzz-data-%d", (int)getpid());
    if (!vocabulary && vocabulary_parse("vocab", vocab, sizeof vocab - 1, &vocabulary) != ST_OK) abort();
    if (!catalogue->count && catalogue_parse("x.yaml", entry, strlen(entry), catalogue) != ST_OK) abort();
    if (!(f = fopen(path, "wb")) || fwrite(data + 1, 1, size - 1, f) != size - 1 || fclose(f) != 0) abort();
    read_all(&catalogue->entry[0], vocabulary, path);
    remove(path);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    if (i >= FORMATS) return 0;
    out[0] = (uint8_t)i;
    return 1 + (size_t)snprintf((char *)out + 1, room - 1, "%s", seeds[i]);
}
