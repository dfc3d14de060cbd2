/* The tasks one can import: the YAML entries of a folder (configs/tasks/README.md has the schema), parsed and checked.
 * Nothing here has seen the data. */
#ifndef MP2_COORDINATOR_DATA_CATALOGUE_H
#define MP2_COORDINATOR_DATA_CATALOGUE_H

#include <stddef.h>

#include "cluster/base/memory.h"
#include "cluster/base/options.h"
#include "cluster/base/status.h"
#include "cluster/base/yaml.h"
#include "coordinator/data/task.h"

enum { FIELD_LIMIT = 8, LABEL_LIMIT = 256, PART_LIMIT = 2 * FIELD_LIMIT + 2 };

struct label_set {
    const char *name;
    int count;
    const char *const *words;
};

/* A template's piece: a field, or (field -1) fixed text. */
struct wording_part {
    int field;
    const char *text;
};

struct wording {
    int parts;
    const struct wording_part *part;
    const struct label_set *labels;
};

/* The right one, and those of the authors' logged run and published code (FORM_… of dataset.h has the same order). */
enum { WORDING_RIGHT, WORDING_RUN, WORDING_HEAD, WORDING_COUNT };

enum source_format { FORMAT_JSONL, FORMAT_JSON, FORMAT_TABLE, FORMAT_SQUAD, FORMAT_C3, FORMAT_TAGGED };
enum answer_form { ANSWER_INDEX, ANSWER_NUMBER, ANSWER_LETTER, ANSWER_TEXT };
/* What starts of answers count; STARTS_ANY: what fits the most of a file's answers. */
enum start_unit { STARTS_CHARACTERS, STARTS_UTF16, STARTS_BYTES, STARTS_ANY };

struct texts {
    size_t count;
    const char *const *items;
};

/* A file of a source; set: a YAML map of constants, or NULL. */
struct source_file {
    enum split split;
    const char *name;
    const struct yaml *set;
    int line;
};

/* Where a template field comes from: a path, a list's members joined, or a constant. */
struct field_source {
    const char *path, *join, *constant;
};

struct value {
    const char *text;
    int label;
};

struct task_source {
    const char *about, *folder;
    int line;
    enum source_format format;
    size_t files;
    const struct source_file *file;
    struct field_source field[FIELD_LIMIT];
    const struct yaml *set;
    const char *label; /* path; labels */
    size_t values;     /* sorted by text */
    const struct value *value;
    struct texts ignore;
    const struct label_set *labels; /* of this source */
    struct texts options;           /* one path of a list, or a path an option */
    const char *answer, *answers, *impossible;
    enum answer_form answer_form;
    enum start_unit starts;
    struct texts columns, rows;
    int header, csv;
    const char *separator, *tag;
};

struct entry {
    const char *path; /* of the YAML file, for messages */
    const char *id, *name, *no_answer;
    enum task_kind kind;
    enum task_metric metric;
    int upstream, downstream, few_shot, off;
    int fields;
    const char *field[FIELD_LIMIT]; /* names, in the order of the template */
    int shorten[FIELD_LIMIT];       /* 1: may lose its end */
    int by[FIELD_LIMIT];            /* 1: rows with equal ones stay in one split */
    int context;                    /* extractive: the field that holds the answer; -1 otherwise */
    double dev_share, test_assignment, pool_slice;
    struct wording wording[WORDING_COUNT];
    size_t sources;
    const struct task_source *source;
};

struct catalogue {
    size_t count;
    struct entry *entry; /* upstream tasks in their order, then the others by id */
    size_t sets;
    const struct label_set *set;
    size_t files;
    struct yaml_file *file;
    struct mem_keep keep;
};

/* Local. Every *.yaml of folder. ST_INPUT (reported: path:line, found, expected) on anything that the schema does not
 * have. */
status catalogue_load(const char *folder, struct catalogue *out);
void catalogue_free(struct catalogue *catalogue);

/* Local. NULL when there is none of that id. */
const struct entry *catalogue_find(const struct catalogue *catalogue, const char *id);

/* Local, for tests and fuzzing: one entry from text; name stands for its path, its stem is the id. sets may be none. */
status catalogue_parse(const char *name, const char *text, size_t n, struct catalogue *out);

#endif
