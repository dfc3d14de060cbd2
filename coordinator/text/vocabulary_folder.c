/* The files of a vocabulary, in the forms that transformers writes: up to version 4 a vocab.txt, and beside it what
 * was added to it and how texts are cleaned; from version 5 on a tokenizer.json with all of it. Where the libraries'
 * versions read a folder differently, or drop something, it is reported. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/json.h"
#include "cluster/base/log.h"
#include "coordinator/text/tokenizer_config.h"
#include "coordinator/text/tokenizer_json.h"
#include "coordinator/text/vocabulary.h"

static const char plain_name[] = "vocab.txt", json_name[] = "tokenizer.json";

enum { PATH_ROOM = 4096, LETTERS = 26 };

struct folder {
    char path[PATH_ROOM], plain[PATH_ROOM],
        json[PATH_ROOM]; /* the folder and its two files; "" where one is not there */
    struct tokenizer_json pieces;
    struct tokenizer_config config;
    struct added_tokens added;
    struct vocabulary_parts parts;
};

/* ---- which files ------------------------------------------------------------------------------------------------- */

/* The folder of a path that names it, its vocab.txt or its tokenizer.json; 0: it is a file of its own. */
static int folder_of(const char *path, char out[PATH_ROOM])
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    if (file_keep_path(out, PATH_ROOM, path) != ST_OK) return 0;
    if (file_is_folder(path)) return 1;
    if (strcmp(name, plain_name) != 0 && strcmp(name, json_name) != 0) return 0;
    strcpy(out + (name - path), name == path ? "." : "");
    return file_exists(path) || vocabulary_in(out); /* a name that is not there is told as it was given */
}

static status find_file(const char *folder, const char *name, char out[PATH_ROOM])
{
    TRY(file_join(out, PATH_ROOM, folder, name));
    if (!file_exists(out)) *out = 0;
    return ST_OK;
}

int vocabulary_in(const char *folder)
{
    char path[PATH_ROOM];

    return (find_file(folder, plain_name, path) == ST_OK && *path) ||
           (find_file(folder, json_name, path) == ST_OK && *path);
}

/* ---- added tokens ------------------------------------------------------------------------------------------------ */

static status put_all(struct added_tokens *to, const struct added_tokens *from)
{
    for (size_t i = 0; i < from->count; i++) TRY(added_tokens_put(to, &from->items[i]));
    return ST_OK;
}

/* Those with ids first, in the order of the ids; the others get theirs in the order in which they stand. */
static int by_id(const void *a, const void *b)
{
    int64_t x = ((const struct added_token *)a)->id, y = ((const struct added_token *)b)->id;

    return (x > y) - (x < y);
}

static status put_with_ids(struct added_tokens *to, const struct added_tokens *from, int with)
{
    for (size_t i = 0; i < from->count; i++)
        if ((from->items[i].id >= 0) == with) TRY(added_tokens_put(to, &from->items[i]));
    return ST_OK;
}

static status sort_added(struct added_tokens *list)
{
    struct added_tokens sorted = {0};
    status s = put_with_ids(&sorted, list, 1);

    if (s == ST_OK && sorted.count > 1) qsort(sorted.items, sorted.count, sizeof *sorted.items, by_id);
    if (s == ST_OK) s = put_with_ids(&sorted, list, 0);
    added_tokens_fini(list);
    *list = sorted;
    return s;
}

/* What another file has and the list has not: transformers leaves it out. */
static void say_unused(const struct folder *f, const struct added_tokens *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct added_token *t = &list->items[i];

        if (added_tokens_find(&f->added, t->text, t->n)) continue;
        log_warn("tokenizer-tokens",
                 "file=%s token=\"%.60s\" why=\"not in added_tokens_decoder of tokenizer_config.json; not used\"",
                 t->file, t->text);
        return;
    }
}

static status gather_added(struct folder *f)
{
    const struct tokenizer_config *c = &f->config;
    int json = !c->listed || c->backend;

    if (json) TRY(put_all(&f->added, &f->pieces.added));
    TRY(put_all(&f->added, &c->added));
    TRY(put_all(&f->added, &c->special));
    TRY(sort_added(&f->added));
    if (!json) say_unused(f, &f->pieces.added);
    say_unused(f, &c->unused);
    f->parts.added = &f->added;
    return ST_OK;
}

