/* mp2 probe: one batch through forward, backward and AdamW, for comparison with other programs. What
 * its files share: the case, the pass over it, the result. */
#ifndef MP2_COORDINATOR_COMMAND_PROBE_PROBE_H
#define MP2_COORDINATOR_COMMAND_PROBE_PROBE_H

#include <stdint.h>

#include "cluster/base/pool.h"
#include "cluster/base/status.h"
#include "cluster/store/prompts_file.h"
#include "worker/model/encoder.h"
#include "worker/model/source.h"
#include "worker/prompt/columns.h"
#include "worker/train/unit.h"

struct probe_options {
    const char *model, *prompts, *probe_case, *out;
    enum number precision;
    int int8; /* products in int8; precision is that of activations */
    enum matmul_engine engine;
    int attend_padding, updates, threads;
    enum loss_over loss;
};

/* The batch. */
struct probe_case {
    int64_t examples, width;       /* B, S */
    int32_t *ids;                  /* (B,S) */
    int32_t *length, *start, *end; /* (B) */
    struct answer_marks *marks;    /* (B) with --loss answers; else NULL */
    int32_t (*option)[2];          /* theirs */
    int64_t task;
    double *uniform; /* (layers of the prompts, K), or NULL: evaluation mode */
};

/* Local. Read and check a case against the model and the prompts. ST_INPUT (reported) when anything is wrong. loss
 * LOSS_ANSWERS: with what answers can be:
 *   options     [B,N,2] first and last token of each, one after the other; -1, -1 after those of a row that has fewer
 *   or context  [B,2] its first and last token, and no_answer [B,2] (may be missing; -1, -1: there must be one) */
status probe_case_load(const char *path, const struct model_config *model, const struct prompts_file *prompts,
                       enum loss_over loss, struct probe_case *out);
void probe_case_free(struct probe_case *c);

/* What one pass gives. l: layers of the prompts. */
struct probe_result {
    double loss;
    float *start_logits, *end_logits;        /* (B,S), 0 at masked padding and where no answer is read */
    double *u;                               /* (l,d) */
    float *grad_prompts;                     /* (l,P*H) */
    float *grad_z, *grad_router, *grad_head; /* (l,K,d), (l,K) of the case's task, (2,H) */
};

/* The parameters and everything that computes. */
struct probe_run {
    const struct probe_options *options;
    const struct prompts_file *prompts;
    const struct probe_case *probe_case;
    struct pool *pool;
    struct encoder *encoder;
    void *weights;
    struct columns columns; /* A, with its moments */
    float *columns_data;
    float *z, *router, *head; /* (l,K,d), (T,l,K), (2,H) */
    float *moments[3][2];     /* m and v of z, router, head */
    struct unit *unit;
    struct unit_batch batch;
    int32_t unit_examples;
    double *gates, *mix;  /* (l,K): s and r of router_forward */
    float *prompt;        /* (l,P*H) */
    double *example_loss; /* (B) */
    float *unit_logits;   /* (rows,2) */
    char *read;           /* (S) */
};

/* Local. Pack the weights, load the parameters, plan the memory. source is no longer needed afterwards. */
status probe_run_open(const struct probe_options *options, const struct model_source *source,
                      const struct prompts_file *prompts, const struct probe_case *probe_case, struct probe_run *out);
void probe_run_close(struct probe_run *r);

/* Local. Room for what a run of these sizes gives; ST_MEMORY (reported), then there is nothing to free. */
status probe_result_new(const struct probe_run *r, struct probe_result *out);
void probe_result_free(struct probe_result *result);

/* Local. Forward and backward; then, with the pass's gradients, AdamW update number `count` (from 1). */
status probe_pass(struct probe_run *r, struct probe_result *out);
status probe_update(struct probe_run *r, const struct probe_result *result, int count);

/* Local. Write the out file: the first pass, and with updates the parameters as they are now. */
status probe_write(const struct probe_run *r, const struct probe_result *first);

#endif
