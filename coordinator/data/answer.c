#include "coordinator/data/answer.h"

#include <math.h>

#include "coordinator/data/word_bag.h"

/* What is compared: the prediction and one accepted answer after the other. */
struct answer_pair {
    struct word_bag predicted, gold;
};

static void pair_fini(struct answer_pair *p)
{
    word_bag_fini(&p->predicted);
    word_bag_fini(&p->gold);
}

static status f1_of_texts(struct answer_pair *p, const struct row_texts *row, int32_t first, int32_t last, double *f1)
{
    const char *gold = row->answer;

    if (last >= first) {
        int32_t from = row->span[2 * first], to = row->span[2 * last + 1];

        TRY(word_bag_of_text(row->context + from, to > from ? (size_t)(to - from) : 0, &p->predicted));
    }
    for (int32_t i = 0; i < row->answers; gold += row->answer_bytes[i++]) {
        TRY(word_bag_of_text(gold, (size_t)row->answer_bytes[i], &p->gold));
        *f1 = fmax(*f1, word_bag_f1(&p->gold, &p->predicted));
    }
    return ST_OK;
}

status answer_f1(const struct row_texts *row, int32_t first, int32_t last, double *f1)
{
    struct answer_pair p = {0};
    status s;

    *f1 = row->answers == 0 && last < first;
    s = f1_of_texts(&p, row, first, last, f1);
    pair_fini(&p);
    return s;
}

static status f1_of_tokens(struct answer_pair *p, const struct token_roles *roles, const int32_t *predicted, int count,
                           const struct gold *gold, int gold_count, double *f1)
{
    TRY(word_bag_of_tokens(roles, predicted, count, &p->predicted));
    for (int i = 0; i < gold_count; i++) {
        TRY(word_bag_of_tokens(roles, gold[i].ids, gold[i].count, &p->gold));
        *f1 = fmax(*f1, word_bag_f1(&p->gold, &p->predicted));
    }
    return ST_OK;
}

status answer_f1_of_tokens(const struct token_roles *roles, const int32_t *predicted, int count,
                           const struct gold *gold, int gold_count, double *f1)
{
    struct answer_pair p = {0};
    status s;

    *f1 = gold_count == 0 && count == 0;
    s = f1_of_tokens(&p, roles, predicted, count, gold, gold_count, f1);
    pair_fini(&p);
    return s;
}
