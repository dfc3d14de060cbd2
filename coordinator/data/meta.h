/* A task as its shards describe it: everything that rows need to become inputs, in tokens of the vocabulary that they
 * were imported with. Stored as JSON in every shard of the task, so that a folder of shards needs neither the
 * catalogue nor the vocabulary. */
#ifndef MP2_COORDINATOR_DATA_META_H
#define MP2_COORDINATOR_DATA_META_H

#include <stdint.h>

#include "coordinator/data/catalogue.h"
#include "coordinator/text/vocabulary.h"

struct ids {
    int count;
    const int32_t *id;
};

struct meta_label {
    const char *word;
    struct ids ids;
    int characters;
};

struct meta_wording {
    int parts;
    struct {
        int field;
        struct ids ids;
    } part[PART_LIMIT];
    const char *label_set;
    int labels;
    const struct meta_label *label;
    const char *const *words;  /* of the labels */
    int none_first, none_last; /* tokens of "no answer" inside part 0; -1: the task has none */
};

struct meta {
    const char *id, *name, *source, *group; /* group: "" when none is known */
    enum task_kind kind;
    enum task_metric metric;
    int upstream, downstream, few_shot;
    int labels;          /* of the rows: labels are 0 … labels - 1 */
    int fields, context; /* context: -1 when the kind has none */
    const char *field[FIELD_LIMIT];
    int shorten[FIELD_LIMIT];
    int32_t cls, sep, comma, vocabulary_size;
    const char *vocabulary;   /* digest, 32 hex digits */
    struct token_roles roles; /* extraction; none in shards of an import that did not write them */
    struct meta_wording wording[WORDING_COUNT];
    struct mem_keep keep;
};

/* Local. The JSON text (freed by mem_free) for a task of that group ("": none) read from source. ST_INPUT (reported)
 * when the vocabulary lacks a special token, a label word has no token, or two labels have the same tokens. */
status meta_make(const struct entry *entry, const struct task_source *source, const char *group,
                 const struct vocabulary *vocabulary, char **text, size_t *n);

/* Local. Read it back; every number is checked. path is for messages. */
status meta_parse(const char *path, const char *text, size_t n, struct meta *out);
void meta_fini(struct meta *meta);

#endif
