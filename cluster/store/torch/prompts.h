/* The reference's checkpoints (best.th, models/STEP.th): a torch file with a dict of A, z, router, lmhead and,
 * upstream, optimizer = {optimizer1, optimizer2}, the state dicts of AdamW over {router} and over {A, z, lmhead}
 * (worker/README.md, "Files of the reference"). Deep: A [L,d,P*H], z [L,K,d], router [T,L,K]; shallow the same without
 * the layer axis; lmhead [2,H] in both. */
#ifndef MP2_CLUSTER_STORE_TORCH_PROMPTS_H
#define MP2_CLUSTER_STORE_TORCH_PROMPTS_H

#include "cluster/store/torch/file.h"

enum prompts_tensor { PROMPTS_A, PROMPTS_Z, PROMPTS_ROUTER, PROMPTS_HEAD, PROMPTS_TENSORS };

/* Views into mapped files, float types; shallow ones have a layer axis of 1 here. */
struct prompts_tensors {
    struct tensor value[PROMPTS_TENSORS];
    int optimizer; /* 1: m, v and the counts are there */
    struct tensor m[PROMPTS_TENSORS], v[PROMPTS_TENSORS];
    int64_t steps, router_steps; /* AdamW updates of A, z, head, and of the router */
};

struct torch_prompts {
    struct torch_file file;
    struct prompts_tensors tensors;
    int shallow; /* the file has no layer axis */
};

/* Local. Shapes are checked against each other and every value must be finite. optimizer: 1 when its state is wanted,
 * and then must be there. ST_INPUT (reported) otherwise, and nothing to close. */
status torch_prompts_open(const char *path, int optimizer, struct torch_prompts *out);
void torch_prompts_close(struct torch_prompts *prompts);

/* Local. The sizes within tensors. */
struct prompts_sizes {
    int64_t layers, modules, intrinsic, columns, hidden, tasks;
};
struct prompts_sizes torch_prompts_sizes(const struct prompts_tensors *tensors);

/* Local. Write such a file; tensors row-major, with a layer axis, which is left out when shallow. Learning rates are
 * those stated in its param_groups. */
status torch_prompts_write(const char *path, const struct prompts_tensors *tensors, int shallow, double router_rate,
                           double other_rate);

#endif
