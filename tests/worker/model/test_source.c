/* Model folders made by transformers load to the values they were made with, in every form; ours to their own; and
 * whatever the encoder does not compute, or a hostile file tries, is refused. */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/store/safetensors.h"
#include "tests/support/model.h"
#include "worker/model/names.h"
#include "worker/model/source.h"

enum { ROOM = 2000 };

static char folder[256], weights_path[512], config_path[512];

/* ---- references ------------------------------------------------------------------------------------------------- */

/* What tests/reference/models/make.py put there; ERNIE's first row of task types is in all token types. */
static float reference_value(const struct model_config *c, const char *name, int64_t i)
{
    size_t n = strlen(name);
    int norm = n > 16 && strcmp(name + n - 16, "LayerNorm.weight") == 0;
    float value = (float)((i * 7 + 13 * (int64_t)n) % 41 - 20) / 128.0f + (norm ? 1.0f : 0.0f);

    if (!c->task || strcmp(name, "embeddings.token_type_embeddings.weight") != 0) return value;
    return value +
           (float)((i % c->hidden * 7 + 13 * 38) % 41 - 20) / 128.0f; /* embeddings.task_type_embeddings.weight */
}

static void check_reference(const struct model_source *m, int64_t slots)
{
    const struct model_config *c = model_source_config(m);
    float values[ROOM], rows[ROOM];

    for (int64_t slot = 0; slot < slots; slot++) {
        char name[96];
        int64_t shape[2] = {1, 1}, n;

        n = names_shape(slot, c, shape) == 2 ? shape[0] * shape[1] : shape[0];
        names_text(slot, c->layers, name, sizeof name);
        assert_int_equal(model_source_read(m, name, values), ST_OK);
        for (int64_t i = 0; i < n; i++) assert_true(values[i] == reference_value(c, name, i));
        assert_int_equal(model_source_read_rows(m, name, 1, shape[0] - 1, rows), ST_OK);
        assert_memory_equal(rows, values + n / shape[0], (size_t)(n - n / shape[0]) * 4);
        assert_int_equal(model_source_read_rows(m, name, 1, shape[0], rows), ST_INPUT);
    }
}

static void test_references(void **state)
{
    static const struct {
        const char *name;
        int head, other;
    } forms[] = {{"mlm", 1, 0}, {"sharded", 1, 0}, {"bin", 1, 0},    {"views", 1, 0},
                 {"cpt", 0, 0}, {"wrapped", 1, 0}, {"untied", 1, 0}, {"ernie", 1, 1}};
    char path[512], digest[33], first[33] = "";
    struct model_source *m;

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct model_config *c;
        int head;

        snprintf(path, sizeof path, "%s/tests/reference/models/%s", TEST_SOURCE_DIR, forms[i].name);
        assert_int_equal(model_source_open(path, &m), ST_OK);
        c = model_source_config(m);
        assert_true(c->layers == 2 && c->hidden == 4 && c->heads == 2 && c->feed_forward == 6 && c->positions == 6);
        assert_true(c->vocab == 5 && c->types == 2 && c->eps == 1e-12 && c->hidden_dropout == 0.1);
        assert_int_equal(model_source_head(m, &head), ST_OK);
        assert_int_equal(head, forms[i].head);
        model_source_prefetch(m);
        assert_int_equal(c->untied, strcmp(forms[i].name, "untied") == 0);
        check_reference(m, head ? names_of(c) : names_encoder(2));
        model_source_drop(m, "embeddings.word_embeddings.weight");
        model_source_drop(m, NULL);
        assert_int_equal(model_source_digest(m, digest), ST_OK);
        if (i > 0) assert_int_equal(strcmp(digest, first) != 0, forms[i].other);
        memcpy(first, digest, sizeof first);
        model_source_close(&m);
        assert_null(m);
    }
    snprintf(path, sizeof path, "%s/tests/reference/models/old", TEST_SOURCE_DIR);
    assert_int_equal(model_source_open(path, &m), ST_INPUT);
}

/* ---- our own ----------------------------------------------------------------------------------------------------- */

