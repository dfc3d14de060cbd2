/* The option table's reader and writer. Every value comes in as text with a place (file:line or --set), is parsed by
 * type in one function, and goes out by one function, so file, command line, dump and digest cannot disagree. */
#include "cluster/base/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/yaml.h"

struct option_place {
    const char *path;
    int line;
}; /* path NULL: the command line */

static status keep_text(struct options *o, const char *text, const char **out)
{
    return mem_keep_text(&o->memory, text, strlen(text), out);
}

static status bad(struct option_place at, const struct option *row, const char *found, const char *expected)
{
    if (at.path)
        return fault(ST_INPUT, "%s:%d: %s: found \"%.80s\", expected %s", at.path, at.line, row->name, found, expected);
    return fault(ST_USAGE, "--set %s: found \"%.80s\", expected %s", row->name, found, expected);
}

static status check_bounds(struct option_place at, const struct option *row, const char *text, double value)
{
    char expected[128];

    if ((row->least == 0 && row->most == 0) || (value >= row->least && value <= row->most)) return ST_OK;
    snprintf(expected, sizeof expected, "%.15g to %.15g%s%s", row->least, row->most, row->unit[0] ? " " : "",
             row->unit);
    return bad(at, row, text, expected);
}

static status parse_int(struct option_place at, const struct option *row, const char *text, int64_t *out)
{
    static const struct {
        const char *suffix;
        int64_t factor;
    } suffixes[] = {{"", 1},
                    {"k", 1000},
                    {"M", 1000000},
                    {"G", 1000000000},
                    {"Ki", INT64_C(1) << 10},
                    {"Mi", INT64_C(1) << 20},
                    {"Gi", INT64_C(1) << 30}};
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || errno != 0) return bad(at, row, text, "a whole number");
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcmp(end, suffixes[i].suffix) == 0) {
            if (__builtin_mul_overflow((int64_t)value, suffixes[i].factor, out))
                return bad(at, row, text, "a whole number of 64 bits");
            return check_bounds(at, row, text, (double)*out);
        }
    return bad(at, row, text, "a whole number");
}

static status parse_real(struct option_place at, const struct option *row, const char *text, double *out)
{
    char *end;

    *out = strtod(text, &end);
    if (end == text || *end != 0 || !isfinite(*out)) return bad(at, row, text, "a number");
    return check_bounds(at, row, text, *out);
}

static status parse_choice(struct option_place at, const struct option *row, const char *text, int *out)
{
    const char *p = row->choices;
    char expected[256];

    for (int i = 0; *p; i++) {
        size_t n = strcspn(p, "|");
        if (strlen(text) == n && memcmp(text, p, n) == 0) {
            *out = i;
            return ST_OK;
        }
        p += n + (p[n] == '|');
    }
    snprintf(expected, sizeof expected, "one of %s", row->choices);
    return bad(at, row, text, expected);
}

/* The text without spaces around it, cut in place. */
static char *trim(char *text)
{
    size_t n;

    text += strspn(text, " ");
    for (n = strlen(text); n > 0 && text[n - 1] == ' ';) text[--n] = 0;
    return text;
}

/* "a,b" or, as in the file, "[a, b]". */
static status split_list(struct options *o, const char *text, struct option_list *list)
{
    size_t count, n;
    const char **items;
    char *copy, *p;

    TRY(mem_keep_new(&o->memory, strlen(text) + 1, 1, &copy));
    memcpy(copy, text, strlen(text) + 1);
    p = trim(copy);
    n = strlen(p);
    if (n >= 2 && p[0] == '[' && p[n - 1] == ']') {
        p[n - 1] = 0;
        p = trim(p + 1);
    }
    count = p[0] ? 1 : 0;
    for (const char *q = p; *q; q++) count += *q == ',';
    TRY(mem_keep_new(&o->memory, count, sizeof *items, &items));
    for (size_t i = 0; i < count; i++) {
        char *next = p + strcspn(p, ",");

        if (*next) *next++ = 0;
        items[i] = trim(p);
        p = next;
    }
    list->count = count;
    list->items = items;
    return ST_OK;
}

