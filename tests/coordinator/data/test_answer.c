/* F1 of bags of words against values worked out by hand, most of them as the published squad metric scores the texts
 * beside them, and against a copy of that metric (tests/reference/make_answers.py). */
#include "tests/support/support.h"

#include <string.h>

#include <jansson.h>

#include "cluster/base/memory.h"
#include "coordinator/data/answer.h"
#include "coordinator/data/meta.h"
#include "coordinator/data/word_bag.h"

static double of_tokens(const struct token_roles *roles, const int32_t *predicted, int count, const struct gold *gold,
                        int gold_count)
{
    double f1;

    assert_int_equal(answer_f1_of_tokens(roles, predicted, count, gold, gold_count, &f1), ST_OK);
    return f1;
}

static void test_f1(void **state)
{
    const int32_t a[] = {1, 2, 2, 3}, b[] = {2, 2, 2}, c[] = {7};
    const struct gold one = {b, 3}, two[] = {{c, 1}, {b, 3}}, empty = {a, 0};
    const struct token_roles none = {0, NULL};

    (void)state;
    assert_float_equal(of_tokens(&none, a, 4, &one, 1), 4.0 / 7, 1e-15); /* 2 in common: precision 2/4, recall 2/3 */
    assert_float_equal(of_tokens(&none, a, 4, two, 2), 4.0 / 7, 1e-15);
    assert_float_equal(of_tokens(&none, a, 4, two, 1), 0, 1e-15);
    assert_float_equal(of_tokens(&none, b, 3, two, 2), 1, 1e-15);
    assert_float_equal(of_tokens(&none, b, 2, &one, 1), 0.8, 1e-15);
    assert_float_equal(of_tokens(&none, NULL, 0, &one, 1), 0, 1e-15);
    assert_float_equal(of_tokens(&none, NULL, 0, NULL, 0), 1, 1e-15);
    assert_float_equal(of_tokens(&none, a, 1, NULL, 0), 0, 1e-15);
    assert_float_equal(of_tokens(&none, a, 1, &empty, 1), 0, 1e-15);
}

/* 0 北 1 京 2 市 3 play 4 ##ing 5 , 6 . 7 a 8 the 9 ##b 10 ， */
enum { BEI, JING, SHI, PLAY, ING, COMMA, STOP, A, THE, B, WIDE };

static double f1(const int32_t *predicted, int count, const int32_t *gold, int gold_count)
{
    static const unsigned char role[] = {
        [ING] = TOKEN_JOINED,  [COMMA] = TOKEN_PUNCTUATION, [STOP] = TOKEN_PUNCTUATION, [A] = TOKEN_ARTICLE,
        [THE] = TOKEN_ARTICLE, [B] = TOKEN_JOINED,          [WIDE] = TOKEN_WORD};
    const struct token_roles roles = {sizeof role, role};
    const struct gold one = {gold, gold_count};

    return of_tokens(&roles, predicted, count, &one, 1);
}

#define F1(predicted, gold) f1(predicted, sizeof predicted / 4, gold, sizeof gold / 4)

static void test_clean_up(void **state)
{
    const int32_t beijing[] = {BEI, JING}, beijing_city[] = {BEI, JING, SHI}, wide[] = {BEI, JING, WIDE};
    const int32_t stop[] = {BEI, JING, STOP}, comma[] = {BEI, COMMA, JING}, only[] = {STOP, COMMA},
                  the[] = {THE, PLAY, ING};
    const int32_t playing[] = {PLAY, ING}, play[] = {PLAY}, ing[] = {ING}, a[] = {A}, ab[] = {A, B},
                  twice[] = {PLAY, ING, PLAY, ING};
    const int32_t far[] = {BEI, JING, 4000};

    (void)state;
    assert_float_equal(F1(beijing, beijing_city), 0.8, 1e-15); /* plain Chinese: characters */
    assert_float_equal(F1(beijing, wide), 0.8, 1e-15);         /* Chinese punctuation counts */
    assert_float_equal(F1(beijing, far), 0.8, 1e-15);          /* so does what no role is known of */
    assert_float_equal(F1(stop, beijing), 1, 1e-15);           /* 北 京 . */
    assert_float_equal(F1(beijing, comma), 1, 1e-15);
    assert_float_equal(F1(only, only), 0, 1e-15);    /* nothing left: 0, as the metric */
    assert_float_equal(F1(the, playing), 1, 1e-15);  /* the playing */
    assert_float_equal(F1(play, playing), 0, 1e-15); /* play is not playing */
    assert_float_equal(F1(ing, playing), 0, 1e-15);
    assert_float_equal(F1(twice, playing), 2.0 / 3, 1e-15); /* precision 1/2, recall 1 */
    assert_float_equal(F1(a, a), 0, 1e-15);
    assert_float_equal(F1(ab, ab), 1, 1e-15); /* ab begins with a and is no article */
    assert_float_equal(F1(ab, a), 0, 1e-15);
}

/* A row of texts: context cut into tokens at the bars, accepted answers. */
struct made {
    char context[256];
    int32_t span[64], answer_bytes[4];
    char answers[256];
    struct row_texts row;
};