static void write_model(void)
{
    struct model_config c = test_model_config();

    assert_int_equal(file_remove_tree(folder), ST_OK);
    test_model_write(folder, &c, TENSOR_F32, 1);
}

static status try_open(void)
{
    struct model_source *m;
    status s = model_source_open(folder, &m);

    model_source_close(&m);
    return s;
}

static void test_own_folder(void **state)
{
    static const enum tensor_type types[] = {TENSOR_F32, TENSOR_BF16, TENSOR_F16};
    struct model_config c = test_model_config();
    float got[ROOM], expected[ROOM];
    char digest[33], first[33] = "";
    struct model_source *m;
    int head;

    (void)state;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(file_remove_tree(folder), ST_OK);
        test_model_write(folder, &c, types[i % 3], i / 3);
        assert_int_equal(model_source_open(folder, &m), ST_OK);
        assert_memory_equal(model_source_config(m), &c, sizeof c);
        assert_int_equal(model_source_head(m, &head), ST_OK);
        assert_int_equal(head, i / 3);
        assert_int_equal(model_source_read_layer(m, 1, "intermediate.dense.weight", got), ST_OK);
        test_model_read(NULL, "encoder.layer.1.intermediate.dense.weight", 0, 24 * 16, expected);
        assert_memory_equal(got, expected, 24 * 16 * 4);
        assert_int_equal(model_source_read(m, "cls.predictions.bias", got), head ? ST_OK : ST_INPUT);
        assert_int_equal(model_source_read(m, "pooler.dense.bias", got), ST_INPUT);
        assert_int_equal(model_source_read_layer(m, 2, "output.dense.bias", got), ST_INPUT);
        assert_int_equal(model_source_digest(m, digest), ST_OK);
        if (i > 0) assert_string_equal(digest, first);
        memcpy(first, digest, sizeof first);
        model_source_close(&m);
    }
}

/* ---- config.json ------------------------------------------------------------------------------------------------- */

static status try_config(const char *text)
{
    assert_int_equal(file_replace(config_path, text, strlen(text)), ST_OK);
    return try_open();
}

#define SIZES "\"num_hidden_layers\":2,\"num_attention_heads\":2,\"intermediate_size\":24"
#define WIDTH "\"hidden_size\":16,"

/* clang-format off */
static const char *const good_configs[] = {
    "{" WIDTH SIZES "}",
    "{" WIDTH SIZES ",\"model_type\":\"ernie\",\"use_task_id\":false,\"tie_word_embeddings\":false}",
    "{" WIDTH SIZES ",\"model_type\":\"bert\",\"hidden_act\":\"gelu\",\"position_embedding_type\":\"absolute\"}",
    "{" WIDTH SIZES ",\"vocab_size\":60,\"type_vocab_size\":2,\"max_position_embeddings\":1024,\"position_embedding_type\":null}",
    "{\"d_model\":16,\"encoder_layers\":2,\"encoder_attention_heads\":4,\"encoder_ffn_dim\":24,\"max_position_embeddings\":1024}",
};