static status set_text(struct options *o, const struct option *row, struct option_place at, const char *text)
{
    char *field = (char *)o->config + row->offset;

    switch (row->type) {
    case OPTION_INT: return parse_int(at, row, text, (int64_t *)(void *)field);
    case OPTION_REAL: return parse_real(at, row, text, (double *)(void *)field);
    case OPTION_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) return bad(at, row, text, "true or false");
        *(int *)(void *)field = text[0] == 't';
        return ST_OK;
    case OPTION_TEXT: return keep_text(o, text, (const char **)(void *)field);
    case OPTION_CHOICE: return parse_choice(at, row, text, (int *)(void *)field);
    case OPTION_LIST: return split_list(o, text, (struct option_list *)(void *)field);
    }
    return bad(at, row, text, "a known type");
}

static status set_list(struct options *o, const struct option *row, struct option_place at, const struct yaml *node)
{
    struct option_list *list = (void *)((char *)o->config + row->offset);
    const char **items;

    TRY(mem_keep_new(&o->memory, node->count, sizeof *items, &items));
    for (size_t i = 0; i < node->count; i++) {
        if (node->items[i].kind != YAML_TEXT) return bad(at, row, "a nested value", "a list of plain values");
        TRY(keep_text(o, node->items[i].text, &items[i]));
    }
    list->count = node->count;
    list->items = items;
    return ST_OK;
}

static const struct option *find_option(const struct options *o, const char *name)
{
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->table[i].name, name) == 0) return &o->table[i];
    return NULL;
}

/* Is name the beginning of some option's dotted path? */
static int is_section(const struct options *o, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < o->count; i++)
        if (strncmp(o->table[i].name, name, n) == 0 && o->table[i].name[n] == '.') return 1;
    return 0;
}

/* How many letters differ at the front and back: good enough to suggest the key that was meant. */
static const char *nearest(const struct options *o, const char *name)
{
    const char *best = NULL;
    size_t most = 0;

    for (size_t i = 0; i < o->count; i++) {
        const char *other = o->table[i].name;
        size_t n = strlen(name), m = strlen(other), same = 0, back = 0;

        while (same < n && same < m && name[same] == other[same]) same++;
        while (back + same < n && back + same < m && name[n - 1 - back] == other[m - 1 - back]) back++;
        if (same + back > most) most = same + back, best = other;
    }
    return best;
}

static status unknown(const struct options *o, struct option_place at, const char *name)
{
    const char *near = nearest(o, name);

    if (at.path)
        return fault(ST_INPUT, "%s:%d: unknown key \"%.80s\"%s%s%s", at.path, at.line, name,
                     near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return fault(ST_USAGE, "--set %.80s: unknown option%s%s%s", name, near ? ", did you mean \"" : "", near ? near : "",
                 near ? "\"?" : "");
}

static status load_map(struct options *o, const char *path, const struct yaml *map, const char *prefix)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml *node = &map->items[i];
        struct option_place at = {path, map->key_lines[i]};
        const struct option *row;
        char name[256];

        if (snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] ? "." : "", map->keys[i]) >= (int)sizeof name)
            return fault(ST_INPUT, "%s:%d: a key of %zu bytes", path, at.line, strlen(map->keys[i]));
        row = find_option(o, name);
        if (row && node->kind == YAML_TEXT) TRY(set_text(o, row, at, node->text));
        else if (row && row->type == OPTION_LIST && node->kind == YAML_LIST) TRY(set_list(o, row, at, node));
        else if (row) return bad(at, row, "a nested value", row->type == OPTION_LIST ? "a list" : "one value");
        else if (!is_section(o, name)) return unknown(o, at, name);
        else if (node->kind == YAML_MAP) TRY(load_map(o, path, node, name));
        else if (node->kind != YAML_TEXT || node->text[0])
            return fault(ST_INPUT, "%s:%d: %s: expected nested keys", path, at.line, name);
    }
    return ST_OK;
}

