#include "coordinator/text/tokenizer_config.h"

#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/json.h"
#include "cluster/base/log.h"
#include "coordinator/text/tokenizer_json.h"

/* ---- special tokens ---------------------------------------------------------------------------------------------- */

/* The special tokens that have a name of their own and, here, one text. */
static const struct {
    const char *key, *text;
} named[] = {{"unk_token", "[UNK]"},
             {"sep_token", "[SEP]"},
             {"pad_token", "[PAD]"},
             {"cls_token", "[CLS]"},
             {"mask_token", "[MASK]"}};

/* A special token is a text, or an object with its text and flags. */
static status put_special(const char *file, const json_t *value, struct added_tokens *list)
{
    struct added_token t = {.text = json_string_value(value), .n = json_string_length(value), .id = -1, .file = file};

    if (t.text) return added_tokens_put(list, &t);
    if (json_is_object(value)) return tokenizer_put_token(file, value, -1, 0, list);
    return fault(ST_INPUT, "%s: a special token that is neither text nor object", file);
}

static status check_named(const char *file, const char *key, const json_t *value, const char *expected)
{
    const char *text = json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);

    if (json_is_null(value)) return ST_OK;
    if (!text || strcmp(text, expected) != 0)
        return fault(ST_INPUT, "%s: \"%s\" is \"%.60s\", expected \"%s\"", file, key, text ? text : "no text",
                     expected);
    if (json_is_true(json_object_get(value, "normalized")))
        return fault(ST_INPUT, "%s: \"%s\" has \"normalized\": true, expected false", file, key);
    return ST_OK;
}

/* A key that names one special token: one of BERT's, or another one, which becomes a token too. */
static status take_key(const char *file, const char *key, const json_t *value, struct added_tokens *list)
{
    size_t n = strlen(key);

    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(key, named[i].key) == 0) return check_named(file, key, value, named[i].text);
    if (n < 6 || strcmp(key + n - 6, "_token") != 0 || !(json_is_string(value) || json_is_object(value))) return ST_OK;
    return put_special(file, value, list);
}

/* additional_special_tokens, extra_special_tokens: a list, or names and tokens. */
static status take_list(const char *file, const json_t *root, const char *key, struct added_tokens *list)
{
    json_t *values = json_object_get(root, key), *value;
    const char *name;
    size_t i;

    if (!values || json_is_null(values)) return ST_OK;
    if (!json_is_array(values) && !json_is_object(values)) return fault(ST_INPUT, "%s: \"%s\" is no list", file, key);
    json_array_foreach(values, i, value) TRY(put_special(file, value, list));
    json_object_foreach(values, name, value) TRY(put_special(file, value, list));
    return ST_OK;
}

static status take_special(const char *file, const json_t *root, struct added_tokens *list)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)root, key, value) TRY(take_key(file, key, value, list));
    TRY(take_list(file, root, "additional_special_tokens", list));
    return take_list(file, root, "extra_special_tokens", list);
}

/* ---- the three files --------------------------------------------------------------------------------------------- */

/* Classes that cut texts as BERT's does. */
static int is_known_class(const char *name)
{
    static const char *const known[] = {"Bert", "DistilBert", "Electra", "PreTrained"};
    const char *end = strstr(name, "Tokenizer");

    if (strcmp(name, "TokenizersBackend") == 0) return 1;
    for (size_t i = 0; end && i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == (size_t)(end - name) && strncmp(name, known[i], (size_t)(end - name)) == 0)
            return strcmp(end, "Tokenizer") == 0 || strcmp(end, "TokenizerFast") == 0;
    return 0;
}

static status take_class(struct tokenizer_config *c, const char *file, const json_t *root)
{
    const char *name = json_string_value(json_object_get(root, "tokenizer_class"));

    if (!name) return ST_OK;
    c->backend = strcmp(name, "PreTrainedTokenizerFast") == 0 || strcmp(name, "TokenizersBackend") == 0;
    if (!is_known_class(name))
        log_warn("tokenizer-class", "file=%s class=\"%.60s\" why=\"texts are cut as BertTokenizer does\"", file, name);
    return ST_OK;
}

