/* A worker's encoder over weights that stand once on each node: the first worker of a node packs them into an arena,
 * the others map it (worker/README.md, "Memory"). */
#ifndef MP2_WORKER_MODEL_REPLICA_H
#define MP2_WORKER_MODEL_REPLICA_H

#include "cluster/base/arena.h"
#include "cluster/base/pool.h"
#include "cluster/base/status.h"
#include "cluster/comm/comm.h"
#include "worker/model/encoder.h"
#include "worker/model/precision.h"

/* How to compute, as the configuration says it. */
enum precision_choice { PRECISION_AUTO, PRECISION_F32, PRECISION_BF16, PRECISION_INT8 };

struct replica_options {
    const char *folder; /* the encoder's; read by rank 0 (its config) and by one worker a node */
    const char *spill;  /* where the arena goes when /dev/shm is too small; exists */
    enum precision_choice precision;
    enum precision_choice recorded; /* what auto was when the run began; PRECISION_AUTO: nothing is recorded */
    enum isa isa;                   /* ISA_AUTO: the best that all workers have */
    enum matmul_engine engine;
    int threads;
    int exact; /* 1: refuse a machine on which results are not exact */
};

/* What all ranks have agreed on. */
struct replica_facts {
    struct model_config config;
    enum number precision;           /* of activations and, but for int8, of products */
    int int8;                        /* products in int8 */
    struct precision_rates measured; /* where precision is auto and no run's record said what that is */
    enum isa isa;
    int exact; /* enum matmul_exact, the weakest of all workers */
};

enum { REPLICA_CHOICE_BYTES = 160 };

struct replica {
    struct replica_facts facts;        /* on all ranks */
    char choice[REPLICA_CHOICE_BYTES]; /* likewise: what machine.precision: auto is (machine.h); "": it is not auto */
    struct pool *pool;                 /* on workers, as all below */
    struct encoder *encoder;
    struct arena arena;
};

/* Collective. model: rank 0's opened source (it is asked for the configuration alone), NULL elsewhere. */
status replica_open(struct comm *c, const struct replica_options *o, const struct model_source *model,
                    struct replica *r);
/* "f32", "bf16", "int8": as a run records it. */
const char *replica_precision(const struct replica_facts *f);
/* Local. Threads of a worker where the user names none: the node's cores over its workers. */
int replica_threads(const struct comm *c);

/* Local. */
void replica_close(struct replica *r);

#endif