static status load_root(struct options *o, const char *path, struct yaml_file *file)
{
    status s;

    if (file->root->kind != YAML_MAP) s = fault(ST_INPUT, "%s:%d: expected keys and values", path, file->root->line);
    else s = load_map(o, path, file->root, "");
    yaml_close(file);
    return s;
}

static status load_sets(struct options *o, const char *const *sets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(sets[i], '=');
        const struct option *row;
        char name[256];
        size_t n = equals ? (size_t)(equals - sets[i]) : 0;

        if (!equals || n == 0 || n >= sizeof name) return fault(ST_USAGE, "--set %.80s: expected name=value", sets[i]);
        memcpy(name, sets[i], n);
        name[n] = 0;
        row = find_option(o, name);
        if (!row) return unknown(o, (struct option_place){0}, name);
        TRY(set_text(o, row, (struct option_place){0}, equals + 1));
    }
    return ST_OK;
}

static status check_given(const struct options *o, const char *path)
{
    for (size_t i = 0; i < o->count; i++) {
        const struct option *row = &o->table[i];
        const char *field = (const char *)o->config + row->offset;

        if (!row->standard && row->type == OPTION_TEXT && !*(const char *const *)(const void *)field)
            return fault(ST_INPUT, "%s: %s is missing: %s", path ? path : "command line", row->name, row->help);
    }
    return ST_OK;
}

static status load_defaults(const struct option *table, size_t count, void *config, struct options *out)
{
    status s = ST_OK;

    *out = (struct options){.table = table, .count = count, .config = config};
    for (size_t i = 0; i < count && s == ST_OK; i++) {
        if (table[i].standard) s = set_text(out, &table[i], (struct option_place){"default", 0}, table[i].standard);
        else *(const char **)(void *)((char *)config + table[i].offset) = NULL; /* only texts can be required */
    }
    return s;
}

status options_load_text(const struct option *table, size_t count, void *config, const char *name, const char *text,
                         size_t bytes, struct options *out)
{
    struct yaml_file file;
    status s = load_defaults(table, count, config, out);

    if (s == ST_OK) s = yaml_parse(name, text, bytes, &file);
    if (s == ST_OK) s = load_root(out, name, &file);
    if (s == ST_OK) s = check_given(out, name);
    if (s != ST_OK) options_fini(out);
    return s;
}

status options_load(const struct option *table, size_t count, void *config, const char *path, const char *const *sets,
                    size_t set_count, struct options *out)
{
    struct yaml_file file;
    status s = load_defaults(table, count, config, out);

    if (s == ST_OK && path) s = yaml_load(path, &file);
    if (s == ST_OK && path) s = load_root(out, path, &file);
    if (s == ST_OK) s = load_sets(out, sets, set_count);
    if (s == ST_OK) s = check_given(out, path);
    if (s != ST_OK) options_fini(out);
    return s;
}

void options_fini(struct options *o)
{
    mem_keep_free(&o->memory);
}

/* A text as a YAML double-quoted scalar. */
static void write_quoted(FILE *to, const char *text)
{
    putc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\') fprintf(to, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f) fprintf(to, "\\x%02x", *p);
        else putc(*p, to);
    }
    putc('"', to);
}

