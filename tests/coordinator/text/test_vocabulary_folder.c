/* Vocabularies of folders, in the forms that transformers 3 to 5 write: what stands beside the pieces is followed,
 * means the same in every form, is written back as it was, or is refused by name. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "coordinator/text/wordpiece.h"

/* 0 … 4 specials, 5 [unused1], 6 气, 7 象, 8 台, 9 rain, 10 Rain, 11 ##y, 12 <, 13 >, 14 r1, 15 /, 16 é, 17 e, 18 ##气
 */
static const char *const words[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]", "气",
                                    "象",    "台",    "rain",  "Rain",  "##y",    "<",         ">",
                                    "r1",    "/",     "é",     "e",     "##气"};
enum { WORDS = sizeof words / sizeof *words, UNKNOWN = 1, ROOM = 8192 };

static char base[200], folder[256];

/* ---- making folders ---------------------------------------------------------------------------------------------- */

static void put(const char *name, const char *text)
{
    char path[512];

    test_file(folder, name, text, strlen(text), path, sizeof path);
}

static void start(void)
{
    assert_int_equal(file_remove_tree(folder), ST_OK);
    assert_int_equal(file_make_folder(folder), ST_OK);
}

/* Lines of a vocab.txt, with two words exchanged where they differ. */
static void put_plain(int a, int b)
{
    char text[ROOM] = "";

    for (int i = 0; i < WORDS; i++) {
        strcat(text, words[i == a ? b : i == b ? a : i]);
        strcat(text, "\n");
    }
    put("vocab.txt", text);
}

/* A tokenizer.json; the pieces in reverse order, for only their ids count. added: elements of added_tokens; normalizer
 * and model: more keys of these. */
static const char *json_text(const char *added, const char *normalizer, const char *model)
{
    static char text[ROOM];
    size_t n = (size_t)snprintf(
        text, sizeof text,
        "{\"version\":\"1.0\",\"truncation\":null,\"added_tokens\":[%s],\"normalizer\":{\"type\":"
        "\"BertNormalizer\"%s},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"model\":{\"type\":\"WordPiece\","
        "\"unk_token\":"
        "\"[UNK]\",\"continuing_subword_prefix\":\"##\"%s,\"vocab\":{",
        added, normalizer, model);

    for (int i = WORDS - 1; i >= 0; i--)
        n += (size_t)snprintf(text + n, sizeof text - n, "\"%s\":%d%s", words[i], i, i ? "," : "}}}");
    return text;
}

static status try_load(void)
{
    struct vocabulary *v;
    status s = vocabulary_load(folder, &v);

    vocabulary_destroy(&v);
    return s;
}

/* The ids of a text, as the folder cuts it; -1 ends the list. */
static void expect(const char *text, ...)
{
    struct token_list list = {0};
    struct vocabulary *v;
    va_list ids;
    int want;
    size_t i = 0;

    assert_int_equal(vocabulary_load(folder, &v), ST_OK);
    assert_int_equal(wordpiece_encode(v, text, strlen(text), &list), ST_OK);
    va_start(ids, text);
    while ((want = va_arg(ids, int)) >= 0) {
        if (i >= list.count || list.items[i].id != want)
            fail_msg("\"%s\": token %zu is %d, expected %d", text, i, i < list.count ? list.items[i].id : -1, want);
        i++;
    }
    va_end(ids);
    assert_int_equal(list.count, i);
    token_list_fini(&list);
    vocabulary_destroy(&v);
}

