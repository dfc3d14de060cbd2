/* A folder's tokenizer files of any bytes: refused, or a vocabulary whose every id has a text and that cuts any text.
 * The input is tokenizer.json, tokenizer_config.json, special_tokens_map.json and added_tokens.json, a 0 between them.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/json.h"
#include "cluster/base/log.h"
#include "coordinator/text/tokenizer_config.h"
#include "coordinator/text/tokenizer_json.h"
#include "coordinator/text/wordpiece.h"

static const char text[] = "abc <E1>Ab</e1> [MASK]\xe4\xb8\xad\xe6\x96\x87\xcc\x81 x\xff\xed\x95\x9c [X] a\tb";

static void use(const struct vocabulary *v)
{
    struct token_list list = {0};

    for (int32_t i = 0; i < vocabulary_size(v); i++)
        if (!vocabulary_text(v, i, NULL)) abort();
    if (wordpiece_encode(v, text, sizeof text - 1, &list) != ST_OK) abort();
    for (size_t i = 0; i < list.count; i++) {
        const struct token *t = &list.items[i];

        if (t->id < 0 || t->id >= vocabulary_size(v) || t->start >= t->end || t->end > sizeof text - 1) abort();
        if (i > 0 && t->start < list.items[i - 1].start) abort();
    }
    token_list_fini(&list);
}

static void build(struct tokenizer_json *json, const struct tokenizer_config *config)
{
    struct vocabulary_parts parts = {
        .path = "fuzz", .lines = json->lines, .bytes = json->bytes, .clean = &config->clean};
    struct vocabulary *v;

    json->lines = NULL;
    parts.added = config->added.count ? &config->added : config->special.count ? &config->special : &json->added;
    if (vocabulary_build(&parts, &v) == ST_OK) use(v);
    vocabulary_destroy(&v);
}

static void try_parts(const char *part[4], const size_t n[4])
{
    struct tokenizer_config config = {.clean = clean_up_standard};
    struct tokenizer_json json;

    for (int i = 0; i < TOKENIZER_FILES; i++) {
        json_t *root;

        if (json_parse_foreign("fuzz", part[i + 1], n[i + 1], &root) != ST_OK) continue;
        tokenizer_config_take(&config, (enum tokenizer_file)i, "fuzz", root);
        json_decref(root);
    }
    if (tokenizer_json_parse("fuzz", part[0], n[0], &json) == ST_OK) build(&json, &config);
    tokenizer_json_fini(&json);
    tokenizer_config_fini(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *part[4];
    size_t n[4];
    char *copy[4];

    log_init('-', -1, LOG_SILENT);
    for (int i = 0; i < 4; i++) {
        const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;

        n[i] = i < 3 && end ? (size_t)(end - data) : size;
        copy[i] = malloc(n[i] + 1); /* blocks of their own, so that nothing after them can be read unseen */
        if (!copy[i]) abort();
        if (n[i] > 0) memcpy(copy[i], data, n[i]);
        part[i] = copy[i];
        data += n[i] + (end && i < 3);
        size -= n[i] + (end && i < 3);
    }
    try_parts(part, n);
    for (int i = 0; i < 4; i++) free(copy[i]);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const char json[] = "{\"added_tokens\":[{\"id\":10,\"content\":\"<E1>\",\"normalized\":true,\"single_word\":"
                               "false}],\"normalizer\":{\"type\":"
                               "\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,\"strip_accents\":"
                               "null,\"lowercase\":true},\"pre_tokenizer\":"
                               "{\"type\":\"BertPreTokenizer\"},\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]"
                               "\",\"continuing_subword_prefix\":\"##\","
                               "\"max_input_chars_per_word\":100,\"vocab\":{\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"[SEP]"
                               "\":3,\"[MASK]\":4,\"a\":5,\"##b\":6,"
                               "\"\xe4\xb8\xad\":7,\"<\":8,\"A\":9}}}";
    static const char *const rest[][3] = {
        {"{\"do_lower_case\":true,\"tokenizer_class\":\"BertTokenizer\",\"model_max_length\":"
         "1000000000000000019884624838656,"
         "\"added_tokens_decoder\":{\"10\":{\"content\":\"<E1>\",\"normalized\":true},\"11\":{\"content\":\"[X]\","
         "\"normalized\":false}}}",
         "{\"cls_token\":\"[CLS]\"}", "{\"[X]\":11}"},
        {"{\"do_lower_case\":false,\"strip_accents\":true,\"tokenize_chinese_chars\":false}", "{}",
         "{\"\xe4\xb8\xad\xe6\x96\x87\":10,\"a b\":11}"},
        {"{\"strip_accents\":false,\"cls_token\":{\"content\":\"[CLS]\"}}",
         "{\"additional_special_tokens\":[\"<E1>\",{\"content\":\"[X]\",\"normalized\":false}]}", "{}"}};
    size_t used = 0;

    if (i >= (int)(sizeof rest / sizeof *rest)) return 0;
    for (int k = 0; k < 4; k++) {
        const char *part = k ? rest[i][k - 1] : json;
        size_t n = strlen(part);

        if (used + n + 1 > room) return 0;
        memcpy(out + used, part, n);
        used += n;
        if (k < 3) out[used++] = 0;
    }
    return used;
}
