/* The prompts of a checkpoint as a safetensors file: A [L,d,P*H], z [L,K,d], router [T,L,K], head.weight [2,H]
 * (worker/README.md, "Tensors"). L is the encoder's layers (deep) or 1 (shallow; in an encoder of one layer the two are
 * one). */
#ifndef MP2_CLUSTER_STORE_PROMPTS_FILE_H
#define MP2_CLUSTER_STORE_PROMPTS_FILE_H

#include "cluster/store/safetensors.h"

struct prompts_file {
    struct safetensors file;
    int64_t layers;                             /* of the prompt bank: the encoder's, or 1 */
    int64_t modules;                            /* K */
    int64_t intrinsic;                          /* d */
    int64_t tokens;                             /* P */
    int64_t hidden;                             /* H */
    int64_t tasks;                              /* T */
    const struct tensor *a, *z, *router, *head; /* any float type; read with tensor_read_f32(file.path, …) */
    const struct tensor *span_head;             /* of spans; head, where there is one for all */
    const struct tensor *task_heads; /* (T,2,H): every task's own, head and span_head being means of them; NULL: none */
};

/* Local. Shapes are checked against each other and, when encoder_layers and hidden are not 0, against the model; every
 * value must be finite as f32; prompts behind an encoder (encoder.lstm) are refused. ST_INPUT (reported) otherwise, and
 * nothing to close. Reads the whole file once. */
status prompts_file_open(const char *path, int64_t encoder_layers, int64_t hidden, struct prompts_file *out);
void prompts_file_close(struct prompts_file *prompts);

#endif
