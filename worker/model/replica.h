/* A worker's encoder, with weights stored once per node: the first worker of a node packs them into an arena, the
 * others map it (worker/README.md, "Memory"). */
#ifndef MP2_WORKER_MODEL_REPLICA_H
#define MP2_WORKER_MODEL_REPLICA_H

#include "cluster/base/arena.h"
#include "cluster/base/pool.h"
#include "cluster/base/status.h"
#include "cluster/comm/comm.h"
#include "worker/model/encoder.h"
#include "worker/model/precision.h"

/* How to compute, as configured. */
enum precision_choice { PRECISION_AUTO, PRECISION_F32, PRECISION_BF16, PRECISION_INT8 };

struct replica_options {
    const char *folder; /* the encoder's; read by rank 0 (its config) and by one worker per node */
    const char *spill;  /* folder for the arena if /dev/shm is too small; must exist */
    enum precision_choice precision;
    enum precision_choice recorded; /* what auto was resolved to when the run began; PRECISION_AUTO: not recorded */
    enum isa isa;                   /* ISA_AUTO: the best that all workers have */
    enum matmul_engine engine;
    int threads;
    int exact; /* 1: refuse a machine on which results are not exact */
};

/* What all ranks have agreed on. */
struct replica_facts {
    struct model_config config;
    enum number precision;           /* of activations and, except with int8, of products */
    int int8;                        /* products in int8 */
    struct precision_rates measured; /* if precision is auto and was not recorded by the run */
    enum isa isa;
    int exact; /* enum matmul_exact, the weakest of all workers */
};

enum { REPLICA_CHOICE_BYTES = 160 };

struct replica {
    struct replica_facts facts;        /* on all ranks */
    char choice[REPLICA_CHOICE_BYTES]; /* likewise: what machine.precision: auto was resolved to (machine.h); "": it is
                                          not auto */
    struct pool *pool;                 /* on workers only, like all below */
    struct encoder *encoder;
    struct arena arena;
};

/* Collective. model: rank 0's opened source (used for the configuration only), NULL elsewhere. */
status replica_open(struct comm *c, const struct replica_options *o, const struct model_source *model,
                    struct replica *r);
/* "f32", "bf16" or "int8", as recorded by a run. */
const char *replica_precision(const struct replica_facts *f);
/* Local. Default threads of a worker: the node's cores divided by its workers. */
int replica_threads(const struct comm *c);

/* Local. */
void replica_close(struct replica *r);

#endif
