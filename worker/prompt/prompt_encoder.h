/* What stands between u A and the prompts, with `prompt.encoder: lstm` (worker/README.md, "Prompt encoder"): one LSTM
 * for all layers, tasks and modules. Every worker has a copy, computes the same with it and updates it alike, so that
 * the copies are equal to the bit. All of it is local and on one thread. */
#ifndef MP2_WORKER_PROMPT_PROMPT_ENCODER_H
#define MP2_WORKER_PROMPT_PROMPT_ENCODER_H

#include "cluster/base/memory.h"
#include "cluster/base/status.h"
#include "worker/prompt/lstm.h"

struct prompt_encoder_shape {
    int64_t groups, layers;
    int64_t tokens, hidden; /* P, H */
};

struct prompt_encoder {
    struct mem_keep keep;
    struct prompt_encoder_shape shape;
    struct lstm lstm;
    size_t count;           /* numbers of its parameters */
    float *value, *m, *v;   /* (count) with their AdamW moments */
    float *grad;            /* (count) of the step, the groups' sum times their weights */
    float *in;              /* (groups, layers, P*H) u A of forward */
    float *d_out;           /* (groups, layers, P*H) G: backward's input, the caller's to fill */
    float *d_in;            /* (P*H) of one layer */
    float *trace, *scratch; /* trace: (groups, layers) */
    float *of_group;        /* (count) one group's gradient */
};

/* Numbers of its parameters, for P tokens of H: cells of a direction are half as many as H. */
size_t prompt_encoder_parameters(int64_t tokens, int64_t hidden);

/* First values are functions of the seed: prompts are u A, to the bit, until they have moved. kernels must outlive
 * it. */
status prompt_encoder_new(const struct kernels *kernels, const struct prompt_encoder_shape *s, uint64_t seed,
                          struct prompt_encoder **out);
void prompt_encoder_destroy(struct prompt_encoder **e);

/* prompts (groups, layers, P*H) from e->in, which backward needs as it is. */
void prompt_encoder_forward(struct prompt_encoder *e, int groups, float *prompts);

/* From e->d_out back, after a forward of all groups: e->grad, with the groups' weights, and columns [first, first +
 * local) of the gradient of u A, (groups, layers, local) without weights. */
void prompt_encoder_backward(struct prompt_encoder *e, const double *weights, int64_t first, int64_t local,
                             float *grad);

/* The sum of squares of e->grad; not finite if one of it is not. */
double prompt_encoder_square(const struct prompt_encoder *e);

/* The step counts: AdamW. */
void prompt_encoder_update(struct prompt_encoder *e, const struct adamw *w);

#endif