static void write_value(const struct options *o, const struct option *row, FILE *to)
{
    const char *field = (const char *)o->config + row->offset;
    const struct option_list *list;
    const char *p;

    switch (row->type) {
    case OPTION_INT: fprintf(to, "%lld", (long long)*(const int64_t *)(const void *)field); return;
    case OPTION_REAL: fprintf(to, "%.17g", *(const double *)(const void *)field); return;
    case OPTION_BOOL: fputs(*(const int *)(const void *)field ? "true" : "false", to); return;
    case OPTION_TEXT: write_quoted(to, *(const char *const *)(const void *)field); return;
    case OPTION_CHOICE:
        p = row->choices;
        for (int i = *(const int *)(const void *)field; i > 0; i--) p += strcspn(p, "|") + 1;
        fprintf(to, "%.*s", (int)strcspn(p, "|"), p);
        return;
    case OPTION_LIST:
        list = (const void *)field;
        putc('[', to);
        for (size_t i = 0; i < list->count; i++) {
            if (i) fputs(", ", to);
            write_quoted(to, list->items[i]);
        }
        putc(']', to);
        return;
    }
}

/* Rows of one section stand together in a table, so sections open when the prefix changes. */
status options_dump(const struct options *o, FILE *to)
{
    char open[256] = "";

    for (size_t i = 0; i < o->count; i++) {
        const char *name = o->table[i].name, *dot = strchr(name, '.');
        size_t n = dot ? (size_t)(dot - name) : 0;

        if (dot && (strlen(open) != n || memcmp(open, name, n) != 0)) {
            snprintf(open, sizeof open, "%.*s", (int)n, name);
            fprintf(to, "%s:\n", open);
        }
        fprintf(to, "%s%s: ", dot ? "  " : "", dot ? dot + 1 : name);
        write_value(o, &o->table[i], to);
        putc('\n', to);
    }
    return ferror(to) ? fault(ST_IO, "the resolved configuration cannot be written") : ST_OK;
}

status options_text(const struct options *o, char **text)
{
    size_t bytes = 0;
    FILE *to;
    status s;

    *text = NULL;
    to = open_memstream(text, &bytes);
    if (!to) return fault(ST_MEMORY, "out of memory: the resolved configuration");
    s = options_dump(o, to);
    if (fclose(to) != 0 && s == ST_OK) s = fault(ST_MEMORY, "out of memory: the resolved configuration");
    return s;
}

status options_digest(const struct options *o, int (*counts)(void *arg, const char *name), void *arg,
                      char out[DIGEST_TEXT])
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);
    int failed;

    if (!memory) return fault(ST_MEMORY, "out of memory: a digest of the options");
    for (size_t i = 0; i < o->count; i++) {
        if (o->table[i].affects != AFFECTS_RESULT || (counts && !counts(arg, o->table[i].name))) continue;
        fprintf(memory, "%s=", o->table[i].name);
        write_value(o, &o->table[i], memory);
        putc('\n', memory);
    }
    failed = ferror(memory);
    failed |= fclose(memory) != 0;
    if (!failed) digest_text(XXH3_128bits(text, bytes), out);
    free(text);
    return failed ? fault(ST_MEMORY, "out of memory: a digest of the options") : ST_OK;
}

void option_describe(const struct option *row, char *out, size_t room)
{
    static const char *const types[] = {"whole number", "number", "true|false", "text", "", "list"};
    char bounds[80] = "", standard[200] = "";

    if (row->least != 0 || row->most != 0) snprintf(bounds, sizeof bounds, ", %.15g to %.15g", row->least, row->most);
    if (!row->standard) snprintf(standard, sizeof standard, " (must be given)");
    else if (row->standard[0]) snprintf(standard, sizeof standard, " (default %s)", row->standard);
    snprintf(out, room, "%s%s%s%s%s", row->type == OPTION_CHOICE ? row->choices : types[row->type], bounds,
             row->unit[0] ? " " : "", row->unit, standard);
}

void options_help(const struct option *table, size_t count, FILE *to)
{
    char what[512];

    for (size_t i = 0; i < count; i++) {
        option_describe(&table[i], what, sizeof what);
        fprintf(to, "  %-26s %s\n  %-26s %s\n", table[i].name, what, "", table[i].help);
    }
}
