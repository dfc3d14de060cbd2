/* What a worker is to compute in a step: the examples of its slots, and the whole deal, from which it knows what it
 * will receive. The coordinator packs both into one message, so that the worker needs no data files. */
#ifndef MP2_WORKER_TRAIN_ASSIGNMENT_H
#define MP2_WORKER_TRAIN_ASSIGNMENT_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/comm/deal.h"
#include "worker/model/unit_batch.h"
#include "worker/score/marks.h"

/* One example of a batch. width: rows it occupies if padding is attended to (reference), 0 otherwise. */
struct assignment_example {
    int32_t group, slot, length, width, start, end;
    struct answer_marks marks; /* its possible answers */
    const int32_t *ids;
};
/* Rows that it occupies in a unit (unit_batch_rows). */
static inline int32_t assignment_example_rows(const struct assignment_example *e, int32_t align)
{
    return unit_batch_rows(e->width > e->length ? e->width : e->length, align);
}

/* The message: 32-bit numbers. Grows; reused. */
struct assignment_message {
    int32_t *words;
    size_t count, room;
};
/* Local. Begin a message with the whole deal; then add the worker's own examples in the order of group and slot. */
status assignment_message_begin(struct assignment_message *m, const struct deal *deal);
status assignment_message_add(struct assignment_message *m, const struct assignment_example *example);
void assignment_message_fini(struct assignment_message *m);
/* Local. Words of an example of at most that many tokens. */
size_t assignment_example_most(int32_t length);
/* Local. The maximum words of a message of that many slots, in all groups together; longest: maximum tokens of an
 * example. */
size_t assignment_message_most(size_t slots, size_t longest);

struct assignment {
    struct deal deal;
    struct assignment_example *examples; /* of this worker; ids point into the message */
    size_t count, room;
};
/* Local. words remains owned by the caller and must live as long as the assignment is used. ST_SYSTEM on a malformed
 * message. */
status assignment_read(struct assignment *s, const int32_t *words, size_t count);
/* Local. Room for the largest possible assignment, so that no step allocates. */
status assignment_reserve(struct assignment *s, size_t examples);
void assignment_fini(struct assignment *s);

#endif
