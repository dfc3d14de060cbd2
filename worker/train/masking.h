/* Dynamic masking: which tokens of a sequence are to be predicted, and what replaces them. BERT's (token by token, 80 %
 * [MASK], 10 % another token, 10 % unchanged) is the default, and is always used to score held-out text.
 *
 *   MASK_TOKENS   every choice of `wanted` tokens is as likely as any other
 *   MASK_WORDS    whole words, in a random order, as long as they fit into what is wanted; what is left over goes to
 * the front of one more word. The tokens of a word are drawn one by one what becomes of them (Google's whole-word
 * masking) MASK_SPANS    spans of geometric length, P(l) = p (1-p)^(l-1) cut off at `longest` and scaled, from uniform
 * starts, cut short by [SEP], by other spans and by what is wanted; a span shares one fate (SpanBERT, arXiv 1907.10529)
 *
 * Never [CLS] and [SEP]. Always exactly `wanted` tokens, or all where there are fewer. All is a function of the key. */
#ifndef MP2_WORKER_TRAIN_MASKING_H
#define MP2_WORKER_TRAIN_MASKING_H

#include <stdint.h>

#include "cluster/base/random.h"
#include "worker/train/token_text.h"

enum { MASKING_FIRST = 16 };
enum mask_unit { MASK_TOKENS, MASK_WORDS, MASK_SPANS };

struct masking {
    enum mask_unit unit;
    int32_t sep, mask, vocabulary;
    double masked, random; /* fractions of the chosen tokens that become [MASK], another token; the rest stays */
    const int32_t
        *pool; /* other tokens are drawn from here (a token_text's), except [SEP]; NULL: from the vocabulary */
    int64_t pool_tokens;
    double p; /* MASK_SPANS */
    int32_t longest;
    int32_t first[MASKING_FIRST]; /* tokens chosen before all others (salient masking, arXiv 2002.08909); `firsts` of
                                     them */
    int32_t firsts;
};

/* Local. One sequence: tokens (length) of the text; ids receives the encoder's input. rows: masked positions,
 * ascending; targets: their original ids. room: (length) of scratch. Returns the number of masked positions. */
int32_t masking_apply(const struct masking *m, struct random_key key, const int32_t *tokens, int32_t length,
                      int32_t wanted, int32_t *ids, int32_t *rows, int32_t *targets, int32_t *room);

#endif