static void digest(const char *path, char out[33])
{
    struct vocabulary *v;

    assert_int_equal(vocabulary_load(path, &v), ST_OK);
    memcpy(out, vocabulary_digest(v), 33);
    vocabulary_destroy(&v);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

/* The folder, either of its files, both of them, a copy of vocab.txt elsewhere: one vocabulary. */
static void test_forms(void **state)
{
    char first[33], other[33], path[512];

    (void)state;
    start();
    put_plain(0, 0);
    digest(folder, first);
    expect("Rain台[MASK]", 9, 8, 4, -1);
    snprintf(path, sizeof path, "%s/vocab.txt", folder);
    digest(path, other);
    assert_string_equal(other, first);
    put("tokenizer_config.json", "{\"tokenizer_class\":\"BertTokenizer\",\"do_lower_case\":true,\"model_max_length\":"
                                 "1000000000000000019884624838656}");
    put("tokenizer.json", json_text("{\"id\":0,\"content\":\"[PAD]\",\"normalized\":false,\"special\":true}", "",
                                    ",\"max_input_chars_per_word\":100"));
    digest(folder, other);
    assert_string_equal(other, first);
    assert_int_equal(remove(path), 0);
    digest(path, other); /* what the user calls MODEL/vocab.txt is the folder's */
    assert_string_equal(other, first);
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    digest(path, other);
    assert_string_equal(other, first);
    expect("Rain台[MASK]", 9, 8, 4, -1);
    assert_true(vocabulary_in(folder));
    assert_int_equal(remove(path), 0);
    assert_false(vocabulary_in(folder));
    assert_int_equal(try_load(), ST_INPUT);
}

/* Where the two files differ, vocab.txt counts; a tokenizer.json may lack an id. */
static void test_pieces(void **state)
{
    char text[ROOM], *at;

    (void)state;
    start();
    put_plain(6, 7);
    put("tokenizer.json", json_text("", "", ""));
    expect("气象", 7, 6, -1);
    start();
    snprintf(text, sizeof text, "%s", json_text("", "", ""));
    at = strstr(text, "\"r1\":14,");
    memmove(at, at + 8, strlen(at + 8) + 1);
    put("tokenizer.json", text);
    expect("气r1台", 6, UNKNOWN, 8, -1);
}

static void test_clean_up(void **state)
{
    static const struct {
        const char *config;
        int rain, accent, joined;
    } cases[] = {{"{}", 9, 17, 0},
                 {"{\"do_lower_case\":false}", 10, 16, 0},
                 {"{\"strip_accents\":false}", 9, 16, 0},
                 {"{\"do_lower_case\":false,\"strip_accents\":true}", 10, 17, 0},
                 {"{\"tokenize_chinese_chars\":false}", 9, 17, 1},
                 {"{\"strip_accents\":null,\"tokenize_chinese_chars\":true}", 9, 17, 0}};
    char digests[6][33];

    (void)state;
    for (int i = 0; i < 6; i++) {
        start();
        put_plain(0, 0);
        put("tokenizer_config.json", cases[i].config);
        expect("Rain", cases[i].rain, -1);
        expect("é", cases[i].accent, -1);
        if (cases[i].joined) expect("象气", 7, 18, -1);
        else expect("象气", 7, 6, -1);
        digest(folder, digests[i]);
        for (int k = 0; k < i; k++) assert_int_equal(strcmp(digests[k], digests[i]) == 0, k == 0 && i == 5);
    }
}

/* transformers' BertTokenizer follows tokenizer_config.json and its own defaults; the class of tokenizers alone its
 * file. */
static void test_whose_clean_up(void **state)
{
    (void)state;
    start();
    put("tokenizer.json", json_text("", ",\"lowercase\":false", ""));
    expect("Rain", 9, -1);
    put("tokenizer_config.json", "{\"tokenizer_class\":\"BertTokenizer\"}");
    expect("Rain", 9, -1);
    put("tokenizer_config.json", "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}");
    expect("Rain é", 10, 16, -1);
    put("tokenizer_config.json", "{\"tokenizer_class\":\"TokenizersBackend\",\"do_lower_case\":true}");
    expect("Rain é", 10, 16, -1);
}

#define FLAGS "\"lstrip\":false,\"rstrip\":false,\"single_word\":false"
#define DECODER "{\"added_tokens_decoder\":{\"0\":{\"content\":\"[PAD]\",\"normalized\":false," FLAGS "},"

/* Each form that names them: <r1> is looked for as it is written where it is special, after clean-up where it is not.
 */
static void test_added(void **state)
{
    static const struct {
        const char *file, *text;
        int cleaned;
    } forms[] = {
        {"added_tokens.json", "{\"<R1>\":19,\"气象台\":20}", 1},
        {"tokenizer_config.json",
         DECODER "\"20\":{\"content\":\"气象台\",\"normalized\":true," FLAGS "},"
                 "\"19\":{\"content\":\"<R1>\",\"normalized\":true," FLAGS "}}}",
         1},
        {"tokenizer_config.json",
         DECODER "\"19\":{\"content\":\"<R1>\",\"normalized\":false," FLAGS "},"
                 "\"20\":{\"content\":\"气象台\",\"normalized\":false," FLAGS "}}}",
         0},
        {"tokenizer_config.json", "{\"additional_special_tokens\":[\"<R1>\",\"[unused1]\",\"气象台\"]}", 0},
        {"tokenizer_config.json", "{\"extra_special_tokens\":[\"<R1>\",\"气象台\"]}", 0},
        {"tokenizer_config.json", "{\"extra_special_tokens\":{\"subject_token\":\"<R1>\",\"object_token\":\"气象台\"}}",
         0},
        {"special_tokens_map.json",
         "{\"cls_token\":\"[CLS]\",\"additional_special_tokens\":[{\"content\":\"<R1>\",\"normalized\":false," FLAGS
         "},"
         "\"气象台\"]}",
         0}};
    char digests[2][33] = {"", ""}, got[33];

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        start();
        put_plain(0, 0);
        put(forms[i].file, forms[i].text);
        expect("<R1>Rain气象台y", 19, 9, 20, UNKNOWN, -1);
        if (forms[i].cleaned) expect("<r1>气 象台", 19, 6, 7, 8, -1);
        else expect("<r1>", 12, 14, 13, -1);
        digest(folder, got);
        if (!strstr(forms[i].text, "unused") && *digests[forms[i].cleaned])
            assert_string_equal(got, digests[forms[i].cleaned]);
        if (!strstr(forms[i].text, "unused")) memcpy(digests[forms[i].cleaned], got, 33);
    }
    assert_string_not_equal(digests[0], digests[1]);
    start();
    put("tokenizer.json", json_text("{\"id\":19,\"content\":\"<R1>\",\"normalized\":false},{\"id\":20,\"content\":"
                                    "\"气象台\",\"normalized\":false}",
                                    "", ""));
    digest(folder, got);
    assert_string_equal(got, digests[0]);
}

