/* Parsing one entry of the catalogue. Internal to coordinator/data. */
#ifndef MP2_COORDINATOR_DATA_ENTRY_H
#define MP2_COORDINATOR_DATA_ENTRY_H

#include "coordinator/data/catalogue.h"

/* What parsing knows: the file (messages), the label sets so far, and where memory hangs. */
struct parser {
    const char *path;
    struct catalogue *catalogue;
    struct entry *entry;
};

/* Local. The entry of a file's root; texts point into the file's nodes. */
status entry_parse(struct parser *p, const struct yaml *root);
/* Local. Its sources. */
status source_parse(struct parser *p, const struct yaml *node, struct task_source *out);

/* Local. "name/version", or a list of words (a set named after the task, version 1). */
status labels_parse(struct parser *p, const struct yaml *node, const struct label_set **out);
/* Local. A map of name/version to words: label_sets.yaml. */
status label_sets_parse(struct parser *p, const struct yaml *root);

/* Typed values with messages. A NULL node leaves *out as it is. */
status yaml_value_text(const struct parser *p, const struct yaml *node, const char *key, const char **out);
status yaml_value_bool(const struct parser *p, const struct yaml *node, const char *key, int *out);
status yaml_value_int(const struct parser *p, const struct yaml *node, const char *key, int least, int most, int *out);
status yaml_value_share(const struct parser *p, const struct yaml *node, const char *key, double *out);
/* A text, or a list of texts; at least one, at most limit. */
status yaml_value_texts(struct parser *p, const struct yaml *node, const char *key, size_t limit, struct texts *out);
/* node is a map and has no keys but those of names (ends with NULL). */
status yaml_value_map(const struct parser *p, const struct yaml *node, const char *what, const char *const *names);

/* Index of the template field; ST_INPUT (reported) when the entry has none of that name. */
status entry_field(const struct parser *p, const char *name, int line, int *out);

#endif