static const char *const bad_configs[] = {
    "", "[]", "{", "{}", "{" WIDTH SIZES "}x", "{" WIDTH WIDTH SIZES "}",
    "{" SIZES "}",
    "{" WIDTH "\"num_attention_heads\":2,\"intermediate_size\":24}",
    "{" WIDTH SIZES ",\"hidden_act\":\"gelu_new\"}", "{" WIDTH SIZES ",\"hidden_act\":\"gelu_pytorch_tanh\"}",
    "{" WIDTH SIZES ",\"hidden_act\":\"relu\"}", "{" WIDTH SIZES ",\"hidden_act\":7}",
    "{" WIDTH SIZES ",\"position_embedding_type\":\"relative_key\"}",
    "{" WIDTH SIZES ",\"position_embedding_type\":\"relative_key_query\"}",
    "{" WIDTH SIZES ",\"type_vocab_size\":1}", "{" WIDTH SIZES ",\"type_vocab_size\":3}",
    "{" WIDTH SIZES ",\"type_vocab_size\":0}",
    "{" WIDTH SIZES ",\"vocab_size\":61}", "{" WIDTH SIZES ",\"model_type\":\"roberta\"}",
    "{" WIDTH SIZES ",\"is_decoder\":true}", "{" WIDTH SIZES ",\"embedding_size\":8}",
    "{" WIDTH SIZES ",\"use_task_id\":true}", "{" WIDTH SIZES ",\"use_task_id\":1}", "{" WIDTH SIZES ",\"tie_word_embeddings\":\"no\"}",
    "{" WIDTH SIZES ",\"layer_norm_eps\":0}", "{" WIDTH SIZES ",\"layer_norm_eps\":\"1e-12\"}",
    "{" WIDTH SIZES ",\"layer_norm_eps\":1e400}", "{" WIDTH SIZES ",\"layer_norm_eps\":NaN}",
    "{" WIDTH SIZES ",\"hidden_dropout_prob\":1}", "{" WIDTH SIZES ",\"attention_probs_dropout_prob\":-0.1}",
    "{\"hidden_size\":16.0," SIZES "}", "{\"hidden_size\":-16," SIZES "}", "{\"hidden_size\":8," SIZES "}",
    "{\"hidden_size\":9223372036854775807," SIZES "}", "{\"hidden_size\":99999999999999999999," SIZES "}",
    "{" WIDTH "\"num_hidden_layers\":3,\"num_attention_heads\":2,\"intermediate_size\":24}",
    "{" WIDTH "\"num_hidden_layers\":0,\"num_attention_heads\":2,\"intermediate_size\":24}",
    "{" WIDTH "\"num_hidden_layers\":1000000000,\"num_attention_heads\":2,\"intermediate_size\":24}",
    "{" WIDTH "\"num_hidden_layers\":2,\"num_attention_heads\":3,\"intermediate_size\":24}",
    "{" WIDTH "\"num_hidden_layers\":2,\"num_attention_heads\":2,\"intermediate_size\":25}",
    "{\"d_model\":16,\"encoder_layers\":2,\"encoder_attention_heads\":4}",
    "{\"d_model\":16,\"encoder_layers\":2,\"encoder_attention_heads\":5,\"encoder_ffn_dim\":24}",
};
/* clang-format on */

static void test_configs(void **state)
{
    (void)state;
    write_model();
    for (size_t i = 0; i < sizeof good_configs / sizeof *good_configs; i++)
        if (try_config(good_configs[i]) != ST_OK) fail_msg("refused: %s", good_configs[i]);
    for (size_t i = 0; i < sizeof bad_configs / sizeof *bad_configs; i++)
        if (try_config(bad_configs[i]) != ST_INPUT) fail_msg("accepted: %s", bad_configs[i]);
    assert_int_equal(remove(config_path), 0);
    assert_int_equal(try_open(), ST_INPUT);
    assert_int_equal(file_remove_tree(folder), ST_OK);
    assert_int_equal(try_open(), ST_INPUT);
}

/* ---- the tensors of model.safetensors ---------------------------------------------------------------------------- */

/* Write the model's file again with one change: the tensor `from` gets the name `to` (NULL: is left out), or, with
 * also, stands there under both names; shape[0] += grow. */
static status try_change(const char *from, const char *to, int also, int64_t grow, enum tensor_type type)
{
    static float zeros[4 * ROOM];
    struct tensor_spec specs[64];
    const void *data[64];
    struct safetensors file;
    size_t n = 0;
    int found = 0;

    write_model();
    assert_int_equal(safetensors_open(weights_path, &file), ST_OK);
    for (size_t i = 0; i < file.count; i++) {
        const struct tensor *t = &file.tensors[i];
        int it = strcmp(t->name, from) == 0;

        found |= it;
        specs[n] = (struct tensor_spec){t->name, t->type, t->rank, {t->shape[0], t->shape[1]}};
        data[n++] = t->data;
        if (!it) continue;
        if (also) specs[n] = specs[n - 1], data[n] = data[n - 1], n++;
        if (!to) n--;
        else specs[n - 1].name = to;
        if (type != TENSOR_F32) specs[n - 1].type = type, data[n - 1] = zeros;
        if (grow) specs[n - 1].shape[0] += grow, data[n - 1] = zeros;
    }
    assert_true(found);
    assert_int_equal(safetensors_write(weights_path, specs, n, NULL, 0, data), ST_OK);
    safetensors_close(&file);
    return try_open();
}

