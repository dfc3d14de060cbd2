/* What a worker does for a loss oracle: it holds the training examples of one task and answers one request after
 * another. coordinator/tune/oracle.c receives a request and its values (oracle_messages.h), calls the matching function
 * here, and sends the answer. All functions are local.
 *
 * Scoring needs no function here: it uses `compute` (worker/train/score_batch.h). */
#ifndef MP2_WORKER_ORACLE_H
#define MP2_WORKER_ORACLE_H

#include "cluster/base/memory.h"
#include "worker/model/replica.h"
#include "worker/oracle_messages.h"
#include "worker/train/compute.h"
#include "worker/train/int8_check.h"

struct oracle_worker_options {
    const struct replica *replica;
    int worker;            /* index of this worker */
    int32_t unit_examples; /* maximum examples per unit; a power of two */
    size_t unit_memory;    /* bytes that a unit may use */
    int32_t longest;       /* rows of the longest input to be scored */
    int gradients;         /* 1: oracle_worker_gradient will be called */
    enum loss_over loss;   /* what losses are computed over */
};

struct oracle_kept;

struct oracle_worker {
    struct oracle_worker_options o;
    const struct oracle_facts *facts;
    struct compute compute;      /* answers of oracle_worker_gradient: sums (prompt_list, head_list), losses by slot */
    struct assignment own;       /* the examples whose gradients this worker computes */
    float *placed, *placed_head; /* of the layer-wise search */
    float *trial;                /* the placed prompts with one layer replaced */
    struct oracle_kept *kept;    /* (parts) */
    double *losses;              /* answers of oracle_worker_losses: oracle_answer_losses of them */
    size_t loss_room;
    struct mem_keep keep;
};

/* facts: read, not yet cut into parts; owned by the caller, must outlive the worker. ST_INPUT (reported) if unit_memory
 * does not hold one example. */
status oracle_worker_open(const struct oracle_worker_options *o, const struct oracle_facts *facts,
                          struct oracle_worker **out);
void oracle_worker_close(struct oracle_worker **worker);

/* The capacity of this worker's units. */
struct oracle_limits oracle_worker_limits(const struct oracle_worker *w);
/* Call after the examples are cut into parts: allocates the cache of the parts. */
status oracle_worker_begin(struct oracle_worker *w);

/* Losses and gradients of this worker's examples. prompts (layers,P,H), head (2,H). */
status oracle_worker_gradient(struct oracle_worker *w, const float *prompts, const float *head);

/* Call after oracle_worker_gradient, if products are in int8: the effect of int8 on this worker's first examples.
 * ST_MEMORY, ST_INPUT, ST_IO (reported). folder: the encoder's. */
status oracle_worker_check_int8(struct oracle_worker *w, const char *folder, const float *prompts, const float *head,
                                struct int8_check *out);

/* ORACLE_LOSS and ORACLE_LOSSES: losses of this worker's pairs. values as in oracle_messages.h; head: of ORACLE_LOSS.
 * */
status oracle_worker_losses(struct oracle_worker *w, const struct oracle_request *r, const float *values,
                            const float *head);

/* The layer-wise search. Cached activations that do not depend on the old prompts stay valid. */
void oracle_worker_place(struct oracle_worker *w, const float *prompts, const float *head);
void oracle_worker_fix(struct oracle_worker *w, int32_t layer, const float *prompt);

#endif