/* ---- clean-up ---------------------------------------------------------------------------------------------------- */

static const char *truth(int value)
{
    return value ? "true" : "false";
}

/* transformers cleans texts as tokenizer_config.json says, and as its own defaults are where that is silent; only the
 * classes of tokenizers alone follow tokenizer.json. */
static void choose_clean_up(struct folder *f)
{
    const struct clean_up *json = &f->pieces.clean;
    struct clean_up *clean = &f->config.clean;

    f->parts.clean = clean;
    if (!*f->json) return;
    if (f->config.backend) {
        *clean = *json;
        f->config.lower_said = 1;
    }
    if (json->lower == clean->lower && json->strip == clean->strip && json->chinese == clean->chinese) return;
    log_warn("tokenizer-clean-up",
             "file=%s lowercase=%s strip_accents=%s handle_chinese_chars=%s why=\"tokenizer_config.json says %s, "
             "%s and %s (do_lower_case, strip_accents, tokenize_chinese_chars), and is followed, as in transformers\"",
             f->json, truth(json->lower), truth(json->strip), truth(json->chinese), truth(clean->lower),
             truth(clean->strip), truth(clean->chinese));
}

/* The number of letters from first on that are pieces. */
static int count_letters(const struct vocabulary *v, char first)
{
    int count = 0;

    for (int i = 0; i < LETTERS; i++) {
        char letter = (char)(first + i);

        count += vocabulary_id(v, &letter, 1) >= 0;
    }
    return count;
}

/* Either setting can make words unknown, or pieces that no word ever reaches. */
static void say_case(const struct folder *f, const struct vocabulary *v)
{
    int capitals = count_letters(v, 'A'), small = count_letters(v, 'a');

    if (!f->config.clean.lower && 2 * capitals < LETTERS && small > capitals)
        log_warn("tokenizer-case",
                 "file=%s capitals=%d letters=%d why=\"do_lower_case is false, but most capitals are no pieces: words "
                 "with them are unknown\"",
                 vocabulary_path(v), capitals, small);
    if (f->config.clean.lower && !f->config.lower_said && 2 * capitals > LETTERS)
        log_warn(
            "tokenizer-case",
            "file=%s capitals=%d why=\"capitals are pieces, but no tokenizer_config.json says do_lower_case: false, "
            "so every letter becomes lower case\"",
            vocabulary_path(v), capitals);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* The lines of vocab.txt as the vocabulary has them (white space at their ends is none of a piece's). */
static status lines_differ(const struct folder *f, const char *text, size_t bytes, int *differ)
{
    struct vocabulary *a = NULL, *b = NULL;
    status s = vocabulary_parse(f->plain, text, bytes, &a);

    if (s == ST_OK) s = vocabulary_parse(f->json, f->pieces.lines, f->pieces.bytes, &b);
    *differ = s == ST_OK && strcmp(vocabulary_digest(a), vocabulary_digest(b)) != 0;
    vocabulary_destroy(&a);
    vocabulary_destroy(&b);
    return s;
}

static status read_lines(struct folder *f)
{
    struct vocabulary_parts *p = &f->parts;

    if (*f->json) TRY(tokenizer_json_load(f->json, &f->pieces));
    if (!*f->plain) {
        p->path = f->json;
        p->lines = f->pieces.lines;
        p->bytes = f->pieces.bytes;
        f->pieces.lines = NULL;
        return ST_OK;
    }
    p->path = f->plain;
    TRY(file_read(f->plain, VOCABULARY_LIMIT, &p->lines, &p->bytes));
    if (!*f->json) return ST_OK;
    TRY(lines_differ(f, p->lines, p->bytes, &p->odd_json));
    if (p->odd_json)
        log_warn(
            "vocabulary-files",
            "files=\"%s %s\" why=\"their pieces differ; vocab.txt is followed, transformers follows tokenizer.json\"",
            f->plain, f->json);
    return ST_OK;
}

static status load_folder(struct folder *f, struct vocabulary **out)
{
    struct vocabulary_parts parts;

    TRY(find_file(f->path, plain_name, f->plain));
    TRY(find_file(f->path, json_name, f->json));
    if (!*f->plain && !*f->json) return fault(ST_INPUT, "%s: has neither %s nor %s", f->path, plain_name, json_name);
    TRY(read_lines(f));
    TRY(tokenizer_config_load(f->path, &f->config));
    choose_clean_up(f);
    TRY(gather_added(f));
    f->parts.files = 1;
    parts = f->parts;
    f->parts.lines = NULL;
    TRY(vocabulary_build(&parts, out));
    say_case(f, *out);
    return ST_OK;
}

static status load_file(const char *path, struct vocabulary **out)
{
    struct vocabulary_parts parts = {.path = path, .clean = &clean_up_standard};

    TRY(file_read(path, VOCABULARY_LIMIT, &parts.lines, &parts.bytes));
    return vocabulary_build(&parts, out);
}

status vocabulary_load(const char *path, struct vocabulary **out)
{
    struct folder *f;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *f, &f));
    s = folder_of(path, f->path) ? load_folder(f, out) : load_file(path, out);
    mem_free(f->parts.lines);
    added_tokens_fini(&f->added);
    tokenizer_config_fini(&f->config);
    tokenizer_json_fini(&f->pieces);
    mem_free(f);
    return s;
}

