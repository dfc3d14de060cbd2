/* How a command computes, as its options say it: the rows `machine.…` that pretrain, evaluate, predict and tune share,
 * and the encoder that follows from them. */
#ifndef MP2_WORKER_MODEL_MACHINE_H
#define MP2_WORKER_MODEL_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/options.h"
#include "worker/model/replica.h"

struct machine_config {
    enum precision_choice precision;
    char
        recalled[REPLICA_CHOICE_BYTES]; /* no option: what auto is in a run that goes on (machine_recall); "" unknown */
    enum isa isa;
    enum matmul_engine engine;
    int exact, accept_break;
    int64_t threads, unit_examples, unit_memory;
};

/* Their rows. field: the struct machine_config of type; examples: how many are computed together, as text. */
#define MACHINE_OPTIONS(type, field, examples)                                                                     \
    CHOICE_OPTION("machine.precision", offsetof(type, field.precision), "auto", "auto|f32|bf16|int8", RESULT,      \
                  "of weights and matrix inputs; auto: the faster one of f32 and bf16; int8: faster still, on "    \
                  "CPUs with AVX-512 VNNI, to about 1 % of a gradient"),                                           \
        CHOICE_OPTION("machine.isa", offsetof(type, field.isa), "auto", "auto|avx2|avx512|avx512bf16", RESULT,     \
                      "instruction set; auto: the best that all workers have"),                                    \
        CHOICE_OPTION("machine.engine", offsetof(type, field.engine), "onednn", "onednn|openblas", RESULT,         \
                      "matrix products; openblas is f32 only"),                                                    \
        BOOL_OPTION("machine.exact", offsetof(type, field.exact), "true", RESULT,                                  \
                    "refuse machines whose products depend on how rows are dealt"),                                \
        INT_OPTION("machine.threads", offsetof(type, field.threads), "0", 0, 4096, PLACEMENT, "",                  \
                   "threads a worker; 0: the node's cores over its workers"),                                      \
        INT_OPTION("machine.unit_examples", offsetof(type, field.unit_examples), examples, 1, 1024, PLACEMENT,     \
                   "examples", "most examples computed together; a power of two"),                                 \
        INT_OPTION("machine.unit_memory", offsetof(type, field.unit_memory), "1Gi", 1e6, 1e15, PLACEMENT, "bytes", \
                   "memory for the activations of the examples computed together")

/* What an encoder is opened from. */
struct machine_encoder {
    const char *folder;               /* the encoder's */
    const char *spill;                /* as in struct replica_options */
    const struct model_source *model; /* rank 0's opened source, NULL elsewhere */
};

/* Collective. The encoder, computed as m says (the same on all ranks). r->choice is then "bf16: 210 GFLOP/s a worker
 * (f32: 105)", with figures where they were measured; "" where precision is not auto. ST_INPUT,
 * reported by rank 0, where m asks for what its rows' limits cannot rule out. */
status machine_open(struct comm *c, const struct machine_config *m, const struct machine_encoder *e, struct replica *r);

/* ---- what auto is, in a run's configuration: a line of it that is a comment ---- */

/* Rank 0, local. Replace *text (malloc) by itself with r's choice after it, if it has one; one that was measured just
 * now is said, too. */
status machine_note(const struct replica *r, char **text);
/* Collective. Where m's precision is auto: what the configuration at path (rank 0's) says that it is; where it says
 * nothing, for it is older than the choice, bf16 where the CPUs have it; no such file: nothing is recorded. */
status machine_recall(struct comm *c, const char *path, struct machine_config *m);

#endif
