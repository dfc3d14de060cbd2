/* A stand-in for a trainer, to test the loop that runs trainers: its state is one number, to which a step adds the
 * step's number. It writes down what the loop asked of it, on every rank. */
#ifndef MP2_TESTS_SUPPORT_ADDER_H
#define MP2_TESTS_SUPPORT_ADDER_H

#include "coordinator/loop/loop.h"

struct adder {
    struct comm *comm;
    struct checkpoint_tensor tensor;
    int64_t sum, added, replayed;
    int64_t step_fails, replay_fails; /* at this step, 0: never; */
    int failing;                      /* on this rank */
    int64_t skip_first, skip_last;    /* these steps are skipped */
    int64_t signal;                   /* the last rank is asked to stop when this step is replayed */
    double (*score)(int64_t step);    /* of an evaluation; NULL: always 0 */
    const char *digest;               /* of its configuration */
    char done[256]; /* "1 (2) 3 e3": steps (skipped ones in brackets) and evaluations (E: full) in their order */
    Mp2__Step message;
    Mp2__Eval scores;
    struct member_report reports[8];
    int64_t units[8];
    int64_t record;
};

void adder_init(struct adder *a, struct comm *comm);

/* Collective. Run it in a folder: steps, checkpoint_every, eval_every, eval_final, skips of options count, the rest is
 * set here. */
status adder_run(struct adder *a, const char *folder, const struct loop_options *options, struct loop_result *result);

/* Collective. All ranks are at the same place: what is broadcast next is what arrives. As large as an order, to be
 * mistaken for one. */
void adder_check_in_step(struct adder *a);

#endif
