/* Between the parts that ranks hold of a file's tensors and the chunks of that file: checkpoint_write.c collects
 * chunks, checkpoint_load.c spreads them. A round handles one chunk on each mover (a rank that touches the file);
 * movers are spread over the ranks, so that they tend to be on different nodes. Every rank knows every rank's boxes, so
 * message sizes need no messages. */
#ifndef MP2_CLUSTER_STORE_CHUNKS_H
#define MP2_CLUSTER_STORE_CHUNKS_H

#include "cluster/comm/comm.h"
#include "cluster/store/part.h"
#include "cluster/store/state.h"

enum { CHUNK_BYTES = STATE_CHUNK_BYTES, CHUNK_MOVERS_MOST = 8 };

struct chunk_tensor {
    const char *name;
    int64_t offset, bytes;   /* in the file */
    int64_t item;            /* bytes an element */
    const struct part *part; /* this rank's */
};

struct chunks {
    struct comm *c;
    const char *file; /* for messages */
    int64_t file_bytes, chunk_count;
    size_t count;
    const struct chunk_tensor *tensors;
    struct part_box *boxes; /* (rank, tensor) */
    int movers;
    unsigned char *chunk; /* this mover's, CHUNK_BYTES */
    unsigned char *other; /* messages of the other ranks to or from this mover */
    unsigned char *own;   /* this rank's messages to or from the movers, CHUNK_BYTES each */
    struct exchange exchange;
};

/* Collective. Exchange the boxes; whole: together they must cover every tensor. ST_SYSTEM (reported) when they overlap,
 * leave their tensor or do not cover it. tensors must outlive the struct. */
status chunks_open(struct comm *c, const char *file, int64_t file_bytes, const struct chunk_tensor *tensors,
                   size_t count, int whole, struct chunks *out);
void chunks_close(struct chunks *ch);

/* Rounds of the file; the chunk this rank moves in a round (-1: none), its place and size. */
int64_t chunks_rounds(const struct chunks *ch);
int64_t chunks_mine(const struct chunks *ch, int64_t round);
void chunks_range(const struct chunks *ch, int64_t chunk, int64_t *from, int64_t *to);

/* Collective. Fill this mover's ch->chunk from all ranks' parts; bytes that belong to no tensor are left alone. */
status chunks_collect(struct chunks *ch, int64_t round);
/* Collective. Fill all ranks' parts from the movers' ch->chunk. */
status chunks_spread(struct chunks *ch, int64_t round);

#endif
