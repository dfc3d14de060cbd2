/* A tuned file of any bytes: refused, or every value of it can be used and inputs be made. The input is the JSON's
 * length (4 bytes), the JSON, the safetensors file. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/tune/tuned.h"

static void use_task(const struct tuned *t, const struct tuned_task *task)
{
    size_t bank = (size_t)task->layers * (size_t)task->form.prompt * (size_t)t->hidden;
    int32_t words[2 * FIELD_LIMIT] = {0}, option[3] = {-1, -1, 1};
    struct shard_row row = {.label = 0};
    struct example_buffer buffer = {0};
    struct example x;
    struct input_cut cut;
    volatile float sum = task->head[0] + task->head[2 * t->hidden - 1];

    if (task->prompt) sum += task->prompt[0] + task->prompt[bank - 1];
    if (task->router) sum += task->router[(size_t)task->layers * (size_t)task->modules - 1];
    for (int i = 0; i < task->meta.fields; i++) row.field[i] = (struct ids){1, words};
    if (task->meta.kind == TASK_CHOICES) {
        row.items = 1;
        row.item_head = option;
        row.item_ids = words;
    }
    input_cut(&task->rule, &row, &cut);
    if (cut.length > 0 && cut.length < 1 << 20 && input_make(&task->rule, &row, 0, 0, &buffer, &x) != ST_OK) abort();
    example_buffer_fini(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t n;
    struct tuned t;
    char *json;
    void *tensors;

    log_init('-', -1, LOG_SILENT);
    if (size < 4) return 0;
    memcpy(&n, data, 4);
    if (n > size - 4) n = (uint32_t)(size - 4);
    /* Blocks of their own, so that nothing after them can be read unseen. */
    if (mem_text((const char *)data + 4, n, &json) != ST_OK || mem_alloc(size - 4 - n, 1, &tensors) != ST_OK) abort();
    memcpy(tensors, data + 4 + n, size - 4 - n);
    if (tuned_parse("fuzz", json, n, tensors, size - 4 - n, &t) == ST_OK) {
        for (size_t i = 0; i < t.count; i++) use_task(&t, &t.task[i]);
        tuned_fini(&t);
    }
    mem_free(json);
    mem_free(tensors);
    return 0;
}

/* ---- a well-formed file ---- */

static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n，\n：\n甲\n乙\n丙\n丁\n";
static const char *const entries[] = {
    "name: X\nkind: labels\ntemplate: '甲：{t}：'\nlabels: [丙, 丁]\nsources:\n  - folder: x\n    format: jsonl\n"
    "    files: {train: f}\n    fields: {t: t}\n    label: y\n",
    "name: X\nkind: choices\ntemplate: '甲：{t}：'\nshorten: [t]\nsources:\n  - folder: x\n    format: jsonl\n"
    "    files: {train: f}\n    fields: {t: t}\n    options: o\n    answer: y\n",
    "name: X\nkind: extractive\nno_answer: 乙\ntemplate: '甲乙：{context}：{question}'\nsources:\n  - folder: x\n    "
    "format: jsonl\n"
    "    files: {train: f}\n    fields: {context: c, question: q}\n    answers: a\n    impossible: n\n"};

static status describe(const char *entry, struct tuned *t, struct tuned_task *task, char **description)
{
    struct vocabulary *v;
    struct catalogue c;

    TRY(vocabulary_parse("fuzz", vocab, sizeof vocab - 1, &v));
    TRY(catalogue_parse("x.yaml", entry, strlen(entry), &c));
    TRY(meta_make(&c.entry[0], &c.entry[0].source[0], "", v, description, &task->description_bytes));
    task->description = *description;
    memcpy(t->vocabulary_digest, vocabulary_digest(v), 33);
    catalogue_free(&c);
    vocabulary_destroy(&v);
    return ST_OK;
}

static size_t join(const char *path, uint8_t *out, size_t room)
{
    char name[256], *part[2];
    size_t n[2], total;
    uint32_t first;

    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%s", path, i ? ".safetensors" : ".json");
        if (file_read(name, room, &part[i], &n[i]) != ST_OK) return 0;
    }
    total = 4 + n[0] + n[1];
    first = (uint32_t)n[0];
    if (total > room) abort();
    memcpy(out, &first, 4);
    memcpy(out + 4, part[0], n[0]);
    memcpy(out + 4 + n[0], part[1], n[1]);
    mem_free(part[0]);
    mem_free(part[1]);
    return total;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const float values[64] = {1, 2, 3};
    struct tuned_task task = {.form = {2, 5, 32, 0},
                              .method = "gradient",
                              .layers = 2,
                              .modules = 2,
                              .prompt = values,
                              .head = values,
                              .router = values};
    struct tuned t = {.encoder_layers = 2, .hidden = 2, .count = 1, .task = &task};
    char folder[] = "/tmp/mp2-fuzz-XXXXXX", path[64], *description;
    size_t n;

    if (i >= 3) return 0;
    memset(t.encoder_digest, '0', 32);
    if (!mkdtemp(folder) || describe(entries[i], &t, &task, &description) != ST_OK) abort();
    snprintf(path, sizeof path, "%s/t", folder);
    if (tuned_save(path, &t) != ST_OK) abort();
    n = join(path, out, room);
    mem_free(description);
    if (file_remove_tree(folder) != ST_OK || n == 0) abort();
    return n;
}
