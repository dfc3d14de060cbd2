/* state.pb of a checkpoint as a plain C struct; proto/state.proto is its form on disk. */
#ifndef MP2_CLUSTER_STORE_STATE_H
#define MP2_CLUSTER_STORE_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

enum { STATE_CHUNK_BYTES = 4 << 20 };

struct state_task {
    const char *name, *label_set;
    double first_loss;
}; /* 0: not visited yet */

enum state_value_type { STATE_WHOLE, STATE_REAL, STATE_TEXT };
struct state_value {
    const char *name;
    enum state_value_type type;
    int64_t whole;
    double real;
    const char *text;
};

/* The checksums of a file in chunks of STATE_CHUNK_BYTES; filled by checkpoint_write. */
struct state_file {
    const char *name;
    uint64_t bytes;
    size_t sum_count;
    uint64_t *sums;
};

/* Texts may be NULL when encoding and never are after decoding. */
struct state {
    const char *kind;
    uint64_t step, seed;
    const char *config_digest, *vocabulary_digest, *encoder_digest;
    const char *precision, *instruction_set, *libraries;
    uint64_t broken_at; /* 0: exactness was never broken */
    size_t task_count;
    struct state_task *tasks;
    uint32_t layers, modules, intrinsic, prompt_tokens, hidden;
    double tau;
    size_t placeholder_count;
    uint32_t *placeholders;
    const char *separator;
    double best_score;
    uint64_t best_step; /* 0: no evaluation yet */
    size_t value_count;
    struct state_value *values;
    size_t file_count;
    struct state_file *files;
    void *memory; /* of a decoded state; NULL when the caller made it */
};

/* Local. The bytes of state.pb; mem_free. */
status state_encode(const struct state *s, void **data, size_t *bytes);
/* Local. ST_INPUT (reported, where = the file's path) when the bytes are damaged, no state, or of a newer version. */
status state_decode(const char *where, const void *data, size_t bytes, struct state *out);
/* Local. Read and decode folder/state.pb. */
status state_load(const char *folder, struct state *out);
void state_fini(struct state *s); /* harmless on a zeroed one */

/* Local. NULL when there is no value of that name. */
const struct state_value *state_find(const struct state *s, const char *name);

#endif
