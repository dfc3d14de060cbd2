/* How a command computes: the options `machine.…` that pretrain, evaluate, predict and tune share, and the encoder
 * opened according to them. */
#ifndef MP2_WORKER_MODEL_MACHINE_H
#define MP2_WORKER_MODEL_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/options.h"
#include "worker/model/replica.h"

struct machine_config {
    enum precision_choice precision;
    char recalled[REPLICA_CHOICE_BYTES]; /* not an option: what auto was resolved to in a resumed run (machine_recall);
                                            "" unknown */
    enum isa isa;
    enum matmul_engine engine;
    int exact, accept_break;
    int64_t threads, unit_examples, unit_memory;
};

/* Their rows of an option table. field: the struct machine_config of type; examples: how many are computed together, as
 * text. */
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

/* What is needed to open an encoder. */
struct machine_encoder {
    const char *folder;               /* the encoder's */
    const char *spill;                /* as in struct replica_options */
    const struct model_source *model; /* rank 0's opened source, NULL elsewhere */
};

/* Collective. Open the encoder according to m (the same on all ranks). r->choice is then, for example, "bf16: 210
 * GFLOP/s a worker (f32: 105)", with rates if they were measured; "" if precision is not auto. ST_INPUT, reported by
 * rank 0, for invalid settings that the limits of single options do not catch. */
status machine_open(struct comm *c, const struct machine_config *m, const struct machine_encoder *e, struct replica *r);

/* ---- what auto was resolved to, as a comment line in a run's configuration ---- */

/* Rank 0, local. Append r's choice to *text (malloc), if there is one; a choice measured just now is also logged. */
status machine_note(const struct replica *r, char **text);
/* Collective. If m's precision is auto: read from the configuration at path (rank 0's) what it was resolved to; if that
 * is missing, because the run is older than this choice, bf16 if the CPUs support it; no such file: nothing is
 * recorded. */
status machine_recall(struct comm *c, const char *path, struct machine_config *m);

#endif
