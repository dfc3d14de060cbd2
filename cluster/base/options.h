/* One table of options a command. A row feeds the YAML reader, --set, `mp2 help COMMAND` and the resolved dump that is
 * stored with every run. Precedence: --set, file, default. Nothing is clamped in silence: a value out of its bounds, of
 * the wrong type, or under an unknown key is ST_INPUT with file:line, what was found and what was expected.
 *
 * A dotted name stands for nesting: option "train.steps" is
 *     train:
 *       steps: 1000
 * in YAML and --set train.steps=1000 on the command line. */
#ifndef MP2_CLUSTER_BASE_OPTIONS_H
#define MP2_CLUSTER_BASE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cluster/base/digest.h"
#include "cluster/base/memory.h"
#include "cluster/base/status.h"

enum option_type {
    OPTION_INT,    /* int64_t; k, M, G suffixes are powers of 1000, Ki, Mi, Gi of 1024 */
    OPTION_REAL,   /* double */
    OPTION_BOOL,   /* int: true | false */
    OPTION_TEXT,   /* const char *; "" when empty */
    OPTION_CHOICE, /* int: index into choices */
    OPTION_LIST    /* struct option_list of texts; in --set separated by commas */
};

/* What changes when the option changes (cluster/README.md, "Exactness"): only result options enter the digest that a
 * resumed run must match. */
enum option_affects { AFFECTS_RESULT, AFFECTS_PLACEMENT, AFFECTS_LIMIT };

struct option_list {
    size_t count;
    const char *const *items;
};

struct option {
    const char *name;
    enum option_type type;
    size_t offset;        /* of the field in the command's configuration struct */
    const char *standard; /* default, as text; NULL: the user must give it */
    double least, most;   /* bounds of OPTION_INT and OPTION_REAL; both 0: none */
    enum option_affects affects;
    const char *unit;    /* "" when none */
    const char *help;    /* one sentence */
    const char *choices; /* OPTION_CHOICE: "a|b|c" */
};

/* Rows of a table, one macro a type. at: the field's offset, offsetof(struct …, field). standard as above. effect:
 * RESULT, PLACEMENT or LIMIT. */
#define INT_OPTION(key, at, default_text, lo, hi, effect, of, text)                                                 \
    {                                                                                                               \
        .name = (key), .type = OPTION_INT, .offset = (at), .standard = (default_text), .least = (lo), .most = (hi), \
        .affects = AFFECTS_##effect, .unit = (of), .help = (text)                                                   \
    }
#define REAL_OPTION(key, at, default_text, lo, hi, effect, of, text)                                                 \
    {                                                                                                                \
        .name = (key), .type = OPTION_REAL, .offset = (at), .standard = (default_text), .least = (lo), .most = (hi), \
        .affects = AFFECTS_##effect, .unit = (of), .help = (text)                                                    \
    }
#define BOOL_OPTION(key, at, default_text, effect, text) PLAIN_OPTION(OPTION_BOOL, key, at, default_text, effect, text)
#define TEXT_OPTION(key, at, default_text, effect, text) PLAIN_OPTION(OPTION_TEXT, key, at, default_text, effect, text)
#define LIST_OPTION(key, at, default_text, effect, text) PLAIN_OPTION(OPTION_LIST, key, at, default_text, effect, text)
#define CHOICE_OPTION(key, at, default_text, of, effect, text)                                             \
    {                                                                                                      \
        .name = (key), .type = OPTION_CHOICE, .offset = (at), .standard = (default_text), .choices = (of), \
        .affects = AFFECTS_##effect, .unit = "", .help = (text)                                            \
    }
#define PLAIN_OPTION(kind, key, at, default_text, effect, text)                                                 \
    {                                                                                                           \
        .name = (key), .type = (kind), .offset = (at), .standard = (default_text), .affects = AFFECTS_##effect, \
        .unit = "", .help = (text)                                                                              \
    }

struct options {
    const struct option *table;
    size_t count;
    void *config;           /* the struct that the offsets point into */
    struct mem_keep memory; /* texts and lists; owned */
};

/* Local. Set every field of config: defaults, then the file (path NULL: none), then sets (each "name=value").
 * On failure nothing has to be undone. Texts live until options_fini. */
status options_load(const struct option *table, size_t count, void *config, const char *path, const char *const *sets,
                    size_t set_count, struct options *out);
/* The same from text (name: for messages) instead of a file, without sets. */
status options_load_text(const struct option *table, size_t count, void *config, const char *name, const char *text,
                         size_t bytes, struct options *out);
void options_fini(struct options *o);

/* Local. The resolved values as YAML that options_load reads back to the same values. */
status options_dump(const struct options *o, FILE *to);
/* The same as a string, freed by free(). */
status options_text(const struct options *o, char **text);

/* Local. 128-bit digest (32 hex digits and a 0) over the names and values of the options that affect the result and,
 * where counts is not NULL, that it accepts. ST_MEMORY (reported). */
status options_digest(const struct options *o, int (*counts)(void *arg, const char *name), void *arg,
                      char out[DIGEST_TEXT]);

/* Local. What may stand there: "whole number, 1 to 1024 examples (default 8)". */
void option_describe(const struct option *row, char *out, size_t room);
/* Local. The table as text for `mp2 help COMMAND`. */
void options_help(const struct option *table, size_t count, FILE *to);

#endif
