/* The stages of tuning by gradient descent: epochs in which some of router, module prompts and head move. All functions
 * are local. Steps count from 1 over all stages; an epoch is a step. */
#ifndef MP2_COORDINATOR_TUNE_STAGES_H
#define MP2_COORDINATOR_TUNE_STAGES_H

#include <stdint.h>

/* Rates of 0: does not move. name stays the caller's. */
struct stage {
    const char *name;
    int64_t epochs;
    double router, prompts, head;
};

enum { STAGES_MOST = 4 };
struct stages {
    struct stage list[STAGES_MOST];
    int count;
};

void stages_add(struct stages *s, struct stage stage);

/* Steps of all stages. */
int64_t stages_steps(const struct stages *s);

/* The stage that makes a step; NULL: none. *first: whether it is the stage's first step. */
const struct stage *stages_at(const struct stages *s, int64_t step, int *first);

/* Names as numbers, for snapshots: the place of a stage, from 1; 0 is "start", and what is no stage. */
int stages_number(const struct stages *s, const char *name);
const char *stages_name(const struct stages *s, int number);

#endif
