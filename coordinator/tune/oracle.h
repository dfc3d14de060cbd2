/* A cell's loss oracle: the few training examples of one task on the workers, and what the coordinator asks of them:
 * loss and gradient of composed prompts, losses of many candidates for one layer's prompt, scores of rows. Optimisers
 * run on the coordinator alone and see nothing of ranks.
 *
 * Between oracle_open and oracle_close come dialogues: the workers answer in oracle_serve until the coordinator calls
 * oracle_dismiss.
 *
 *     TRY(oracle_open(&options, &oracle));                              collective
 *     if (comm_is_coordinator(comm)) s = oracle_dismiss(oracle, search(oracle));
 *     else s = oracle_serve(oracle);
 *     oracle_close(&oracle);
 *
 * With one rank the coordinator does the work itself inside each request. What a worker does is in worker/oracle.h,
 * what travels in worker/oracle_messages.h. Answers are exact: losses come back example by example and are summed on
 * the coordinator, gradients along the batch's tree (cluster/README.md, "Tree of sums"), so they depend on neither
 * ranks nor threads nor the size of units. */
#ifndef MP2_COORDINATOR_TUNE_ORACLE_H
#define MP2_COORDINATOR_TUNE_ORACLE_H

#include "coordinator/score/scorer.h"
#include "worker/model/machine.h"
#include "worker/model/replica.h"
#include "worker/train/assignment.h"

struct oracle_options {
    struct comm *comm;
    const struct replica *replica;
    int32_t layers;         /* of the prompts that are tuned: the encoder's, or 1 (before the first layer alone) */
    int32_t tokens;         /* P */
    int32_t longest;        /* rows of the longest input: the form's max_length */
    int gradients;          /* 1: oracle_gradient will be called */
    const char *check_int8; /* the encoder's folder: the first gradient is compared with one without int8; NULL: not */
    enum loss_over loss;    /* what losses are over */
    const struct machine_config *machine;
    struct scorer_rules rules;
    /* coordinator */
    struct run_folder *folder; /* asked for a stop while rows are scored */
    struct dataset *data;
    int task;
    enum split split;    /* where the training rows are from */
    const int64_t *rows; /* (count) training rows; copied */
    int64_t count;
};

struct oracle;

/* Collective. The training examples go to every worker, once. ST_INPUT (reported) when memory does not hold an example.
 * */
status oracle_open(const struct oracle_options *o, struct oracle **out);
void oracle_close(struct oracle **oracle);

/* Local, on all ranks. The training examples: their number; all of them by slot, as long as the oracle is open. */
int64_t oracle_examples(const struct oracle *t);
const struct assignment *oracle_assignment(const struct oracle *t);

/* Ranks other than the coordinator. Answer until dismissed; the worst status of all ranks. */
status oracle_serve(struct oracle *t);
/* Coordinator. Let the workers go with what became of the work; the worst status of all ranks. */
status oracle_dismiss(struct oracle *t, status mine);

/* ---- coordinator, inside the dialogue. Prompts are (layers,P,H), composed; heads (2,H); all f32, the caller's. A loss
 * that is not finite is no error here. A status other than ST_OK was reported by the rank that failed. ---- */

/* Mean loss over the training examples, and its gradient with respect to prompts and head. */
status oracle_gradient(struct oracle *t, const float *prompts, const float *head, double *loss, float *d_prompts,
                       float *d_head);

/* The loss alone, of whole sets of prompts: sets (n,layers,P,H), losses (n). The members of a call share the batch. */
status oracle_loss(struct oracle *t, int32_t n, const float *sets, const float *head, double *losses);

/* For a search that goes through the layers one by one: place a set of prompts, then ask for candidates (n,P*H) of one
 * layer's prompt, the others as placed; fix the layer's prompt; go on with a layer above. Workers keep the activations
 * below `layer`, advanced past a layer that is fixed, so that nothing is computed twice; asking for a layer below an
 * earlier one is fine (a new round) and begins again from the ids. */
status oracle_place(struct oracle *t, const float *prompts, const float *head);
status oracle_losses(struct oracle *t, int32_t layer, int32_t n, const float *candidates, double *losses);
status oracle_fix(struct oracle *t, int32_t layer, const float *prompt);

/* Scores of rows of a split of the oracle's task (rows NULL: a keyed subset of at most `count` rows of the rules' seed,
 * 0: all). each may be NULL (coordinator/score/scorer.h). ST_END (not reported): a stop was asked for. */
status oracle_score(struct oracle *t, enum split split, const int64_t *rows, int64_t count, const float *prompts,
                    const float *head, evaluate_row *each, void *arg, struct eval_result *out);

#endif
