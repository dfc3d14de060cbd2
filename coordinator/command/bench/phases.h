/* mp2 bench step --phases: where a step's time goes, a line a phase. */
#ifndef MP2_COORDINATOR_COMMAND_BENCH_PHASES_H
#define MP2_COORDINATOR_COMMAND_BENCH_PHASES_H

#include "coordinator/command/bench/encoder.h"
#include "worker/model/phases.h"

/* Seconds of one step. */
struct bench_phases {
    const char *step;                /* "4x512 deep int8 afqmc" */
    const struct phase_times *times; /* (threads) of the encoder and the head */
    double total, compose, update;   /* compose: prompts from A; update: dL/du, and A by AdamW */
};

/* Local. A line a phase, the largest first: value its seconds (means over threads), limit the step's, ratio its share;
 * products also with their FLOP/s, and what they reach by themselves on operands in the caches. */
status bench_print_phases(const struct bench_encoder *b, const struct bench_phases *phases);

#endif
