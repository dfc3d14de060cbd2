/* One pass of a batch through the encoder, forward or backward: what all threads share. Internal to the encoder. */
#ifndef MP2_WORKER_MODEL_PASS_H
#define MP2_WORKER_MODEL_PASS_H

#include <stdatomic.h>

#include "worker/model/activations.h"

struct pass {
    const struct encoder *e;
    struct pool *pool;
    struct activations *a;
    const struct unit_batch *b;
    const struct encoder_prompts *prompts; /* layers 0: none */
    struct dropout hidden, attention;
    int32_t first, last; /* layers [first, last) */
    int32_t layer;       /* of the current phase */
    int narrow;          /* this layer: only the wanted rows (activations.h) */
    float *d_prompts;
    const struct encoder_sink *sink;
    atomic_int next;   /* next piece of work of this phase */
    atomic_int failed; /* a status */
};

void pass_init(struct pass *p, const struct encoder *e, struct pool *pool, struct activations *a,
               const struct unit_batch *b, const struct encoder_prompts *prompts,
               const struct encoder_dropout *dropout);

/* Local. Run a phase on all threads, which take pieces of work from p->next. Returns p->failed. */
status pass_phase(struct pass *p, pool_job *job);

/* Local. Take the next of count pieces of work; -1 if none is left. */
int32_t pass_deal(struct pass *p, int32_t count);

/* Local. Whether the phase's layer continues with only the wanted rows after its keys and values. */
int pass_narrows(const struct pass *p);

/* Local. The prompt added before a layer (P,H); NULL: none. */
const float *pass_prompt(const struct pass *p, int32_t layer);

/* Local. The arguments of a LayerNorm over a block of rows; prompt NULL: none. */
struct norm pass_norm(const struct pass *p, const struct row_block *block, int32_t layer, enum dropout_kind kind,
                      const float *gamma, const float *beta, const float *prompt);

/* Local. The arguments of attention in example `example`, head `head` of the phase's layer. */
struct attention pass_attention(const struct pass *p, int32_t example, int32_t head);

/* Local. A product over a block of rows; a failure is stored in p->failed. */
void pass_product(struct pass *p, int thread, int product, int32_t layer, int32_t rows, const void *x, void *y);

#endif
