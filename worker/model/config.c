/* Reading config.json. Sizes are required; where Hugging Face has a default, it is the same here. */
#include "worker/model/config.h"

#include <string.h>

#include "cluster/base/json.h"
#include "cluster/base/log.h"

/* Limits far above any model, so that products of sizes fit into 64 bits. */
enum { MOST_LAYERS = 1 << 10, MOST_WIDTH = 1 << 20, MOST_ROWS = 1 << 28 };

struct config_reader {
    const char *path;
    const json_t *root;
};

/* A null counts as absent, as it does in Python. */
static const json_t *get_value(const struct config_reader *r, const char *key)
{
    const json_t *value = json_object_get(r->root, key);

    return json_is_null(value) ? NULL : value;
}

/* standard < 0: the key is required. */
static status read_int(const struct config_reader *r, const char *key, int64_t most, int64_t standard, int64_t *out)
{
    const json_t *value = get_value(r, key);

    *out = standard;
    if (!value && standard >= 0) return ST_OK;
    if (!value) return fault(ST_INPUT, "%s: \"%s\" is missing", r->path, key);
    if (!json_is_integer(value)) return fault(ST_INPUT, "%s: \"%s\" is no integer", r->path, key);
    *out = json_integer_value(value);
    if (*out < 1 || *out > most)
        return fault(ST_INPUT, "%s: \"%s\" is %lld, expected 1 to %lld", r->path, key, (long long)*out,
                     (long long)most);
    return ST_OK;
}

static status read_real(const struct config_reader *r, const char *key, double standard, double *out)
{
    const json_t *value = get_value(r, key);

    *out = value ? json_number_value(value) : standard;
    if (value && !json_is_number(value)) return fault(ST_INPUT, "%s: \"%s\" is no number", r->path, key);
    if (!(*out >= 0 && *out < 1))
        return fault(ST_INPUT, "%s: \"%s\" is %g, expected 0 to 1, 1 excluded", r->path, key, *out);
    return ST_OK;
}

static status read_flag(const struct config_reader *r, const char *key, int standard, int64_t *out)
{
    const json_t *value = get_value(r, key);

    *out = value ? json_is_true(value) : standard;
    if (!value || json_is_boolean(value)) return ST_OK;
    return fault(ST_INPUT, "%s: \"%s\" is neither true nor false", r->path, key);
}

/* The text under key, or standard; it must be one of two (second may be NULL). */
static status expect_text(const struct config_reader *r, const char *key, const char *standard, const char *second)
{
    const json_t *value = get_value(r, key);
    const char *text = value ? json_string_value(value) : standard;

    if (text && (strcmp(text, standard) == 0 || (second && strcmp(text, second) == 0))) return ST_OK;
    return fault(ST_INPUT, "%s: \"%s\" is %s%.80s%s, expected \"%s\"", r->path, key, text ? "\"" : "",
                 text ? text : "no text", text ? "\"" : "", standard);
}

static status read_bert(const struct config_reader *r, struct model_config *c)
{
    int64_t width;

    TRY(expect_text(r, "model_type", "bert", "ernie")); /* ERNIE is a BERT, sometimes with a table of task types */
    TRY(expect_text(r, "hidden_act", "gelu", "gelu_python")); /* both are erf; others differ or approximate */
    TRY(expect_text(r, "position_embedding_type", "absolute", NULL));
    TRY(read_int(r, "hidden_size", MOST_WIDTH, -1, &c->hidden));
    TRY(read_int(r, "num_hidden_layers", MOST_LAYERS, -1, &c->layers));
    TRY(read_int(r, "num_attention_heads", MOST_WIDTH, -1, &c->heads));
    TRY(read_int(r, "intermediate_size", MOST_WIDTH, -1, &c->feed_forward));
    TRY(read_int(r, "vocab_size", MOST_ROWS, 0, &c->vocab));
    TRY(read_int(r, "type_vocab_size", MOST_ROWS, 2, &c->types));
    TRY(read_int(r, "embedding_size", MOST_WIDTH, c->hidden, &width));
    TRY(read_real(r, "layer_norm_eps", 1e-12, &c->eps));
    TRY(read_real(r, "hidden_dropout_prob", 0.1, &c->hidden_dropout));
    TRY(read_real(r, "attention_probs_dropout_prob", 0.1, &c->attention_dropout));
    TRY(read_flag(r, "use_task_id", 0, &c->task));
    TRY(read_flag(r, "tie_word_embeddings", 1, &c->says_untied));
    c->says_untied = !c->says_untied;
    if (json_is_true(get_value(r, "is_decoder"))) return fault(ST_INPUT, "%s: a decoder, expected an encoder", r->path);
    if (width != c->hidden)
        return fault(ST_INPUT, "%s: \"embedding_size\" is %lld, expected \"hidden_size\" %lld", r->path,
                     (long long)width, (long long)c->hidden);
    if (c->types < 2) return fault(ST_INPUT, "%s: \"type_vocab_size\" is 1, expected at least 2", r->path);
    return ST_OK;
}