/* A special token that is a piece, ids that the file does not give, both kinds side by side, the longest one, no
 * special word inside of others. */
static void test_added_mixed(void **state)
{
    struct vocabulary *v;
    size_t n;

    (void)state;
    start();
    put_plain(0, 0);
    put("tokenizer_config.json",
        "{\"do_lower_case\":true,\"additional_special_tokens\":[\"[unused1]\",\"<x>\",\"<x>>\"]}");
    put("added_tokens.json", "{\"雨 天\":19,\"<x>\":20}");
    expect("[unused1]<x>>\xe9\x9b\xa8\t天<x>", 5, 21, 19, 20, -1);
    expect("<X>[MASK][ MASK]", 12, UNKNOWN, 13, 4, UNKNOWN, UNKNOWN, UNKNOWN, -1);
    assert_int_equal(vocabulary_load(folder, &v), ST_OK);
    assert_int_equal(vocabulary_size(v), 22);
    assert_string_equal(vocabulary_text(v, 20, &n), "<x>");
    assert_int_equal(n, 3);
    assert_int_equal(vocabulary_id(v, "<x>>", 4), 21);
    vocabulary_destroy(&v);
    put("special_tokens_map.json",
        "{\"mask_token\":{\"content\":\"[MASK]\",\"lstrip\":true,\"normalized\":false,\"rstrip\":false}}");
    expect("台[MASK]", 8, 4, -1);
}

/* With an added_tokens_decoder the other two files do not count, as in transformers. */
static void test_unused(void **state)
{
    (void)state;
    start();
    put_plain(0, 0);
    put("tokenizer_config.json", DECODER "\"5\":{\"content\":\"[unused1]\",\"normalized\":false," FLAGS "}}}");
    put("added_tokens.json", "{\"<x>\":19}");
    put("special_tokens_map.json", "{\"additional_special_tokens\":[\"<y>\"]}");
    expect("[unused1]<x>", 5, 12, UNKNOWN, 13, -1);
}

static void test_offsets(void **state)
{
    static const struct token want[] = {{19, 0, 4}, {9, 5, 9}, {20, 9, 18}};
    struct token_list list = {0};
    struct vocabulary *v;
    const char *text = "<R1> rain气\xc2\xad象台"; /* a soft hyphen goes, also within a token */

    (void)state;
    start();
    put_plain(0, 0);
    put("added_tokens.json", "{\"<r1>\":19,\"气象台\":20}");
    assert_int_equal(vocabulary_load(folder, &v), ST_OK);
    assert_int_equal(wordpiece_encode(v, text, strlen(text), &list), ST_OK);
    assert_int_equal(list.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(list.items[i].id, want[i].id);
        assert_int_equal(list.items[i].start, want[i].start);
        assert_int_equal(list.items[i].end, want[i].end + (i == 2 ? 2 : 0));
    }
    token_list_fini(&list);
    vocabulary_destroy(&v);
}

