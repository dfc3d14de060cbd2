/* The file's order of pieces means nothing, their ids do. An id that no piece has becomes an empty line, as a row of
 * the table without a name. */
#include "coordinator/text/tokenizer_json.h"

#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/json.h"
#include "cluster/base/log.h"

enum { ID_LIMIT = 1 << 22, WORD_CHARS = 100 };

/* ---- values ------------------------------------------------------------------------------------------------------ */

status tokenizer_flag(const char *file, const json_t *object, const char *key, int standard, int *out)
{
    const json_t *value = json_object_get(object, key);

    *out = value ? json_is_true(value) : standard;
    if (!value || json_is_boolean(value)) return ST_OK;
    return fault(ST_INPUT, "%s: \"%s\" is neither true nor false", file, key);
}

status tokenizer_flag_or_null(const char *file, const json_t *object, const char *key, int standard, int *out)
{
    *out = standard;
    return json_is_null(json_object_get(object, key)) ? ST_OK : tokenizer_flag(file, object, key, standard, out);
}

int64_t tokenizer_id(const json_t *value)
{
    const char *text = json_string_value(value);
    double number = json_number_value(value);
    int64_t id = 0;

    if (json_is_number(value))
        return number >= 0 && number < 1e15 && number == (double)(int64_t)number ? (int64_t)number : -1;
    if (!text || !*text || strlen(text) > 15) return -1;
    for (; *text >= '0' && *text <= '9'; text++) id = id * 10 + (*text - '0');
    return *text ? -1 : id;
}

status tokenizer_put_token(const char *file, const json_t *object, int64_t id, int cleaned, struct added_tokens *list)
{
    const json_t *content = json_object_get(object, "content");
    struct added_token t = {
        .text = json_string_value(content), .n = json_string_length(content), .id = id, .file = file};

    if (!t.text) return fault(ST_INPUT, "%s: an added token without \"content\"", file);
    TRY(tokenizer_flag(file, object, "normalized", cleaned, &t.cleaned));
    TRY(tokenizer_flag(file, object, "single_word", 0, &t.whole_word));
    return added_tokens_put(list, &t);
}