/* CPT builds its encoder as a BERT of these sizes and BERT's defaults: eps, GELU and token types are not in the file.
 */
static status read_cpt(const struct config_reader *r, struct model_config *c)
{
    TRY(read_int(r, "d_model", MOST_WIDTH, -1, &c->hidden));
    TRY(read_int(r, "encoder_layers", MOST_LAYERS, -1, &c->layers));
    TRY(read_int(r, "encoder_attention_heads", MOST_WIDTH, -1, &c->heads));
    TRY(read_int(r, "encoder_ffn_dim", MOST_WIDTH, -1, &c->feed_forward));
    TRY(read_int(r, "vocab_size", MOST_ROWS, 0, &c->vocab));
    TRY(read_real(r, "activation_dropout", 0, &c->hidden_dropout));
    TRY(read_real(r, "attention_dropout", 0, &c->attention_dropout));
    c->types = 2;
    c->eps = 1e-12;
    return ST_OK;
}

static status read_config(const struct config_reader *r, struct model_config *c)
{
    const char *type = json_string_value(get_value(r, "model_type"));
    int cpt = get_value(r, "d_model") &&
              (!get_value(r, "hidden_size") || (type && (strcmp(type, "bart") == 0 || strcmp(type, "cpt") == 0)));

    if (!cpt && !get_value(r, "hidden_size"))
        return fault(ST_INPUT, "%s: neither \"hidden_size\" (BERT) nor \"d_model\" (CPT)", r->path);
    TRY(cpt ? read_cpt(r, c) : read_bert(r, c));
    if (c->eps <= 0) return fault(ST_INPUT, "%s: \"layer_norm_eps\" is 0, expected more", r->path);
    if (c->hidden % c->heads != 0)
        return fault(ST_INPUT, "%s: %lld attention heads do not divide a hidden size of %lld", r->path,
                     (long long)c->heads, (long long)c->hidden);
    return ST_OK;
}

/* Consumes root. */
static status read_root(const char *name, json_t *root, struct model_config *config)
{
    struct config_reader r = {.path = name, .root = root};
    status s;

    memset(config, 0, sizeof *config);
    s = read_config(&r, config);
    json_decref(root);
    return s;
}

status model_config_read(const char *path, struct model_config *config)
{
    json_t *root;

    TRY(json_open(path, &root));
    return read_root(path, root, config);
}

status model_config_parse(const char *name, const char *text, size_t n, struct model_config *config)
{
    json_t *root;

    TRY(json_parse(name, text, n, &root));
    return read_root(name, root, config);
}

double model_config_flops(const struct model_config *c, int64_t n, int64_t read)
{
    double h = (double)c->hidden, qkv = 3 * h * h, rest = h * h + 2 * h * (double)c->feed_forward, tokens = (double)n;
    double layer = 4 * (qkv + rest) * tokens + 12 * h * tokens * tokens;
    double left_out = (4 * rest + 12 * h * tokens) * (double)(n - read);

    return (double)c->layers * layer - left_out;
}