static void test_refused(void **state)
{
    static const struct {
        const char *file, *text;
    } bad[] = {
        {"tokenizer_config.json", "{\"do_lower_case\":1}"},
        {"tokenizer_config.json", "{\"do_lower_case\":null}"},
        {"tokenizer_config.json", "{\"strip_accents\":\"no\"}"},
        {"tokenizer_config.json", "[]"},
        {"tokenizer_config.json", "{"},
        {"tokenizer_config.json", "{\"cls_token\":\"<s>\"}"},
        {"tokenizer_config.json", "{\"mask_token\":{\"content\":\"<mask>\"}}"},
        {"tokenizer_config.json", "{\"pad_token\":{\"content\":\"[PAD]\",\"normalized\":true}}"},
        {"tokenizer_config.json", "{\"additional_special_tokens\":\"<x>\"}"},
        {"tokenizer_config.json", "{\"additional_special_tokens\":[7]}"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"x\":{\"content\":\"<x>\"}}}"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"19\":{}}}"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":[]}"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"19\":{\"content\":\"<x>\",\"single_word\":true}}}"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"19\":{\"content\":\" x\"}}}"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"19\":{\"content\":\"한\"}}}"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"19\":{\"content\":\"\\u0301\"}}}"},
        {"tokenizer_config.json",
         "{\"added_tokens_decoder\":{\"19\":{\"content\":\"<x>\"},\"20\":{\"content\":\"<X>\"}}}"},
        {"added_tokens.json", "{\"<x>\":18}"},
        {"added_tokens.json", "{\"<x>\":20}"},
        {"added_tokens.json", "{\"[unused1]\":19}"},
        {"added_tokens.json", "{\"<x>\":-1}"},
        {"added_tokens.json", "{\"<x>\":19.5}"},
        {"added_tokens.json", "{\"<x>\":\"nineteen\"}"},
        {"added_tokens.json", "{\"<x>\":1e30}"},
        {"added_tokens.json", "{\"\":19}"},
        {"added_tokens.json", "{\"<x>\":19,\"<y>\":19}"},
        {"added_tokens.json", "{\"a\\nb\":19}"},
        {"added_tokens.json", "[\"<x>\"]"},
        {"special_tokens_map.json", "{\"unk_token\":\"<unk>\"}"}};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        start();
        put_plain(0, 0);
        put(bad[i].file, bad[i].text);
        if (try_load() != ST_INPUT) fail_msg("accepted: %s", bad[i].text);
    }
}

static void test_refused_json(void **state)
{
    static const struct {
        const char *from, *to;
    } edits[] = {{"\"WordPiece\"", "\"BPE\""},
                 {"\"[UNK]\",\"cont", "\"<unk>\",\"cont"},
                 {"\"##\",", "\"@@\","},
                 {"\"BertNormalizer\"", "\"NFKC\""},
                 {"\"BertPreTokenizer\"", "\"Whitespace\""},
                 {"\"r1\":14", "\"r1\":15"},
                 {"\"r1\":14", "\"r1\":-1"},
                 {"\"r1\":14", "\"r1\":5000"},
                 {"\"r1\":14", "\"r1\":1.5"},
                 {"\"r1\":14", "\"r1\":null"},
                 {"\"r1\":14", "\"r\\n1\":14"},
                 {"\"vocab\":{", "\"vocab\":[],\"v\":{"},
                 {"\"[UNK]\":1,", ""},
                 {"\"added_tokens\":[", "\"added_tokens\":[{\"content\":\"<x>\"}"},
                 {"\"r1\":14", "\"/\":14"},
                 {"\"added_tokens\":[", "\"added_tokens\":[{\"id\":19}"},
                 {"{\"version\"", "[\"version\""}};

    (void)state;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        char text[ROOM], *at;
        size_t from = strlen(edits[i].from), to = strlen(edits[i].to);

        snprintf(text, sizeof text, "%s", json_text("", "", ""));
        at = strstr(text, edits[i].from);
        assert_non_null(at);
        memmove(at + to, at + from, strlen(at + from) + 1);
        memcpy(at, edits[i].to, to);
        start();
        put("tokenizer.json", text);
        if (try_load() != ST_INPUT) fail_msg("accepted: %s for %s", edits[i].to, edits[i].from);
    }
    start();
    put("tokenizer.json", json_text("", ",\"clean_text\":false", ""));
    assert_int_equal(try_load(), ST_INPUT);
    put("tokenizer.json", json_text("", "", ",\"max_input_chars_per_word\":50"));
    assert_int_equal(try_load(), ST_INPUT);
}