status vocabulary_expect(const char *folder, const char *digest, const char *whose)
{
    struct vocabulary *v;
    status s = ST_OK;

    if (!vocabulary_in(folder)) return ST_OK;
    TRY(vocabulary_load(folder, &v));
    if (strcmp(vocabulary_digest(v), digest) != 0)
        s = fault(ST_INPUT,
                  "%s: of another vocabulary (digest %s) than the encoder's, %s (digest %s; pieces, added tokens and "
                  "tokenizer_config.json count)",
                  whose, digest, vocabulary_path(v), vocabulary_digest(v));
    vocabulary_destroy(&v);
    return s;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static status copy_file(const char *from, const char *folder, const char *name)
{
    char path[PATH_ROOM], *text;
    size_t n;
    status s;

    TRY(file_join(path, sizeof path, folder, name));
    TRY(file_read(from, VOCABULARY_LIMIT, &text, &n));
    s = file_replace(path, text, n);
    mem_free(text);
    return s;
}

/* name of the one folder, where it is there, into the other. */
static status copy_beside(const char *from, const char *folder, const char *name, int *copied)
{
    char path[PATH_ROOM];

    TRY(find_file(from, name, path));
    *copied = *path != 0;
    return *copied ? copy_file(path, folder, name) : ST_OK;
}

static status make_config(const char *folder, int64_t positions)
{
    json_t *root = json_pack("{s:s, s:b, s:I}", "tokenizer_class", "BertTokenizer", "do_lower_case", 1,
                             "model_max_length", (json_int_t)positions);
    char path[PATH_ROOM], *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    status s = text ? file_join(path, sizeof path, folder, tokenizer_file_name(TOKENIZER_CONFIG))
                    : fault(ST_MEMORY, "out of memory: %s", tokenizer_file_name(TOKENIZER_CONFIG));

    if (s == ST_OK) s = file_replace(path, text, strlen(text));
    free(text);
    json_decref(root);
    return s;
}

status vocabulary_write(const struct vocabulary *v, const char *folder, int64_t positions)
{
    const char *path = vocabulary_path(v);
    char from[PATH_ROOM];
    int copied = 0, configured = 0;

    TRY(file_make_folder(folder));
    if (!vocabulary_has_files(v)) {
        TRY(copy_file(path, folder, plain_name));
        return make_config(folder, positions);
    }
    if (!folder_of(path, from)) return fault(ST_SYSTEM, "internal error: %s is no folder's vocabulary", path);
    TRY(copy_beside(from, folder, plain_name, &copied));
    if (!vocabulary_has_odd_json(v)) TRY(copy_beside(from, folder, json_name, &copied));
    for (int i = 0; i < TOKENIZER_FILES; i++) {
        TRY(copy_beside(from, folder, tokenizer_file_name((enum tokenizer_file)i), &copied));
        if (i == TOKENIZER_CONFIG) configured = copied;
    }
    return configured ? ST_OK : make_config(folder, positions);
}