static status take_decoder(struct tokenizer_config *c, const char *file, const json_t *root)
{
    json_t *decoder = json_object_get(root, "added_tokens_decoder"), *token;
    const char *key;

    if (!decoder) return ST_OK;
    if (!json_is_object(decoder)) return fault(ST_INPUT, "%s: \"added_tokens_decoder\" is no object", file);
    c->listed = 1;
    json_object_foreach(decoder, key, token)
    {
        json_t *id = json_string(key);
        int64_t number = tokenizer_id(id);

        json_decref(id);
        if (number < 0) return fault(ST_INPUT, "%s: \"added_tokens_decoder\": \"%.60s\" is no id", file, key);
        TRY(tokenizer_put_token(file, token, number, 1, &c->added));
    }
    return ST_OK;
}

static status take_config(struct tokenizer_config *c, const char *file, const json_t *root)
{
    TRY(tokenizer_flag(file, root, "do_lower_case", c->clean.lower, &c->clean.lower));
    TRY(tokenizer_flag(file, root, "tokenize_chinese_chars", c->clean.chinese, &c->clean.chinese));
    TRY(tokenizer_flag_or_null(file, root, "strip_accents", c->clean.lower, &c->clean.strip));
    c->lower_said = json_object_get(root, "do_lower_case") != NULL;
    TRY(take_class(c, file, root));
    TRY(take_decoder(c, file, root));
    return take_special(file, root, &c->special);
}

/* added_tokens.json: {token: id}. Special ones are looked for as they are written, others after clean-up. */
static status take_ids(struct tokenizer_config *c, const char *file, const json_t *root)
{
    struct added_tokens *list = c->listed ? &c->unused : &c->added;
    const char *text;
    json_t *value;
    size_t n;

    json_object_keylen_foreach((json_t *)(uintptr_t)root, text, n, value)
    {
        struct added_token t = {.text = text, .n = n, .id = tokenizer_id(value), .file = file};

        if (t.id < 0) return fault(ST_INPUT, "%s: the id of \"%.60s\" is no whole number from 0", file, text);
        t.cleaned = !added_tokens_find(&c->special, text, n);
        TRY(added_tokens_put(list, &t));
    }
    return ST_OK;
}

status tokenizer_config_take(struct tokenizer_config *c, enum tokenizer_file which, const char *path,
                             const json_t *root)
{
    const char *file;

    TRY(mem_keep_text(&c->keep, path, strlen(path), &file));
    if (which == TOKENIZER_CONFIG) return take_config(c, file, root);
    if (which == TOKENIZER_SPECIAL) return take_special(file, root, c->listed ? &c->unused : &c->special);
    return take_ids(c, file, root);
}

const char *tokenizer_file_name(enum tokenizer_file which)
{
    static const char *const names[TOKENIZER_FILES] = {"tokenizer_config.json", "special_tokens_map.json",
                                                       "added_tokens.json"};

    return names[which];
}

static status load_file(struct tokenizer_config *c, const char *folder, enum tokenizer_file which)
{
    char path[4096];
    json_t *root;
    status s;

    TRY(file_join(path, sizeof path, folder, tokenizer_file_name(which)));
    if (!file_exists(path)) return ST_OK;
    TRY(json_open_foreign(path, &root));
    s = tokenizer_config_take(c, which, path, root);
    json_decref(root);
    return s;
}

status tokenizer_config_load(const char *folder, struct tokenizer_config *out)
{
    status s = ST_OK;

    *out = (struct tokenizer_config){.clean = clean_up_standard};
    for (int i = 0; i < TOKENIZER_FILES && s == ST_OK; i++) s = load_file(out, folder, (enum tokenizer_file)i);
    if (s != ST_OK) tokenizer_config_fini(out);
    return s;
}

void tokenizer_config_fini(struct tokenizer_config *c)
{
    added_tokens_fini(&c->added);
    added_tokens_fini(&c->special);
    added_tokens_fini(&c->unused);
    mem_keep_free(&c->keep);
    *c = (struct tokenizer_config){0};
}
