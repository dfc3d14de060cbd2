/* The ranks of a run, and MPI behind one status: every call checked, no waiting that burns a core, large counts cut.
 *
 * Rank 0 is the coordinator. With one rank it is the only worker too; with more, ranks 1 … size-1 are the workers,
 * worker w on rank w+1. All functions are to be called from one thread. A failed MPI call is ST_PEER (reported); the
 * run then ends and goes on from its journal. */
#ifndef MP2_CLUSTER_COMM_COMM_H
#define MP2_CLUSTER_COMM_COMM_H

#include <stddef.h>
#include <stdint.h>

#include <mpi.h>

#include "cluster/base/status.h"

struct comm {
    MPI_Comm all;
    MPI_Comm node; /* the ranks that share this node's memory */
    int rank, size;
    int node_rank, node_size;
    int workers;  /* size == 1 ? 1 : size - 1 */
    int worker;   /* this rank's worker index, -1 on a coordinator that has workers */
    int64_t sent; /* bytes this rank has handed to MPI for others, for the reports */
};

/* Collective. MPI_Init and the communicators. Outside mpirun: one rank. */
status comm_init(struct comm *c);
/* Collective on success; after a lost peer it only leaves. */
void comm_fini(struct comm *c, status ended);

static inline int comm_is_coordinator(const struct comm *c)
{
    return c->rank == 0;
}
static inline int comm_is_worker(const struct comm *c)
{
    return c->worker >= 0;
}
static inline int comm_rank_of_worker(const struct comm *c, int worker)
{
    return c->size == 1 ? 0 : worker + 1;
}

/* Local. This rank failed inside an exchange that others wait for: end all ranks with its exit status. Does not
 * return. */
void comm_abort(struct comm *c, status s) __attribute__((noreturn));

/* Local. What an exchange ended with. A failure of this rank's own, which others wait for, ends all ranks; a lost
 * peer's is returned. */
status comm_or_abort(struct comm *c, status s);

/* Collective. The worst status of all ranks, on all ranks: before any branch that skips a collective. When another rank
 * failed and this one did not, nothing is reported here: that rank has done so. A stop that one rank was asked for
 * (cluster/base/stop.h) is asked of all from here on. */
status comm_agree(struct comm *c, status mine);
#ifdef __clang_analyzer__ /* clang-tidy reads one file at a time: this tells it that a rank's own failure is agreed on \
                           */
#define comm_agree(c, mine) ((mine) == ST_OK ? (comm_agree)(c, mine) : (mine))
#endif

/* Collective. n bytes from root to all; n equal on all ranks, any size. */
status comm_broadcast(struct comm *c, void *data, size_t n, int root);
/* Collective. root says how many bytes; *data is allocated on the others (mem_free). */
status comm_broadcast_sized(struct comm *c, void **data, size_t *n, int root);

/* Collective. Sum of 64-bit counts, the same on all ranks (integers: exact in any order). */
status comm_sum(struct comm *c, int64_t *values, int n);
status comm_max(struct comm *c, int64_t *values, int n);

/* Collective. Every rank waits for all, without busy waiting. */
status comm_barrier(struct comm *c);

/* What a message is. Every kind has a tag of its own, so that no two kinds can be taken for each other. */
enum comm_tag {
    TAG_PROMPT,            /* reduce: an owner's columns of the prompts */
    TAG_GRAD,              /* reduce: partial sums of a prompt's gradient, an owner's columns */
    TAG_COLLECT,           /* reduce: an owner's columns to the coordinator */
    TAG_DISTRIBUTE,        /* reduce: and back */
    TAG_PARTIAL_SUM,       /* reduce: partial sums to the coordinator */
    TAG_GRAD_U,            /* reduce: sums over an owner's blocks */
    TAG_RANGE_SUM,         /* ranges: partial sums of a flat vector, an owner's range */
    TAG_RANGE_GATHER,      /* ranges: an owner's range to everyone */
    TAG_ASSIGNMENT,        /* pretrain: a worker's examples */
    TAG_SLOT_REPORT,       /* pretrain: what a worker found in its slots */
    TAG_SCORE,             /* scoring: a worker's examples */
    TAG_SCORE_RESULT,      /* scoring: their answers */
    TAG_PREDICT,           /* predict: a worker's questions */
    TAG_PREDICT_RESULT,    /* predict: their answers */
    TAG_PREDICT_DETAIL,    /* predict: the numbers behind them */
    TAG_MEMBERSHIP,        /* loop: a worker is here */
    TAG_ORACLE_LOSS,       /* tune: losses that belong to a gradient */
    TAG_ORACLE_CANDIDATES, /* tune: losses of candidates */
    TAG_COUNT
};

/* A batch of messages under way: post sends and receives, then wait for all. Sizes may exceed INT_MAX (cut into parts
 * of 256 MiB); a message of 0 bytes is not sent. Buffers belong to the exchange until exchange_wait. Messages to
 * oneself are fine. Both sides name the same tag and size. */
struct exchange {
    MPI_Request *requests;
    size_t count, room;
    status state; /* first failure; later calls do nothing */
};
void exchange_send(struct comm *c, struct exchange *x, const void *data, size_t n, int rank, enum comm_tag tag);
void exchange_receive(struct comm *c, struct exchange *x, void *data, size_t n, int rank, enum comm_tag tag);
status exchange_wait(struct comm *c, struct exchange *x);
/* Local. Memory for so many messages (of up to 256 MiB), so that posting them cannot fail for want of it. */
status exchange_reserve(struct exchange *x, size_t messages);
/* Local. 1 when all is done (then exchange_wait returns at once). */
int exchange_test(struct exchange *x);
/* Local. Look whether all is done for a while, without busy waiting, as exchange_wait, a tenth of a second at most: 1
 * when it is. */
int exchange_rest(struct exchange *x);
void exchange_fini(struct exchange *x);

/* Local. Check an MPI return code: ST_OK or ST_PEER, reported with the name of the call. */
status comm_check(int code, const char *call);

/* Local. Wait for one request or many without burning a core: some thousand polls, then sleeps of 20 to 200 us. */
status comm_wait(MPI_Request *requests, int n);

#endif