static const struct row_texts *make(struct made *m, const char *bars, int answers, const char *const *answer)
{
    *m = (struct made){.row = {.context = m->context,
                               .span = m->span,
                               .answer_bytes = m->answer_bytes,
                               .answer = m->answers,
                               .answers = answers}};
    for (const char *p = bars; *p; p++) {
        if (*p != '|') {
            m->context[m->row.context_bytes++] = *p;
            continue;
        }
        m->span[2 * m->row.tokens++ + 1] = m->row.context_bytes;
        m->span[2 * m->row.tokens] = m->row.context_bytes;
    }
    for (int i = 0; i < answers; i++) {
        m->answer_bytes[i] = (int32_t)strlen(answer[i]);
        strcat(m->answers, answer[i]);
    }
    return &m->row;
}

static double of_texts(const char *bars, int32_t first, int32_t last, int answers, const char *const *answer)
{
    struct made m;
    double f1;

    assert_int_equal(answer_f1(make(&m, bars, answers, answer), first, last, &f1), ST_OK);
    return f1;
}

static void test_texts(void **state)
{
    static const char *const unknown[] = {"𠮷㐂"}, *const two[] = {"上海", "北京"}, *const part[] = {"play"},
                             *const stop[] = {"。"}, *const none[] = {"!"};

    (void)state;
    assert_float_equal(of_texts("𨭎|龘|", 0, 1, 1, unknown), 0, 1e-15); /* unknown to a vocabulary, and not the same */
    assert_float_equal(of_texts("𠮷|龘|", 0, 1, 1, unknown), 0.5, 1e-15);
    assert_float_equal(of_texts("在|𠮷|㐂|", 1, 2, 1, unknown), 1, 1e-15);
    assert_float_equal(of_texts("在|北|京|市|", 1, 3, 2, two), 0.8, 1e-15);
    assert_float_equal(of_texts("在|北|京|市|", 1, 0, 2, two), 0, 1e-15);
    assert_float_equal(of_texts("在|北|京|市|", 1, 0, 0, two), 1, 1e-15);
    assert_float_equal(of_texts("在|北|京|市|", 0, 0, 0, two), 0, 1e-15);
    assert_float_equal(of_texts("play|ing|", 0, 0, 1, part), 1,
                       1e-15); /* the text that is given counts, not the token */
    assert_float_equal(of_texts("play|ing|", 0, 1, 1, part), 0, 1e-15);
    assert_float_equal(of_texts("。|.|", 0, 1, 1, stop), 1, 1e-15);
    assert_float_equal(of_texts("!|.|", 0, 1, 1, none), 0, 1e-15);
}

/* Pairs of answers as another program scores them. */
static void test_reference(void **state)
{
    FILE *f = fopen(TEST_SOURCE_DIR "/tests/reference/answers.jsonl", "r");
    struct word_bag predicted = {0}, gold = {0};
    char line[4096];
    int count = 0;

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        json_t *row = json_loads(line, 0, NULL), *text = json_array_get(row, 0), *answer = json_array_get(row, 1);
        double f1, expected = json_number_value(json_array_get(row, 2));

        assert_int_equal(word_bag_of_text(json_string_value(text), json_string_length(text), &predicted), ST_OK);
        assert_int_equal(word_bag_of_text(json_string_value(answer), json_string_length(answer), &gold), ST_OK);
        f1 = word_bag_f1(&predicted, &gold);
        if (f1 < expected - 1e-12 || f1 > expected + 1e-12) fail_msg("%.17g: %s", f1, line);
        json_decref(row);
        count++;
    }
    assert_int_equal(count, 600);
    word_bag_fini(&predicted);
    word_bag_fini(&gold);
    fclose(f);
}

/* What the import writes about a vocabulary is what scoring reads. */
static void test_roles(void **state)
{
    static const char vocab[] = "[UNK]\n[CLS]\n[SEP]\n，\na\nab\n##a\n##.\n.\n...\n##\nThe\nthe\nan\n京\n";
    static const char entry[] =
        "name: X\nkind: extractive\ntemplate: '：“{context}”问{question}'\nsources:\n  - folder: x\n    format: jsonl\n"
        "    files: {train: x}\n    fields: {context: c, question: q}\n    answers: y\n";
    static const unsigned char expected[] = {0,
                                             0,
                                             0,
                                             0,
                                             TOKEN_ARTICLE,
                                             0,
                                             TOKEN_JOINED,
                                             TOKEN_JOINED,
                                             TOKEN_PUNCTUATION,
                                             TOKEN_PUNCTUATION,
                                             TOKEN_PUNCTUATION,
                                             0,
                                             TOKEN_ARTICLE,
                                             TOKEN_ARTICLE,
                                             0};
    struct vocabulary *v;
    struct catalogue c;
    struct meta meta;
    char *text;
    size_t n;

    (void)state;
    assert_int_equal(vocabulary_parse("v", vocab, strlen(vocab), &v), ST_OK);
    assert_int_equal(catalogue_parse("x.yaml", entry, strlen(entry), &c), ST_OK);
    assert_int_equal(meta_make(&c.entry[0], &c.entry[0].source[0], "", v, &text, &n), ST_OK);
    assert_int_equal(meta_parse("x", text, n, &meta), ST_OK);
    assert_int_equal(meta.roles.count, sizeof expected);
    assert_memory_equal(meta.roles.role, expected, sizeof expected);
    meta_fini(&meta);
    mem_free(text);
    catalogue_free(&c);
    vocabulary_destroy(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_f1), cmocka_unit_test(test_clean_up),
                                       cmocka_unit_test(test_roles), cmocka_unit_test(test_texts),
                                       cmocka_unit_test(test_reference)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