#define WORD "bert.embeddings.word_embeddings.weight"
#define BIAS "cls.predictions.bias"
#define NORM "bert.encoder.layer.1.output.LayerNorm."
#define QUERY "bert.encoder.layer.0.attention.self.query."

/* clang-format off */
static const struct {
    const char *from, *to;
    int also, grow;
    enum tensor_type type;
    status expected;
} changes[] = {
    {QUERY "bias", QUERY "bias", 0, 0, TENSOR_F32, ST_OK},
    {QUERY "bias", NULL, 0, 0, TENSOR_F32, ST_INPUT},
    {QUERY "bias", "bert.encoder.layer.00.attention.self.query.bias", 0, 0, TENSOR_F32, ST_INPUT},
    {QUERY "bias", "encoder.layer.0.attention.self.query.bias", 0, 0, TENSOR_F32, ST_OK},
    {QUERY "bias", "encoder.encoder.layer.0.attention.self.query.bias", 0, 0, TENSOR_F32, ST_OK},
    {QUERY "bias", "model.encoder.encoder.layer.0.attention.self.query.bias", 0, 0, TENSOR_F32, ST_OK},
    {QUERY "bias", "model.encoder.layer.0.attention.self.query.bias", 0, 0, TENSOR_F32, ST_OK},
    {QUERY "bias", "encoder.layer.0.attention.self.query.bias", 1, 0, TENSOR_F32, ST_INPUT},      /* two prefixes */
    {QUERY "bias", "bert.encoder.layer.7.attention.self.query.bias", 1, 0, TENSOR_F32, ST_OK},    /* layer beyond */
    {QUERY "bias", QUERY "bias", 0, 1, TENSOR_F32, ST_INPUT},
    {QUERY "weight", QUERY "weight", 0, -1, TENSOR_F32, ST_INPUT},
    {QUERY "weight", QUERY "weight", 0, 0, TENSOR_I64, ST_INPUT},
    {QUERY "weight", QUERY "weight", 0, 0, TENSOR_F64, ST_OK},
    {NORM "weight", NORM "gamma", 0, 0, TENSOR_F32, ST_OK},
    {NORM "bias", NORM "beta", 0, 0, TENSOR_F32, ST_OK},
    {NORM "bias", NORM "beta", 1, 0, TENSOR_F32, ST_INPUT},
    {NORM "bias", NORM "gamma", 0, 0, TENSOR_F32, ST_INPUT},
    {WORD, "model.shared.weight", 0, 0, TENSOR_F32, ST_OK},
    {WORD, "shared.weight", 0, 0, TENSOR_F32, ST_OK},
    {WORD, "shared.weight", 1, 0, TENSOR_F32, ST_OK},                                             /* CPT has both */
    {WORD, "shared.weights", 0, 0, TENSOR_F32, ST_INPUT},
    {WORD, WORD, 0, 1, TENSOR_F32, ST_INPUT},                                                     /* vocab_size 60 */
    {"bert.embeddings.position_embeddings.weight", "bert.embeddings.position_embeddings.weight", 0, 7, TENSOR_F32, ST_OK},
    {"bert.embeddings.position_embeddings.weight", "bert.embeddings.position_embeddings.weight", 0, -20, TENSOR_F32, ST_INPUT},
    {"bert.embeddings.token_type_embeddings.weight", "bert.embeddings.token_type_embeddings.weight", 0, -1, TENSOR_F32, ST_INPUT},
    {QUERY "bias", "bert.embeddings.position_ids", 1, 0, TENSOR_I64, ST_OK},                      /* what stands beside is no matter */
    {QUERY "bias", "bert.pooler.dense.bias", 1, 0, TENSOR_F32, ST_OK},
    {QUERY "bias", "classifier.bias", 1, 0, TENSOR_F32, ST_OK},
    {QUERY "bias", "model.decoder.layers.0.fc1.bias", 1, 0, TENSOR_F32, ST_OK},
    {QUERY "bias", "bert.embeddings.pinyin_embeddings.weight", 1, 0, TENSOR_F32, ST_INPUT},       /* what stands within is */
    {QUERY "bias", QUERY "lora_A.default.weight", 1, 0, TENSOR_F32, ST_INPUT},
    {QUERY "bias", "bert.encoder.layer.0.output.adapters.a.down.weight", 1, 0, TENSOR_F32, ST_INPUT},
    {QUERY "bias", "bert.encoder.rel_embeddings.weight", 1, 0, TENSOR_F32, ST_INPUT},
    {QUERY "bias", "bert.prefix_encoder.embedding.weight", 1, 0, TENSOR_F32, ST_INPUT},
    {QUERY "bias", "bert.embeddings.task_type_embeddings.weight", 1, 0, TENSOR_F32, ST_INPUT},    /* config.json has no use_task_id */
    {QUERY "bias", "bert.encoder.layer.0._orig_mod.attention.self.query.bias", 0, 0, TENSOR_F32, ST_OK},
    {QUERY "bias", "student." QUERY "bias", 0, 0, TENSOR_F32, ST_INPUT},
    {"cls.predictions.bias", "cls.predictions.bias", 0, 3, TENSOR_F32, ST_OK},                    /* nobody asked for it */
};
/* clang-format on */

