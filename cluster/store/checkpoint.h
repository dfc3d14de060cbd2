/* Checkpoints: step-N/ with safetensors files and state.pb, whole tensors whatever ranks held them, complete or
 * absent.
 *
 * Writing: all ranks write step-N.part/ with MPI-IO, fsync, agree; then one rename, and `latest` moves. A file is
 * cut into chunks of 4 MiB; up to 8 ranks write a chunk each at a time, the parts of a chunk come to its writer by
 * messages. So buffers stay below 64 MiB a rank, every chunk has one checksum (kept in state.pb), and the bytes of a
 * checkpoint do not depend on the number of ranks. Loading goes the same way backwards, checking every chunk: it is
 * `mp2 checkpoint verify`, too.
 *
 * "The sha256 of a checkpoint": cat step-N/ * | sha256sum, its files in name order. */
#ifndef MP2_CLUSTER_STORE_CHECKPOINT_H
#define MP2_CLUSTER_STORE_CHECKPOINT_H

#include "cluster/comm/comm.h"
#include "cluster/store/part.h"
#include "cluster/store/safetensors.h"
#include "cluster/store/state.h"

enum { CHECKPOINT_PATH_BYTES = 4096 };

/* One tensor of a checkpoint. All ranks give the same tensors in the same order, each with its own part; together
 * the parts cover every element once. Tensors of a file are consecutive, wide element types first. */
struct checkpoint_tensor {
    const char *file;        /* "prompts.safetensors" */
    struct tensor_spec spec; /* name, type, shape */
    struct part part;        /* read by _write, filled by _load */
};

/* Collective. Write step-N (N = state->step) into the run folder, replace `latest`. state counts on rank 0 alone;
 * its files are set here. An older step-N is replaced. ST_IO (reported: what failed, disk full), and then nothing is
 * left behind. */
status checkpoint_write(struct comm *c, const char *run, const struct state *state,
                        const struct checkpoint_tensor *tensors, size_t count);

/* Collective. Fill the tensors' parts from a checkpoint folder and give its state to every rank (state_fini).
 * ST_INPUT (reported: file, bytes, tensor) when it is damaged or incomplete; ST_USAGE when it is sound but holds other
 * tensors than those asked for; then the contents of parts are undefined. Parts must not overlap; a tensor of a file
 * may be left out, and so may a whole file, which is not read then. With one rank (size 1) MPI need not be up. */
status checkpoint_load(struct comm *c, const char *folder, const struct checkpoint_tensor *tensors, size_t count,
                       struct state *state);

/* Collective. The newest valid checkpoint of a run: a damaged one is logged as a warning and the next older one is
 * tried. None at all: ST_OK, *step = 0 and state->memory NULL. ST_INPUT when there are some and none is valid; ST_USAGE
 * when a valid one holds other tensors. */
status checkpoint_load_newest(struct comm *c, const char *run, const struct checkpoint_tensor *tensors, size_t count,
                              struct state *state, uint64_t *step);

/* Local. Read every byte of a checkpoint folder as loading does, without keeping it. progress (may be NULL) is told
 * bytes. */
status checkpoint_verify(const char *folder, void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
                         struct state *state);

/* ---- names; coordinator only, local ---- */

/* best -> step-N, durable on return; step-N must exist. From then on pruning spares it. */
status checkpoint_mark_best(const char *run, uint64_t step);
/* Remove all but the newest keep checkpoints (>= 1) and the one `best` names. *oldest: the oldest of the newest
 * `keep` that is left, for journal_prune; 0: there is none. */
status checkpoint_prune(const char *run, int keep, uint64_t *oldest);
/* The steps of the checkpoints of a run, newest first; mem_free. */
status checkpoint_list(const char *run, uint64_t **steps, size_t *count);
/* What the user named: a checkpoint folder itself, or a run folder (its `latest`). ST_INPUT (reported) when neither. */
status checkpoint_resolve(const char *path, char out[CHECKPOINT_PATH_BYTES]);
/* Local. The config.resolved.yaml of the run that a checkpoint folder (checkpoint_resolve's) stands in. */
status checkpoint_config(const char *folder, char out[CHECKPOINT_PATH_BYTES]);
/* run/step-N */
status checkpoint_path(const char *run, uint64_t step, char out[CHECKPOINT_PATH_BYTES]);

/* Bytes of a checkpoint with these tensors, state.pb left out. */
status checkpoint_forecast(const struct checkpoint_tensor *tensors, size_t count, uint64_t *bytes);

#endif
