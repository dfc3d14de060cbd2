/* A row of any JSON asked of a task of each kind: refused with a reason, or its windows are inputs with every token
 * inside the vocabulary and every mark inside the row. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/data/question.h"

enum { KINDS = 3, MOST = 40 };

static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n，\n：\n甲\n乙\n丙\n丁\n0\n1\na\n##b\n";
static const char *const entries[KINDS] = {
    "name: X\nkind: labels\ntemplate: '甲：{t}：{u}'\nlabels: [丙, 丁]\nsources:\n  - folder: x\n    format: jsonl\n"
    "    files: {train: f}\n    fields: {t: t, u: u}\n    label: y\n",
    "name: X\nkind: choices\ntemplate: '甲：{t}：'\nshorten: [t]\nsources:\n  - folder: x\n    format: jsonl\n"
    "    files: {train: f}\n    fields: {t: t}\n    options: o\n    answer: y\n",
    "name: X\nkind: extractive\nno_answer: 乙\ntemplate: '甲乙：{context}：{t}'\nsources:\n  - folder: x\n    format: "
    "jsonl\n"
    "    files: {train: f}\n    fields: {context: context, t: t}\n    answers: a\n    impossible: n\n"};

struct kind {
    struct meta meta;
    struct input_rule rule;
    struct question *question;
};

static struct vocabulary *vocabulary;
static struct kind kinds[KINDS];

static status open_kind(const char *entry, struct kind *k)
{
    static const struct input_form form = {3, 5, MOST, FORM_RIGHT};
    struct catalogue c;
    char *text;
    size_t n;

    TRY(catalogue_parse("x.yaml", entry, strlen(entry), &c));
    TRY(meta_make(&c.entry[0], &c.entry[0].source[0], "", vocabulary, &text, &n));
    TRY(meta_parse("x", text, n, &k->meta));
    mem_free(text);
    catalogue_free(&c);
    TRY(input_rule_init(&k->meta, &form, &k->rule));
    return question_new(&k->rule, vocabulary, &k->question);
}

static void open_all(void)
{
    if (vocabulary) return;
    if (vocabulary_parse("fuzz", vocab, sizeof vocab - 1, &vocabulary) != ST_OK) abort();
    for (int i = 0; i < KINDS; i++)
        if (open_kind(entries[i], &kinds[i]) != ST_OK) abort();
}

static void check_window(const struct example *x, const struct token_list *context)
{
    if (x->length < 1 || x->length > MOST || x->start != -1 || x->end != -1) abort();
    for (int32_t i = 0; i < x->length; i++)
        if (x->ids[i] < 0 || x->ids[i] >= vocabulary_size(vocabulary)) abort();
    for (int i = 0; i < x->options; i++)
        if (x->option[i][0] < 1 || x->option[i][1] < x->option[i][0] || x->option[i][1] >= x->length) abort();
    if (x->options > 0) return;
    if (x->context_first < 1 || x->context_last >= x->length || x->context_skip < 0) abort();
    if ((size_t)(x->context_skip + x->context_last - x->context_first) >= context->count) abort();
}

static void ask(struct kind *k, json_t *row)
{
    struct example_buffer buffer = {0};
    const char *why, *detail;
    struct example x;

    if (question_take(k->question, row, &why, &detail) != ST_OK) abort();
    for (int w = 0; !why && w < question_windows(k->question) && w < 64; w++) {
        if (question_window(k->question, w, &buffer, &x) != ST_OK) abort();
        check_window(&x, question_context(k->question));
    }
    example_buffer_fini(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *row;

    log_init('-', -1, LOG_SILENT);
    open_all();
    row = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    for (int i = 0; json_is_object(row) && i < KINDS; i++) ask(&kinds[i], row);
    json_decref(row);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const char *const seeds[] = {
        "{\"t\": \"甲乙\", \"u\": 10, \"context\": \"丙丁甲\", \"options\": [\"甲\", \"乙丙\", 1], \"id\": null}",
        "{\"t\": \"ab [MASK] 0 \", \"u\": [\"x\"], \"context\": "
        "\"甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁\","
        " \"options\": [\"\", \"乙\"]}",
        "{\"t\": \"甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁\", \"u\": true, \"context\": "
        "\"\\u0000甲\", \"options\": \"no\"}"};
    size_t n;

    if (i >= (int)(sizeof seeds / sizeof *seeds)) return 0;
    n = strlen(seeds[i]);
    if (n > room) abort();
    memcpy(out, seeds[i], n);
    return n;
}