/* Heads: under their other names; in part, elsewhere or with more than a head has they are no head and no lack of one.
 */
static const struct {
    const char *from, *to;
    int also;
    enum tensor_type type;
    status expected;
    int head, untied;
} heads[] = {
    {QUERY "bias", QUERY "bias", 0, TENSOR_F32, ST_OK, 1, 0},
    {BIAS, "cls.predictions.decoder.bias", 0, TENSOR_F32, ST_OK, 1, 0},
    {BIAS, "cls.predictions.decoder.bias", 1, TENSOR_F32, ST_OK, 1, 0},
    {BIAS, "cls.predictions.decoder.bias", 1, TENSOR_F64, ST_OK, 1, 0}, /* others than the bias: the decoder's */
    {WORD, "cls.predictions.decoder.weight", 0, TENSOR_F32, ST_OK, 1, 0},
    {WORD, "cls.predictions.decoder.weight", 1, TENSOR_F32, ST_OK, 1, 0},
    {WORD, "cls.predictions.decoder.weight", 1, TENSOR_F64, ST_OK, 1, 1},
    {BIAS, NULL, 0, TENSOR_F32, ST_INPUT, 0, 0},
    {"cls.predictions.transform.LayerNorm.bias", NULL, 0, TENSOR_F32, ST_INPUT, 0, 0},
    {BIAS, "module.cls.predictions.bias", 0, TENSOR_F32, ST_INPUT, 0, 0},
    {BIAS, "bert.cls.predictions.bias", 0, TENSOR_F32, ST_INPUT, 0, 0},
    {BIAS, "old.cls.predictions.bias", 1, TENSOR_F32, ST_INPUT, 0, 0},
    {BIAS, "cls.predictions.transform.dense.lora_A", 1, TENSOR_F32, ST_INPUT, 0, 0},
    {BIAS, "cls.seq_relationship.bias", 1, TENSOR_F32, ST_OK, 1, 0},
    {BIAS, BIAS, 0, TENSOR_I64, ST_INPUT, 0, 0},
};

