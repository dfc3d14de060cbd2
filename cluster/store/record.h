/* What a journal's records say, as plain C structs; proto/journal.proto is their form on disk. No protobuf type leaves
 * record.c. Lengths in foreign bytes are checked against the sizes the record itself names. */
#ifndef MP2_CLUSTER_STORE_RECORD_H
#define MP2_CLUSTER_STORE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

enum record_kind { RECORD_RUN = 1, RECORD_STEP = 2, RECORD_EVAL = 3 };

enum record_skip { RECORD_APPLIED, RECORD_LOSS_NOT_FINITE, RECORD_GRADIENT_NOT_FINITE };

struct record_group {
    uint32_t task;            /* router row */
    uint64_t visit;           /* the how-many-th batch of this task, from 0 */
    uint64_t epoch, position; /* of the batch's first row */
    uint32_t rows;
    uint64_t tokens;
    double loss; /* mean over rows */
    uint32_t correct;
    const float *u;           /* (L,d); NULL when skipped */
    const float *gradient;    /* G (L,P*H); NULL when skipped */
    const double *a_gradient; /* g = A G (L,d); NULL when skipped */
    const float *slot_loss;   /* (rows) or NULL */
};

struct record_step {
    uint64_t step;
    uint32_t layers, intrinsic, hidden, heads; /* heads: 0 is 1, as records from before there were several have it */
    uint64_t columns;                          /* P*H */
    size_t group_count;
    struct record_group *groups;
    const double *head_gradient; /* (heads,2,H) over all groups; NULL when skipped */
    enum record_skip skipped;
    const char *skip_text; /* NULL: none */
    void *memory;          /* of a decoded record */
};

struct record_eval_task {
    uint32_t task;
    uint64_t rows;
    double score, loss;
};
struct record_eval {
    uint64_t step;
    size_t task_count;
    struct record_eval_task *tasks;
    double mean, best_mean;
    uint64_t best_step;
    int best, subset;
    void *memory;
};

enum record_event { RECORD_START, RECORD_RESUME, RECORD_BREAK };
struct record_run {
    uint64_t step;
    enum record_event event;
    const char *config_digest, *precision, *instruction_set, *libraries, *build; /* never NULL after decoding */
    uint32_t ranks;
    void *memory;
};

/* A buffer that keeps its memory from step to step. */
struct record_buffer {
    unsigned char *data;
    size_t bytes, room;
    void *scratch; /* of the encoder */
    size_t scratch_room;
};
void record_buffer_fini(struct record_buffer *b);

/* Local. Encode into b (grown as needed); what a struct points to stays the caller's. ST_MEMORY. */
status record_encode_step(const struct record_step *r, struct record_buffer *b);
status record_encode_eval(const struct record_eval *r, struct record_buffer *b);
status record_encode_run(const struct record_run *r, struct record_buffer *b);

/* Local. Decode; released by the _fini below, nothing to release on failure. ST_INPUT (reported, with where as its
 * subject) when the bytes are no such record, its arrays do not have the sizes its numbers ask for, or its version
 * is newer. */
status record_decode_step(const char *where, const void *data, size_t bytes, struct record_step *out);
status record_decode_eval(const char *where, const void *data, size_t bytes, struct record_eval *out);
status record_decode_run(const char *where, const void *data, size_t bytes, struct record_run *out);
void record_step_fini(struct record_step *r);
void record_eval_fini(struct record_eval *r);
void record_run_fini(struct record_run *r);

#endif
