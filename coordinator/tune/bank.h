/* What pre-training left for a new task: module prompts, composed once (z_l A_l, worker/README.md, "Tuning by
 * gradient"), the routers of seen tasks, the head; and A itself, for a search over intrinsic vectors. Coordinator
 * only; whole tensors of a checkpoint's prompts.safetensors, mapped. All sums are fixed in their order.
 *
 * Shapes: layers = the encoder's (deep) or 1 (shallow); modules (layers,K,P*H); gates (layers,K). */
#ifndef MP2_COORDINATOR_TUNE_BANK_H
#define MP2_COORDINATOR_TUNE_BANK_H

#include "cluster/store/checkpoint.h"
#include "cluster/store/prompts_file.h"
#include "cluster/store/state.h"
#include "coordinator/data/task.h"
#include "worker/kernel/kernels.h"
#include "worker/model/config.h"

struct bank {
    int32_t layers, modules, tokens, hidden, intrinsic;
    size_t columns;           /* P*H */
    char digest[33];          /* of the checkpoint: of its state, which holds the checksums of its files */
    struct state state;       /* tasks in router order, digests, placeholders, values */
    struct prompts_file file; /* A stays mapped */
    float *z;                 /* (layers,K,d) */
    float *router;            /* (tasks,layers,K) logits */
    float *head, *span_head;  /* (2,H) of tasks with options, and of spans: the same values where there is one head */
    float *values;            /* (layers,K,P*H): z A */
    float *row;               /* (P*H) scratch */
    struct kernels kernels;
};

/* Local. path: a run of pre-training (its newest checkpoint) or a checkpoint. layers, hidden: the encoder's. ST_INPUT
 * (reported) when it is no checkpoint of prompts or does not fit the encoder. */
status bank_open(const char *path, const struct model_config *model, struct bank *b);
void bank_close(struct bank *b);

/* Local. The head for a task of this kind. */
const float *bank_head(const struct bank *b, enum task_kind kind);

/* Local. The router row of a task by its name; -1: the task was not seen. */
int bank_task(const struct bank *b, const char *id);

/* Local. Evaluation-mode gates of router logits theta (layers,K): s = sigmoid(theta), r = s / (sum s + 1e-12). */
void bank_gates(const struct bank *b, const float *theta, double *s, double *r);

/* Local. prompts (layers,P*H) = sum_k r_lk modules_lk, in double. modules: b->values, or a tuned copy of them. */
void bank_mix(const struct bank *b, const float *modules, const double *r, float *prompts);

/* Local. From d_prompts (layers,P*H) back (worker/README.md, "Exact gradients"): d_modules_lk = r_lk G_l
 * (layers,K,P*H; NULL: not wanted) and d_theta (layers,K; NULL: not wanted) through dr_lk = modules_lk . G_l. */
void bank_back(const struct bank *b, const float *modules, const double *s, const double *r, const float *d_prompts,
               float *d_modules, double *d_theta);

/* Local. out (n,P*H) = x (n,d) A_layer: prompts of intrinsic vectors, A frozen. */
status bank_compose(struct bank *b, int32_t layer, int32_t n, const float *x, float *out);

/* Local. x (d) = sum_k r_lk z_lk: where a search over the intrinsic vectors of a layer begins. */
void bank_intrinsic(const struct bank *b, int32_t layer, const double *r, double *x);

#endif