static void test_heads(void **state)
{
    float bias[ROOM], expected[ROOM];

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct model_source *m;
        int head = 0;

        if (try_change(heads[i].from, heads[i].to, heads[i].also, 0, heads[i].type) != ST_OK)
            fail_msg("head %zu: not opened", i);
        assert_int_equal(model_source_open(folder, &m), ST_OK);
        if (model_source_head(m, &head) != heads[i].expected || head != heads[i].head ||
            model_source_config(m)->untied != heads[i].untied)
            fail_msg("%s -> %s: head %d", heads[i].from, heads[i].to, head);
        if (head) {
            test_model_read(NULL, BIAS, 0, 60, expected);
            if (heads[i].type == TENSOR_F64 && strcmp(heads[i].from, BIAS) == 0) memset(expected, 0, sizeof expected);
            assert_int_equal(model_source_read(m, BIAS, bias), ST_OK);
            assert_memory_equal(bias, expected, 60 * sizeof *bias);
        }
        assert_int_equal(model_source_read(m, "cls.predictions.decoder.weight", bias),
                         heads[i].untied ? ST_OK : ST_INPUT);
        model_source_close(&m);
    }
}

/* All names behind one wrapper, whatever its depth; the same values, the same head. */
static void test_wrappers(void **state)
{
    static const struct {
        const char *before;
        status expected;
    } wrappers[] = {{"module.", ST_OK},
                    {"model.", ST_OK},
                    {"_orig_mod.module.", ST_OK},
                    {"module.model.", ST_OK},
                    {"base_model.model.", ST_OK},
                    {"model.model.", ST_OK},
                    {"_forward_module._fsdp_wrapped_module.", ST_OK},
                    {"student.", ST_INPUT},
                    {"modules.", ST_INPUT},
                    {"module", ST_INPUT}};
    char names[64][NAME_TEXT], first[33], digest[33];

    (void)state;
    for (size_t k = 0; k < sizeof wrappers / sizeof *wrappers; k++) {
        struct tensor_spec specs[64];
        const void *data[64];
        struct safetensors file;
        struct model_source *m;
        int head = 0;

        write_model();
        assert_int_equal(model_source_open(folder, &m), ST_OK);
        assert_int_equal(model_source_digest(m, first), ST_OK);
        model_source_close(&m);
        assert_int_equal(safetensors_open(weights_path, &file), ST_OK);
        for (size_t i = 0; i < file.count; i++) {
            const struct tensor *t = &file.tensors[i];

            snprintf(names[i], sizeof names[i], "%s%.100s", wrappers[k].before, t->name);
            specs[i] = (struct tensor_spec){names[i], t->type, t->rank, {t->shape[0], t->shape[1]}};
            data[i] = t->data;
        }
        assert_int_equal(safetensors_write(weights_path, specs, file.count, NULL, 0, data), ST_OK);
        safetensors_close(&file);
        assert_int_equal(model_source_open(folder, &m), wrappers[k].expected);
        if (!m) continue;
        assert_int_equal(model_source_head(m, &head), ST_OK);
        assert_int_equal(head, 1);
        assert_int_equal(model_source_digest(m, digest), ST_OK);
        assert_string_equal(digest, first);
        model_source_close(&m);
    }
}

/* A folder of a decoder with its own table comes back as it was, under the names that each version of transformers
 * looks for. */
static void test_untied_folder(void **state)
{
    struct model_config c = test_model_config();
    struct safetensors file;
    struct model_source *m;
    float got[ROOM], expected[ROOM];
    int head;

    (void)state;
    c.untied = 1;
    assert_int_equal(file_remove_tree(folder), ST_OK);
    test_model_write(folder, &c, TENSOR_BF16, 1);
    assert_int_equal(model_source_open(folder, &m), ST_OK);
    assert_int_equal(model_source_config(m)->says_untied, 1);
    assert_int_equal(model_source_head(m, &head), ST_OK);
    assert_int_equal(model_source_config(m)->untied, 1);
    assert_int_equal(model_source_read(m, "cls.predictions.decoder.weight", got), ST_OK);
    test_model_read(NULL, "cls.predictions.decoder.weight", 0, 60 * 16, expected);
    assert_memory_equal(got, expected, 60 * 16 * sizeof *got);
    model_source_close(&m);
    assert_int_equal(safetensors_open(weights_path, &file), ST_OK);
    assert_non_null(safetensors_find(&file, "cls.predictions.decoder.bias"));
    assert_non_null(safetensors_find(&file, "cls.predictions.bias"));
    safetensors_close(&file);
}

