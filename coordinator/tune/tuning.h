/* What all cells of a run share: encoder, data, pre-trained prompts, run folder, stream. */
#ifndef MP2_COORDINATOR_TUNE_TUNING_H
#define MP2_COORDINATOR_TUNE_TUNING_H

#include "cluster/base/bar.h"
#include "cluster/store/run_folder.h"
#include "cluster/watch/progress.h"
#include "coordinator/data/dataset.h"
#include "coordinator/tune/bank.h"
#include "coordinator/tune/config.h"
#include "worker/model/replica.h"

struct tuning {
    struct comm *comm;
    const struct tune_config *config;
    const struct options *options;
    const char *command, *resolved;
    struct replica replica;
    int32_t longest;  /* rows of the longest input */
    char about[256];  /* the libraries that results depend on */
    int int8_checked; /* a cell of this process has been compared with one without int8 */
    /* coordinator */
    struct input_form form; /* as the prompts were trained: placeholders, length, wording */
    struct dataset *data;   /* of the configured tasks, in their order */
    struct bank bank;       /* of prompts */
    struct bank single;     /* of single.prompts; layers 0: none */
    struct run_folder folder;
    struct progress *progress;
    struct bar bar;
    char encoder_digest[33];
    int64_t done, total; /* steps of all cells, for the bar; total is the command's to set */
};

/* Collective. The run folder is locked and gets config.resolved.yaml. config, options and resolved (YAML) stay the
 * caller's. ST_INPUT (reported) when prompts do not fit the encoder, a task is missing, or a task has fewer examples
 * than 2 k. */
status tuning_open(struct comm *c, const struct tune_config *config, const struct options *options,
                   const char *resolved, const char *command, struct tuning *t);
/* Collective by habit, local in fact. ended: what became of the run, for those who watch. */
void tuning_close(struct tuning *t, status ended);

/* Coordinator. The run as it stands, for the stream; phase: what is under way. */
void tuning_tell(struct tuning *t, Mp2__Run__State state, const char *phase);

/* Coordinator. k of a task: examples per label (in all where there are no labels) for training, and as many for dev. */
int tuning_k(const struct tuning *t, int task);

#endif