/* The text under a key of an object inside, such as model.type. */
static status expect_text(const char *file, const json_t *root, const char *inside, const char *key,
                          const char *expected)
{
    const json_t *object = json_object_get(root, inside);
    const char *found = json_string_value(json_object_get(object, key));

    if (found && strcmp(found, expected) == 0) return ST_OK;
    return fault(ST_INPUT, "%s: \"%s\" has %s%.60s%s as \"%s\", expected \"%s\"", file, inside, found ? "\"" : "",
                 found ? found : "nothing", found ? "\"" : "", key, expected);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

struct piece_list {
    const char **text;
    size_t *n;
    int64_t count, room;
};

static status put_piece(const char *file, const char *text, size_t n, int64_t id, struct piece_list *list)
{
    if (id < 0 || id >= list->room)
        return fault(ST_INPUT, "%s: the id of \"%.60s\" is no whole number from 0 to %lld", file, text,
                     (long long)list->room - 1);
    if (memchr(text, '\n', n)) return fault(ST_INPUT, "%s: a piece with a line end, id %lld", file, (long long)id);
    if (list->text[id])
        return fault(ST_INPUT, "%s: \"%.60s\" and \"%.60s\" both have the id %lld", file, list->text[id], text,
                     (long long)id);
    list->text[id] = text;
    list->n[id] = n;
    if (id >= list->count) list->count = id + 1;
    return ST_OK;
}

static status write_lines(const struct piece_list *list, struct tokenizer_json *out)
{
    char *p;

    for (int64_t i = 0; i < list->count; i++) out->bytes += list->n[i] + 1;
    TRY(mem_alloc(out->bytes + 1, 1, &out->lines));
    p = out->lines;
    for (int64_t i = 0; i < list->count; i++) {
        if (list->n[i] > 0) memcpy(p, list->text[i], list->n[i]);
        p += list->n[i];
        *p++ = '\n';
    }
    return ST_OK;
}

static status read_pieces(const char *file, const json_t *model, struct tokenizer_json *out)
{
    json_t *vocab = json_object_get(model, "vocab"), *value;
    struct piece_list list = {.room = 2 * (int64_t)json_object_size(vocab) + 1000};
    const char *text;
    size_t n;
    status s;

    if (!json_is_object(vocab) || json_object_size(vocab) == 0)
        return fault(ST_INPUT, "%s: \"model\" has no pieces as \"vocab\"", file);
    if (list.room > ID_LIMIT) list.room = ID_LIMIT;
    s = mem_alloc((size_t)list.room, sizeof *list.text, &list.text);
    if (s == ST_OK) s = mem_alloc((size_t)list.room, sizeof *list.n, &list.n);
    json_object_keylen_foreach(vocab, text, n, value)
    {
        if (s != ST_OK) break;
        s = put_piece(file, text, n, tokenizer_id(value), &list);
    }
    if (s == ST_OK) s = write_lines(&list, out);
    mem_free(list.text);
    mem_free(list.n);
    return s;
}

static status read_model(const char *file, const json_t *root, struct tokenizer_json *out)
{
    const json_t *model = json_object_get(root, "model"), *longest = json_object_get(model, "max_input_chars_per_word");

    /* Early files do not name the type: the prefix of pieces within a word is WordPiece's alone. */
    if (json_object_get(model, "type")) TRY(expect_text(file, root, "model", "type", "WordPiece"));
    TRY(expect_text(file, root, "model", "unk_token", "[UNK]"));
    TRY(expect_text(file, root, "model", "continuing_subword_prefix", "##"));
    if (longest && tokenizer_id(longest) != WORD_CHARS)
        return fault(ST_INPUT, "%s: \"max_input_chars_per_word\" is %g, expected %d", file, json_number_value(longest),
                     WORD_CHARS);
    return read_pieces(file, model, out);
}

/* ---- what is done before it, and what is added ------------------------------------------------------------------- */

static status read_clean_up(const char *file, const json_t *root, struct clean_up *out)
{
    const json_t *normalizer = json_object_get(root, "normalizer");
    int cleaned;

    TRY(expect_text(file, root, "normalizer", "type", "BertNormalizer"));
    TRY(expect_text(file, root, "pre_tokenizer", "type", "BertPreTokenizer"));
    TRY(tokenizer_flag(file, normalizer, "clean_text", 1, &cleaned));
    TRY(tokenizer_flag(file, normalizer, "handle_chinese_chars", 1, &out->chinese));
    TRY(tokenizer_flag(file, normalizer, "lowercase", 1, &out->lower));
    TRY(tokenizer_flag_or_null(file, normalizer, "strip_accents", out->lower, &out->strip));
    return cleaned ? ST_OK : fault(ST_INPUT, "%s: \"clean_text\" is false, expected true", file);
}

static status read_added(const char *file, const json_t *root, struct added_tokens *list)
{
    const json_t *array = json_object_get(root, "added_tokens"), *token;
    size_t i;

    json_array_foreach(array, i, token)
    {
        int64_t id = tokenizer_id(json_object_get(token, "id"));

        if (id < 0) return fault(ST_INPUT, "%s: an added token without an \"id\" from 0", file);
        TRY(tokenizer_put_token(file, token, id, 1, list));
    }
    return ST_OK;
}

static status read_root(const char *file, json_t *root, struct tokenizer_json *out)
{
    status s;

    *out = (struct tokenizer_json){0};
    s = read_model(file, root, out);
    if (s == ST_OK) s = read_clean_up(file, root, &out->clean);
    if (s == ST_OK) s = read_added(file, root, &out->added);
    json_decref(root);
    if (s != ST_OK) tokenizer_json_fini(out);
    return s;
}

status tokenizer_json_load(const char *path, struct tokenizer_json *out)
{
    json_t *root;

    *out = (struct tokenizer_json){0};
    TRY(json_open_foreign(path, &root));
    return read_root(path, root, out);
}

status tokenizer_json_parse(const char *file, const char *text, size_t n, struct tokenizer_json *out)
{
    json_t *root;

    *out = (struct tokenizer_json){0};
    TRY(json_parse_foreign(file, text, n, &root));
    return read_root(file, root, out);
}

void tokenizer_json_fini(struct tokenizer_json *t)
{
    mem_free(t->lines);
    added_tokens_fini(&t->added);
    *t = (struct tokenizer_json){0};
}
