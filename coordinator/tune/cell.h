/* A cell: one task tuned by one method with one seed. `mp2 tune` and `mp2 report` run cells through here.
 *
 * A cell has a folder RUN/cells/TASK/METHOD/SEED/:
 *     tuned.safetensors, tuned.json   what inference needs (tuned.h); the same bytes for any number of ranks
 *     examples.json                   which rows were trained on and looked at
 *     curve.jsonl                     a line a dev check: stage, step, evaluations, loss, dev, dev_loss, best
 *     result.json                     what came of it (struct cell_result), written last: the cell is done
 *     snapshot.safetensors, snapshot/, journal/, made_with.json  while it is under way; a killed cell goes on from
 * there to the same bytes, or is refused where instruction set or libraries are others A cell that is done is not run
 * again as long as its result belongs to the same configuration (config_digest: the options that matter to the method,
 * the encoder, the prompts, the data); otherwise it is run anew, with a notice. */
#ifndef MP2_COORDINATOR_TUNE_CELL_H
#define MP2_COORDINATOR_TUNE_CELL_H

#include "coordinator/tune/method.h"
#include "coordinator/tune/tuning.h"

struct cell {
    int task;
    enum method method;
    int64_t seed;
}; /* task: index into the dataset */

enum { CELL_NAME_BYTES = 64 };
struct cell_result {
    char task[CELL_NAME_BYTES], method[CELL_NAME_BYTES], metric[16]; /* metric: "accuracy" or "f1" */
    int64_t seed;
    int k;
    double dev, dev_loss;   /* of the best state on the few-shot dev examples */
    double test, test_loss; /* of the best state; NAN: the task has no rows to test on */
    char test_split[8];     /* "test", or "dev" where nothing else is published; "" none */
    int64_t test_rows;
    double majority;            /* share of the most frequent label among the test rows' split; 0 for extraction */
    double untuned_dev;         /* before anything was tuned */
    double train_loss;          /* of the best state */
    int64_t steps, evaluations; /* gradient steps, losses evaluated by the black box */
    int64_t parameters;         /* numbers that were tuned */
    char best_stage[24];
    int64_t best_at;         /* step or evaluation of the best state */
    int32_t layers, modules; /* of router */
    double *router;          /* (layers,modules) gates r; NULL: none. mem_free, or cell_result_fini */
    double seconds;          /* of work, resumes included */
    int64_t ranks;
    char config_digest[33];
    int cached; /* it was there already */
};
void cell_result_fini(struct cell_result *r);

/* Local. The cell's folder, "RUN/cells/TASK/METHOD/SEED". */
status cell_folder(const char *run, const char *task, enum method method, int64_t seed, char *out, size_t room);

/* Collective. Run a cell, go on with one, or find it done. The result is the coordinator's alone. ST_END: it was asked
 * to stop. ST_INPUT (reported): too few examples, … */
status cell_run(struct tuning *t, const struct cell *cell, struct cell_result *out);

/* Coordinator. Steps or evaluations that a method takes; for bars. */
int64_t cell_steps(const struct tuning *t, enum method method);

/* Local. Read a result.json. ST_END (not reported): there is none. ST_INPUT (reported): it is none of ours. */
status cell_load(const char *folder, struct cell_result *out);

#endif
