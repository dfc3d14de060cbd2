/* What a worker does for a loss oracle: it holds the training examples of one task and answers one request after the
 * other. The oracle's spine (coordinator/tune/oracle.c) brings a request and its values (oracle_messages.h), calls the
 * function of that name here, and takes the answer away. All functions are local.
 *
 * Scores need no function here: scoring works with `compute` (worker/train/score_batch.h). */
#ifndef MP2_WORKER_ORACLE_H
#define MP2_WORKER_ORACLE_H

#include "cluster/base/memory.h"
#include "worker/model/replica.h"
#include "worker/oracle_messages.h"
#include "worker/train/compute.h"
#include "worker/train/int8_check.h"

struct oracle_worker_options {
    const struct replica *replica;
    int worker;            /* which one this is */
    int32_t unit_examples; /* most examples of a unit; a power of two */
    size_t unit_memory;    /* bytes that a unit may take */
    int32_t longest;       /* rows of the longest input that will be scored */
    int gradients;         /* 1: oracle_worker_gradient will be called */
    enum loss_over loss;   /* what losses are over */
};

struct oracle_kept;

struct oracle_worker {
    struct oracle_worker_options o;
    const struct oracle_facts *facts;
    struct compute compute;      /* answers of oracle_worker_gradient: sums (prompt_list, head_list), losses by slot */
    struct assignment own;       /* the examples whose gradients this worker computes */
    float *placed, *placed_head; /* of the search through the layers */
    float *trial;                /* the placed prompts with one layer replaced */
    struct oracle_kept *kept;    /* (parts) */
    double *losses;              /* answers of oracle_worker_losses: oracle_answer_losses of them */
    size_t loss_room;
    struct mem_keep keep;
};

/* facts: read, not yet cut; they stay the caller's and must outlive the worker. ST_INPUT (reported) when memory does
 * not hold an example. */
status oracle_worker_open(const struct oracle_worker_options *o, const struct oracle_facts *facts,
                          struct oracle_worker **out);
void oracle_worker_close(struct oracle_worker **worker);

/* What this worker's units hold. */
struct oracle_limits oracle_worker_limits(const struct oracle_worker *w);
/* After the cut: room for what is kept of the parts. */
status oracle_worker_begin(struct oracle_worker *w);

/* Losses and gradients of this worker's examples. prompts (layers,P,H), head (2,H). */
status oracle_worker_gradient(struct oracle_worker *w, const float *prompts, const float *head);

/* After it, where products are in int8: what that does to this worker's first examples. ST_MEMORY, ST_INPUT, ST_IO
 * (reported). folder: the encoder's. */
status oracle_worker_check_int8(struct oracle_worker *w, const char *folder, const float *prompts, const float *head,
                                struct int8_check *out);

/* ORACLE_LOSS and ORACLE_LOSSES: losses of this worker's pairs. values as in oracle_messages.h; head: of ORACLE_LOSS.
 * */
status oracle_worker_losses(struct oracle_worker *w, const struct oracle_request *r, const float *values,
                            const float *head);

/* The search through the layers. What was kept stays as far as it has not seen the old prompts. */
void oracle_worker_place(struct oracle_worker *w, const float *prompts, const float *head);
void oracle_worker_fix(struct oracle_worker *w, int32_t layer, const float *prompt);

#endif
