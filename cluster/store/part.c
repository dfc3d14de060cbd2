/* Rectangles of tensors: walking them in the tensor's order, packing and unpacking. All in bytes. */
#include "cluster/store/part.h"

#include <string.h>

#include "cluster/comm/blocks.h"

struct part part_none(int64_t elements)
{
    return (struct part){.box = {.view = {1, 1, elements}}};
}

struct part part_whole(int64_t elements, void *data)
{
    return part_range(elements, 0, elements, data);
}

struct part part_range(int64_t elements, int64_t first, int64_t count, void *data)
{
    return (struct part){.box = {.view = {1, 1, elements}, .first = {0, 0, first}, .count = {1, 1, count}},
                         .data = data};
}

struct part part_columns(int64_t L, int64_t d, int64_t D, int64_t first_block, int64_t blocks, int which,
                         float *columns)
{
    int64_t column = first_block * BLOCK_COLUMNS, end = (first_block + blocks) * BLOCK_COLUMNS;
    int64_t matrix = d * BLOCK_COLUMNS * (int64_t)sizeof(float);

    if (end > D) end = D;
    return (struct part){
        .box = {.view = {L, d, D}, .first = {0, 0, column}, .count = {L, d, end > column ? end - column : 0}},
        .data = columns + which * d * BLOCK_COLUMNS,
        .stride = {blocks * 3 * matrix, BLOCK_COLUMNS * (int64_t)sizeof(float)},
        .block = BLOCK_COLUMNS,
        .block_stride = 3 * matrix};
}

/* row counts the box's own rows (axis 0 and 1 together), in the tensor's order. */
static int64_t row_at(const struct part_walk *w, int64_t row)
{
    int64_t i = w->box.first[0] + row / w->box.count[1], j = w->box.first[1] + row % w->box.count[1];

    return ((i * w->box.view[1] + j) * w->box.view[2] + w->box.first[2]) * w->item;
}

void part_walk_start(struct part_walk *w, const struct part_box *box, int64_t item, int64_t from, int64_t to)
{
    int64_t low = 0, high = box->count[0] * box->count[1], width = box->count[2] * item;

    *w = (struct part_walk){.box = *box, .item = item, .from = from, .to = to};
    if (width == 0) {
        w->row = high;
        return;
    }
    while (low < high) { /* the first row that ends after from */
        int64_t middle = low + (high - low) / 2;

        if (row_at(w, middle) + width <= from) low = middle + 1;
        else high = middle;
    }
    w->row = low;
}

int part_walk_next(struct part_walk *w, struct part_run *run)
{
    int64_t width = w->box.count[2] * w->item, start, at, end;

    if (w->row >= w->box.count[0] * w->box.count[1]) return 0;
    start = row_at(w, w->row);
    at = start > w->from ? start : w->from;
    end = start + width < w->to ? start + width : w->to;
    if (at >= end) return 0;
    *run = (struct part_run){.at = at,
                             .bytes = end - at,
                             .i = w->row / w->box.count[1],
                             .j = w->row % w->box.count[1],
                             .column = at - start};
    w->row++;
    return 1;
}

int64_t part_bytes(const struct part_box *box, int64_t item, int64_t from, int64_t to)
{
    struct part_walk w;
    struct part_run run;
    int64_t bytes = 0;

    part_walk_start(&w, box, item, from, to);
    while (part_walk_next(&w, &run)) bytes += run.bytes;
    return bytes;
}

/* Where byte `column` of the run's row lies in memory, and how many bytes follow it there without a gap. */
static unsigned char *place(const struct part *p, int64_t item, const struct part_run *run, int64_t column,
                            int64_t *together)
{
    unsigned char *row = (unsigned char *)p->data + run->i * p->stride[0] + run->j * p->stride[1];
    int64_t width = p->block * item;

    if (p->block == 0) {
        *together = run->column + run->bytes - column;
        return row + column;
    }
    *together = width - column % width;
    if (*together > run->column + run->bytes - column) *together = run->column + run->bytes - column;
    return row + column / width * p->block_stride + column % width;
}

/* Between the part and a buffer; one of out and in is NULL: pack into out, or unpack in. */
static void copy_items(const struct part *p, int64_t item, int64_t from, int64_t to, unsigned char *out,
                       const unsigned char *in)
{
    struct part_walk w;
    struct part_run run;
    int64_t done = 0;

    part_walk_start(&w, &p->box, item, from, to);
    while (part_walk_next(&w, &run))
        for (int64_t c = run.column; c < run.column + run.bytes;) {
            int64_t n = 0;
            unsigned char *here = place(p, item, &run, c, &n);

            if (out) memcpy(out + done, here, (size_t)n);
            else memcpy(here, in + done, (size_t)n);
            done += n;
            c += n;
        }
}

void part_pack(const struct part *p, int64_t item, int64_t from, int64_t to, unsigned char *buffer)
{
    copy_items(p, item, from, to, buffer, NULL);
}

void part_unpack(const struct part *p, int64_t item, int64_t from, int64_t to, const unsigned char *buffer)
{
    copy_items(p, item, from, to, NULL, buffer);
}
