/* The messages between the ranks of `mp2 pretrain`, and their sizes. In the order of a step:
 *
 *     go            coordinator to all         u, head, size of every assignment         struct pretrain_go
 *     assignment    coordinator to a worker    its examples, the deal                    worker/train/assignment.h
 *     prompts       worker to workers          own columns of every group's prompt       cluster/comm/reduce.h
 *     report        worker to coordinator      losses, hits, its statistics              struct pretrain_report
 *     gradients     worker to owners, owners   G along the tree of slots; A G            struct pretrain_gradients
 *                   to coordinator             along the tree of blocks
 *
 * Before the first step the coordinator tells all ranks the sizes, struct pretrain_shape. Replay and evaluation use
 * only u and head of the go message. */
#ifndef MP2_WORKER_PRETRAIN_MESSAGES_H
#define MP2_WORKER_PRETRAIN_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/memory.h"
#include "cluster/base/status.h"
#include "worker/member.h"

struct pretrain_shape {
    int64_t layers;             /* of the prompt bank: L, or 1 when shallow */
    int64_t tokens, hidden;     /* P, H */
    int64_t modules, intrinsic; /* K, d */
    int64_t tasks, groups, batch;
    int64_t heads;   /* 1, or 2: of options, of spans */
    int64_t encoder; /* 1: an LSTM between u A and the prompts */
    int64_t longest; /* rows of the longest example that training may see */
    /* from those, by pretrain_shape_complete: */
    int64_t columns; /* P*H of one layer */
    size_t bank;     /* floats of a group's prompts: layers * P * H */
    size_t u;        /* of its u: layers * d */
    size_t gates;    /* of its gates: layers * K */
    size_t head;     /* of a head: 2 * H */
    size_t slots;    /* of all groups: groups * batch */
};

/* Local. Fill in the products. */
void pretrain_shape_complete(struct pretrain_shape *s);

/* One memory block on every rank, broadcast as raw bytes. */
struct pretrain_go {
    void *data;
    size_t bytes;
    int64_t *measure; /* not 0: measure the rate of matrix products before this step */
    int64_t *words;   /* (workers) length of each assignment, in 32-bit words */
    float *u;         /* (groups, layers, d) */
    float *head;      /* (groups, 2, H) */
    double *weights;  /* (groups) not broadcast with the rest: known when the gradients are (train.balance) */
};

/* Local. keep owns the memory. */
status pretrain_go_new(struct mem_keep *keep, const struct pretrain_shape *s, int workers, struct pretrain_go *out);

/* Local. The maximum length of an assignment, in words. */
size_t pretrain_assignment_most(const struct pretrain_shape *s);

struct pretrain_slot {
    double loss;  /* not divided; NAN: not a slot of this worker */
    double found; /* 1: scoring would find the answer */
};

struct pretrain_report {
    struct member_report member;
    struct pretrain_slot slots[]; /* (groups, batch) */
};

/* Local. Its size, constant over the run. */
size_t pretrain_report_bytes(const struct pretrain_shape *s);

/* As received by the coordinator. */
struct pretrain_gradients {
    float *prompts; /* G (groups, layers, P*H) */
    float *mixed;   /* the gradient of u A; prompts, where no encoder is between them */
    float *head;    /* (groups, 2, H) */
    double *u;      /* A G (layers, groups, d) */
};

/* Local. keep owns the memory. */
status pretrain_gradients_new(struct mem_keep *keep, const struct pretrain_shape *s, struct pretrain_gradients *out);

#endif
