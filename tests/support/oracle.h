/* What tests of loss oracles work on: an encoder with training examples made by hand, for a worker's part alone; and,
 * on all ranks, a small task with an oracle over it. Whatever cannot be opened fails the test. */
#ifndef MP2_TESTS_SUPPORT_ORACLE_H
#define MP2_TESTS_SUPPORT_ORACLE_H

#include "coordinator/data/few_shot.h"
#include "coordinator/tune/oracle.h"
#include "tests/support/tasks.h"
#include "worker/oracle_messages.h"

/* Of the encoders and prompts of both. ORACLE_COLUMNS, ORACLE_BANK: floats of a layer's prompt, of all. */
enum { ORACLE_LAYERS = 3, ORACLE_TOKENS = 2, ORACLE_HIDDEN = 16, ORACLE_LONGEST = 64 };
enum { ORACLE_COLUMNS = ORACLE_TOKENS * ORACLE_HIDDEN, ORACLE_BANK = ORACLE_LAYERS * ORACLE_COLUMNS };

/* Examples of lengths between 8 and 40, dealt to so many workers in turn. Undone by oracle_facts_fini. */
void oracle_examples_make(struct oracle_facts *f, int32_t examples, int workers);

/* An encoder of f32 in the folder, and a replica of it on this rank alone. Undone by replica_close. */
void oracle_model_write(const char *folder);
void oracle_replica_open(struct replica *r, const char *folder, int threads);

/* Numbers between -.5 and .5 that depend on the seed. */
void oracle_floats(float *x, size_t n, unsigned seed);

/* ---- on all ranks ---- */

enum { ORACLE_EXAMPLES = 14 };

struct oracle_world {
    struct comm *comm;
    char folder[256], model[512]; /* on all ranks */
    struct tasks tasks;           /* coordinator, as data and draw: ORACLE_EXAMPLES to train on, as many for dev */
    struct dataset *data;
    struct few_shot draw;
    struct replica replica;
    struct oracle *oracle;
};

/* Collective. layers: of the prompts that are tuned (0: none). */
void oracle_world_open(struct oracle_world *w, struct comm *comm, int32_t layers, int gradients, int int8);
void oracle_world_close(struct oracle_world *w);

#endif