static void test_changes(void **state)
{
    struct model_source *m;
    float out[ROOM];
    int head;

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (try_change(changes[i].from, changes[i].to, changes[i].also, changes[i].grow, changes[i].type) !=
            changes[i].expected)
            fail_msg("%s -> %s: expected %s", changes[i].from, changes[i].to, status_text(changes[i].expected));
    /* The last one left a head of a wrong shape: it can be ignored, but not read. */
    assert_int_equal(model_source_open(folder, &m), ST_OK);
    assert_int_equal(model_source_head(m, &head), ST_INPUT);
    assert_int_equal(model_source_read(m, "cls.predictions.bias", out), ST_INPUT);
    model_source_close(&m);
}

/* Reading looks at the values. */
static void test_not_finite(void **state)
{
    struct model_config c = test_model_config();
    struct model_folder what = {.config = c, .type = TENSOR_F32, .read = test_model_read};
    struct model_source *m;
    float out[ROOM], bad[16] = {0};
    FILE *f;

    (void)state;
    assert_int_equal(file_remove_tree(folder), ST_OK);
    assert_int_equal(model_folder_write(folder, &what), ST_OK);
    for (int i = 0; i < 3; i++) {
        bad[15] = i == 0 ? 0.0f : i == 1 ? NAN : -INFINITY;
        f = fopen(weights_path, "r+b"); /* the last tensor is encoder.layer.1.output.LayerNorm.bias */
        assert_non_null(f);
        assert_int_equal(fseek(f, -64, SEEK_END), 0);
        assert_int_equal(fwrite(bad, 4, 16, f), 16);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(model_source_open(folder, &m), ST_OK);
        assert_int_equal(model_source_read_layer(m, 1, "output.LayerNorm.bias", out), i == 0 ? ST_OK : ST_INPUT);
        assert_int_equal(model_source_read_layer(m, 1, "output.LayerNorm.weight", out), ST_OK);
        model_source_close(&m);
    }
}

static void test_positions_from_table(void **state)
{
    struct model_source *m;

    (void)state;
    try_change("bert.embeddings.position_embeddings.weight", "bert.embeddings.position_embeddings.weight", 0, 7,
               TENSOR_F32);
    assert_int_equal(model_source_open(folder, &m), ST_OK);
    assert_int_equal(model_source_config(m)->positions, 27);
    model_source_close(&m);
}

/* ---- an index ---------------------------------------------------------------------------------------------------- */

/* Cut the model into parts a and b (b gets `from` and all names after it), with the given index entry for `from`. */
static status try_index(const char *entry, int twice)
{
    char index[8192], path[512];
    struct tensor_spec specs[64];
    const void *data[64];
    struct safetensors file;
    size_t n, cut = 10, at;

    write_model();
    assert_int_equal(safetensors_open(weights_path, &file), ST_OK);
    at = (size_t)snprintf(index, sizeof index, "{\"metadata\":{},\"weight_map\":{");
    for (n = 0; n < file.count; n++) {
        const struct tensor *t = &file.tensors[n];
        specs[n] = (struct tensor_spec){t->name, t->type, t->rank, {t->shape[0], t->shape[1]}};
        data[n] = t->data;
        if (n == cut)
            at += (size_t)snprintf(index + at, sizeof index - at, "%s\"%s\":%s", n ? "," : "", t->name, entry);
        else
            at += (size_t)snprintf(index + at, sizeof index - at, "%s\"%s\":\"%c.safetensors\"", n ? "," : "", t->name,
                                   n < cut ? 'a' : 'b');
    }
    snprintf(index + at, sizeof index - at, "}}");
    snprintf(path, sizeof path, "%s/a.safetensors", folder);
    assert_int_equal(safetensors_write(path, specs, cut + (size_t)twice, NULL, 0, data), ST_OK);
    snprintf(path, sizeof path, "%s/b.safetensors", folder);
    assert_int_equal(safetensors_write(path, specs + cut, n - cut, NULL, 0, data + cut), ST_OK);
    safetensors_close(&file);
    assert_int_equal(remove(weights_path), 0);
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    assert_int_equal(file_replace(path, index, strlen(index)), ST_OK);
    return try_open();
}

