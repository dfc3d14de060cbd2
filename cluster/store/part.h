/* Which part of a tensor lies in this rank's memory, and how: a rectangle of the tensor, seen with three axes.
 * Column blocks of A, a rank's range of a flat parameter list, or a whole small tensor on the coordinator are all of
 * this kind. */
#ifndef MP2_CLUSTER_STORE_PART_H
#define MP2_CLUSTER_STORE_PART_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

/* The tensor's elements, row-major, as view[0] x view[1] x view[2]; the rectangle first … first + count - 1. */
struct part_box {
    int64_t view[3], first[3], count[3];
};

struct part {
    struct part_box box;  /* any count 0: this rank holds nothing */
    void *data;           /* element first[0], first[1], first[2] */
    int64_t stride[2];    /* bytes from one index to the next on axis 0 and on axis 1 */
    int64_t block;        /* axis 2 lies in runs of this many elements (first[2] is a multiple of it) … */
    int64_t block_stride; /* … this many bytes apart; block 0: one run */
};

/* Local. Nothing of it here. elements: of the whole tensor. */
struct part part_none(int64_t elements);
/* Local. All of it here, row-major at data. */
struct part part_whole(int64_t elements, void *data);
/* Local. Elements first … first + count - 1 of the flat tensor, at data. */
struct part part_range(int64_t elements, int64_t first, int64_t count, void *data);
/* Local. A worker's columns of A, A.m or A.v: the tensor is [L,d,D] floats, the worker holds blocks first_block …
 * first_block + blocks - 1 (of 64 columns, the last one ragged) as [L][blocks][3][d][64] floats at columns; which: 0 A,
 * 1 m, 2 v. */
struct part part_columns(int64_t L, int64_t d, int64_t D, int64_t first_block, int64_t blocks, int which,
                         float *columns);

/* Walking over the bytes of a box that lie in bytes [from, to) of the tensor, in the tensor's order, run by run. */
struct part_walk {
    struct part_box box;
    int64_t item, from, to, row;
};
struct part_run {
    int64_t at; /* of the run's first byte, in the tensor */
    int64_t bytes;
    int64_t i, j, column; /* place in the box: axis 0, axis 1, byte on axis 2 */
};
void part_walk_start(struct part_walk *w, const struct part_box *box, int64_t item, int64_t from, int64_t to);
int part_walk_next(struct part_walk *w, struct part_run *run); /* 0: no more */
/* Local. Bytes of the box in [from, to). */
int64_t part_bytes(const struct part_box *box, int64_t item, int64_t from, int64_t to);

/* Local. Copy those bytes between the rank's memory and a buffer without gaps; item: bytes an element. */
void part_pack(const struct part *p, int64_t item, int64_t from, int64_t to, unsigned char *buffer);
void part_unpack(const struct part *p, int64_t item, int64_t from, int64_t to, const unsigned char *buffer);

#endif
