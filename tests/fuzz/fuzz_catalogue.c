/* Entries of the catalogue. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "cluster/base/log.h"
#include "coordinator/data/catalogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct catalogue catalogue;

    log_init('-', -1, LOG_SILENT);
    if (catalogue_parse("x.yaml", (const char *)data, size, &catalogue) == ST_OK) {
        if (catalogue.count != 1 || catalogue.entry[0].fields < 1) abort();
        catalogue_free(&catalogue);
    }
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const char *const seeds[] = {
        "name: X\nkind: labels\ntemplate: '“{a}”与“{b}”？'\nlabels: [是, 否]\nshorten: [a]\nsplit: {by: [a], dev: 0.2}\n"
        "variants: {run: {template: '“{b}”{a}', labels: [对, 否]}}\nsources:\n  - {folder: x, format: table, header: true, csv: true,\n"
        "     files: {train: [f, {name: g, set: {y: 1}}], dev: h}, fields: {a: {path: q.0, join: 、}, b: z}, label: y,\n"
        "     values: {是: [1, 2]}, ignore: [\"-\"]}\n",
        "name: X\nkind: extractive\nno_answer: 无\ntemplate: '无“{context}”问{question}'\nupstream: 3\ndownstream: true\nfew_shot: 8\n"
        "sources:\n  - {folder: x, format: squad, files: {train: f}, fields: {context: context, question: question},\n"
        "     answers: answers, impossible: is_impossible}\n",
        "name: X\nkind: choices\ntemplate: '“{a}”'\nshorten: [a]\nsources:\n  - {folder: x, format: c3, files: {train: f},\n"
        "     fields: {a: document}, options: [o, p], answer: answer, answer_as: letter}\n"};

    if (i >= (int)(sizeof seeds / sizeof *seeds)) return 0;
    return (size_t)snprintf((char *)out, room, "%s", seeds[i]);
}