static void test_index(void **state)
{
    static const char *const bad[] = {"\"a.safetensors\"",
                                      "\"c.safetensors\"",
                                      "\"../b.safetensors\"",
                                      "\"/etc/passwd\"",
                                      "\"./b.safetensors\"",
                                      "\"b.bin\"",
                                      "\"\"",
                                      "\"..safetensors\"",
                                      "7",
                                      "null",
                                      "\"b.safetensors\\u0000\"",
                                      "\"b.safetensors\",\"x\":\"b.safetensors\""};
    char path[512];

    (void)state;
    assert_int_equal(try_index("\"b.safetensors\"", 0), ST_OK);
    assert_int_equal(try_index("\"b.safetensors\"", 1), ST_INPUT); /* in both parts */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (try_index(bad[i], 0) != ST_INPUT) fail_msg("accepted: %s", bad[i]);
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    assert_int_equal(file_replace(path, "{\"weight_map\":[]}", 17), ST_OK);
    assert_int_equal(try_open(), ST_INPUT);
    assert_int_equal(file_replace(path, "{\"weight_map\":{}}", 17), ST_OK);
    assert_int_equal(try_open(), ST_INPUT);
}

/* safetensors wins over an index, both over a .bin; one that is bad is not passed over. */
static void test_precedence(void **state)
{
    char path[512];

    (void)state;
    write_model();
    snprintf(path, sizeof path, "%s/pytorch_model.bin", folder);
    assert_int_equal(file_replace(path, "no zip file", 11), ST_OK);
    assert_int_equal(try_open(), ST_OK);
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    assert_int_equal(file_replace(path, "no json", 7), ST_OK);
    assert_int_equal(try_open(), ST_OK);
    assert_int_equal(remove(weights_path), 0);
    assert_int_equal(try_open(), ST_INPUT);
    assert_int_equal(remove(path), 0);
    assert_int_equal(try_open(), ST_INPUT);
}

/* The small real encoder, where it is at hand. */
static void test_real_model(void **state)
{
    struct model_source *m;
    const struct model_config *c;
    char digest[33];
    int head;

    (void)state;
    if (!file_is_folder(TEST_SOURCE_DIR "/../shared/data/model")) test_skip("../shared/data is not there");
    assert_int_equal(model_source_open(TEST_SOURCE_DIR "/../shared/data/model", &m), ST_OK);
    c = model_source_config(m);
    assert_true(c->layers == 4 && c->hidden == 256 && c->heads == 4 && c->feed_forward == 1024 && c->vocab == 21128);
    assert_int_equal(model_source_head(m, &head), ST_OK);
    assert_int_equal(head, 1);
    assert_int_equal(model_source_digest(m, digest), ST_OK);
    assert_string_equal(digest, "f9b9348ba37758ea4f478bce10edf861");
    model_source_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),    cmocka_unit_test(test_own_folder),
        cmocka_unit_test(test_configs),       cmocka_unit_test(test_changes),
        cmocka_unit_test(test_heads),         cmocka_unit_test(test_wrappers),
        cmocka_unit_test(test_untied_folder), cmocka_unit_test(test_positions_from_table),
        cmocka_unit_test(test_not_finite),    cmocka_unit_test(test_index),
        cmocka_unit_test(test_precedence),    cmocka_unit_test(test_real_model)};
    char base[200];
    int failed;

    log_init('-', -1, getenv("VERBOSE") ? LOG_WARN : LOG_SILENT);
    test_folder(base, sizeof base);
    snprintf(folder, sizeof folder, "%s/model", base);
    snprintf(weights_path, sizeof weights_path, "%s/model.safetensors", folder);
    snprintf(config_path, sizeof config_path, "%s/config.json", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_folder_remove(base);
    return failed;
}
