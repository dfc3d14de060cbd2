/* Small tasks made on the spot: a catalogue, raw files and a vocabulary in a fresh folder, imported into shards. */
#ifndef MP2_TESTS_SUPPORT_TASKS_H
#define MP2_TESTS_SUPPORT_TASKS_H

#include "coordinator/data/dataset.h"
#include "coordinator/data/import.h"

/* Ids of the vocabulary: 5 … 14 are placeholders, characters follow in the order of tasks_characters. */
enum { TASKS_PAD, TASKS_UNK, TASKS_CLS, TASKS_SEP, TASKS_MASK, TASKS_PLACEHOLDER, TASKS_CHARACTERS = 15 };
extern const char *const tasks_characters[];

struct tasks {
    char folder[256], raw[512], catalogue[512], vocab[512], shards[512];
};

void tasks_open(struct tasks *t);
void tasks_close(struct tasks *t);

/* An entry, and a raw file of folder x. */
void tasks_entry(const struct tasks *t, const char *id, const char *yaml);
void tasks_raw(const struct tasks *t, const char *file, const char *text);

/* Import all entries; the report of the last task goes to *report (may be NULL). */
status tasks_import(const struct tasks *t, int strict, struct import_report *report);

/* Open with the given form. */
status tasks_dataset(const struct tasks *t, const char *id, const struct input_form *form, struct dataset **out);

/* The id of a character. */
int32_t tasks_id(const char *character);
/* text, all of known characters, as ids; returns their number. */
int tasks_ids(const char *text, int32_t *out);

#endif