static void expect_same_file(const char *name, const char *other, int there)
{
    char path[512], *a, *b;
    size_t n, m;

    snprintf(path, sizeof path, "%s/%s", other, name);
    assert_int_equal(file_exists(path), there);
    if (!there) return;
    assert_int_equal(file_read(path, ROOM, &a, &n), ST_OK);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_read(path, ROOM, &b, &m), ST_OK);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);
}

static void write_to(const char *from, const char *to)
{
    struct vocabulary *v;

    assert_int_equal(file_remove_tree(to), ST_OK);
    assert_int_equal(vocabulary_load(from, &v), ST_OK);
    assert_int_equal(vocabulary_write(v, to, 64), ST_OK);
    vocabulary_destroy(&v);
}

static void test_write(void **state)
{
    char out[300], path[512], first[33], other[33];

    (void)state;
    snprintf(out, sizeof out, "%s/out", base);
    start();
    put_plain(0, 0);
    put("tokenizer_config.json",
        "{ \"do_lower_case\": false, \"strip_accents\":null,\"additional_special_tokens\":[\"<x>\"] }\n");
    put("added_tokens.json", "{\"<x>\": 19}");
    put("config.json", "{}");
    write_to(folder, out);
    expect_same_file("vocab.txt", out, 1);
    expect_same_file("tokenizer_config.json", out, 1);
    expect_same_file("added_tokens.json", out, 1);
    expect_same_file("config.json", out, 0);
    digest(folder, first);
    digest(out, other);
    assert_string_equal(first, other);
    put("tokenizer.json", json_text("", ",\"lowercase\":false", ""));
    write_to(folder, out);
    expect_same_file("tokenizer.json", out, 1);
    put_plain(6, 7); /* one that disagrees would be followed by transformers */
    write_to(folder, out);
    expect_same_file("vocab.txt", out, 1);
    expect_same_file("tokenizer.json", out, 0);
    start(); /* a file of its own gets what it means beside it */
    put_plain(0, 0);
    snprintf(path, sizeof path, "%s/words.list", folder);
    snprintf(out, sizeof out, "%s/vocab.txt", folder);
    assert_int_equal(rename(out, path), 0);
    snprintf(out, sizeof out, "%s/out", base);
    write_to(path, out);
    digest(path, first);
    digest(out, other);
    assert_string_equal(first, other);
    snprintf(path, sizeof path, "%s/tokenizer_config.json", out);
    assert_true(file_exists(path));
}

static void test_expect(void **state)
{
    char plain[33], cased[33];

    (void)state;
    start();
    assert_int_equal(vocabulary_expect(folder, "0", "data"), ST_OK); /* no vocabulary: nothing to compare */
    put_plain(0, 0);
    digest(folder, plain);
    assert_int_equal(vocabulary_expect(folder, plain, "data"), ST_OK);
    put("tokenizer_config.json", "{\"do_lower_case\":false}");
    digest(folder, cased);
    assert_int_equal(vocabulary_expect(folder, plain, "data"), ST_INPUT);
    assert_int_equal(vocabulary_expect(folder, cased, "data"), ST_OK);
    put_plain(6, 7);
    assert_int_equal(vocabulary_expect(folder, cased, "data"), ST_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),          cmocka_unit_test(test_pieces),  cmocka_unit_test(test_clean_up),
        cmocka_unit_test(test_whose_clean_up), cmocka_unit_test(test_added),   cmocka_unit_test(test_added_mixed),
        cmocka_unit_test(test_unused),         cmocka_unit_test(test_offsets), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_json),   cmocka_unit_test(test_write),   cmocka_unit_test(test_expect)};
    int failed;

    log_init('-', -1, getenv("VERBOSE") ? LOG_WARN : LOG_SILENT);
    test_folder(base, sizeof base);
    snprintf(folder, sizeof folder, "%s/model", base);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_folder_remove(base);
    return failed;
}
