/* Collecting and spreading chunks. A message from or to a rank holds its bytes of a chunk, tensor after tensor, in file
 * order and without gaps. */
#include "cluster/store/chunks.h"

#include <inttypes.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

/* ---- boxes ---- */

static int64_t volume(const struct part_box *b)
{
    return b->count[0] * b->count[1] * b->count[2];
}

static int same_view(const struct part_box *a, const struct part_box *b)
{
    return memcmp(a->view, b->view, sizeof a->view) == 0;
}

static int overlap(const struct part_box *a, const struct part_box *b)
{
    for (int axis = 0; axis < 3; axis++)
        if (a->first[axis] >= b->first[axis] + b->count[axis] || b->first[axis] >= a->first[axis] + a->count[axis])
            return 0;
    return 1;
}

static int inside(const struct part_box *b, int64_t elements)
{
    for (int axis = 0; axis < 3; axis++)
        if (b->first[axis] < 0 || b->count[axis] < 0 || b->first[axis] + b->count[axis] > b->view[axis]) return 0;
    return b->view[0] * b->view[1] * b->view[2] == elements;
}

static const struct part_box *box_of(const struct chunks *ch, int rank, size_t tensor)
{
    return &ch->boxes[(size_t)rank * ch->count + tensor];
}

static status check_tensor(const struct chunks *ch, size_t t, int whole)
{
    const struct chunk_tensor *tensor = &ch->tensors[t];
    int64_t elements = tensor->bytes / tensor->item, covered = 0;

    for (int r = 0; r < ch->c->size; r++) {
        const struct part_box *a = box_of(ch, r, t);

        if (volume(a) == 0) continue;
        covered += volume(a);
        if (!inside(a, elements))
            return fault(ST_SYSTEM, "%s: %s: the part of rank %d leaves the tensor", ch->file, tensor->name, r);
        for (int q = 0; q < r; q++) {
            const struct part_box *b = box_of(ch, q, t);

            if (volume(b) > 0 && (!same_view(a, b) || overlap(a, b)))
                return fault(ST_SYSTEM, "%s: %s: the parts of ranks %d and %d overlap", ch->file, tensor->name, q, r);
        }
    }
    if (whole && covered != elements)
        return fault(ST_SYSTEM, "%s: %s: parts hold %" PRId64 " elements, expected %" PRId64, ch->file, tensor->name,
                     covered, elements);
    return ST_OK;
}

static status gather_boxes(struct chunks *ch)
{
    struct comm *c = ch->c;
    size_t bytes = ch->count * sizeof *ch->boxes;

    for (size_t t = 0; t < ch->count; t++) ch->boxes[(size_t)c->rank * ch->count + t] = ch->tensors[t].part->box;
    for (int r = 0; r < c->size; r++) TRY(comm_broadcast(c, ch->boxes + (size_t)r * ch->count, bytes, r));
    return ST_OK;
}

/* ---- opening ---- */

static int mover_rank(const struct chunks *ch, int mover)
{
    return (int)((int64_t)mover * ch->c->size / ch->movers);
}

/* This rank's number among the movers, -1: it is none. */
static int mover_of(const struct chunks *ch)
{
    for (int m = 0; m < ch->movers; m++)
        if (mover_rank(ch, m) == ch->c->rank) return m;
    return -1;
}

static status open_local(struct chunks *ch)
{
    TRY(mem_alloc((size_t)ch->c->size * ch->count, sizeof *ch->boxes, &ch->boxes));
    TRY(mem_alloc((size_t)ch->movers, CHUNK_BYTES, &ch->own));
    if (mover_of(ch) < 0) return ST_OK;
    TRY(mem_alloc(CHUNK_BYTES, 1, &ch->chunk));
    return mem_alloc(CHUNK_BYTES, 1, &ch->other);
}

status chunks_open(struct comm *c, const char *file, int64_t file_bytes, const struct chunk_tensor *tensors,
                   size_t count, int whole, struct chunks *out)
{
    status s;

    *out = (struct chunks){.c = c, .file = file, .file_bytes = file_bytes, .count = count, .tensors = tensors};
    out->chunk_count = (file_bytes + CHUNK_BYTES - 1) / CHUNK_BYTES;
    out->movers = c->size < CHUNK_MOVERS_MOST ? c->size : CHUNK_MOVERS_MOST;
    s = comm_agree(c, open_local(out));
    if (s == ST_OK) s = gather_boxes(out);
    for (size_t t = 0; s == ST_OK && t < count; t++) s = check_tensor(out, t, whole);
    s = comm_agree(c, s);
    if (s != ST_OK) chunks_close(out);
    return s;
}

void chunks_close(struct chunks *ch)
{
    exchange_fini(&ch->exchange);
    mem_free(ch->boxes);
    mem_free(ch->chunk);
    mem_free(ch->other);
    mem_free(ch->own);
    ch->boxes = NULL;
    ch->chunk = ch->other = ch->own = NULL;
}

/* ---- chunks ---- */

int64_t chunks_rounds(const struct chunks *ch)
{
    return (ch->chunk_count + ch->movers - 1) / ch->movers;
}

int64_t chunks_mine(const struct chunks *ch, int64_t round)
{
    int m = mover_of(ch);
    int64_t chunk = round * ch->movers + m;

    return m >= 0 && chunk < ch->chunk_count ? chunk : -1;
}

void chunks_range(const struct chunks *ch, int64_t chunk, int64_t *from, int64_t *to)
{
    *from = chunk * CHUNK_BYTES;
    *to = *from + CHUNK_BYTES < ch->file_bytes ? *from + CHUNK_BYTES : ch->file_bytes;
}

/* The bytes [from, to) of the tensor that lie in a chunk; 0: none do. */
static int clip(const struct chunks *ch, const struct chunk_tensor *t, int64_t chunk, int64_t *from, int64_t *to)
{
    chunks_range(ch, chunk, from, to);
    *from = *from > t->offset ? *from - t->offset : 0;
    *to = *to - t->offset < t->bytes ? *to - t->offset : t->bytes;
    return *from < *to;
}

/* Bytes of a chunk that a rank holds. */
static int64_t held(const struct chunks *ch, int rank, int64_t chunk)
{
    int64_t bytes = 0, from, to;

    for (size_t t = 0; t < ch->count; t++)
        if (clip(ch, &ch->tensors[t], chunk, &from, &to))
            bytes += part_bytes(box_of(ch, rank, t), ch->tensors[t].item, from, to);
    return bytes;
}

/* Between this rank's parts and its message about a chunk; returns the message's bytes. */
static int64_t move_parts(const struct chunks *ch, int64_t chunk, unsigned char *message, int out)
{
    int64_t bytes = 0, from, to;

    for (size_t t = 0; t < ch->count; t++) {
        const struct chunk_tensor *tensor = &ch->tensors[t];

        if (!clip(ch, tensor, chunk, &from, &to)) continue;
        if (out) part_pack(tensor->part, tensor->item, from, to, message + bytes);
        else part_unpack(tensor->part, tensor->item, from, to, message + bytes);
        bytes += part_bytes(&tensor->part->box, tensor->item, from, to);
    }
    return bytes;
}

/* Between this mover's chunk and the message of a rank; returns the message's bytes. */
static int64_t move_chunk(const struct chunks *ch, int64_t chunk, int rank, unsigned char *message, int into_chunk)
{
    int64_t bytes = 0, from, to;

    for (size_t t = 0; t < ch->count; t++) {
        const struct chunk_tensor *tensor = &ch->tensors[t];
        struct part_walk walk;
        struct part_run run;

        if (!clip(ch, tensor, chunk, &from, &to)) continue;
        part_walk_start(&walk, box_of(ch, rank, t), tensor->item, from, to);
        while (part_walk_next(&walk, &run)) {
            unsigned char *there = ch->chunk + (tensor->offset + run.at - chunk * CHUNK_BYTES);

            if (into_chunk) memcpy(there, message + bytes, (size_t)run.bytes);
            else memcpy(message + bytes, there, (size_t)run.bytes);
            bytes += run.bytes;
        }
    }
    return bytes;
}

status chunks_collect(struct chunks *ch, int64_t round)
{
    struct comm *c = ch->c;
    int64_t mine = chunks_mine(ch, round), at = 0;
    unsigned char *own = NULL;
    status s;

    for (int r = 0; mine >= 0 && r < c->size; r++) {
        int64_t n = r == c->rank ? 0 : held(ch, r, mine);

        exchange_receive(c, &ch->exchange, ch->other + at, (size_t)n, r, mover_of(ch));
        at += n;
    }
    for (int m = 0; m < ch->movers && round * ch->movers + m < ch->chunk_count; m++) {
        unsigned char *message = ch->own + (size_t)m * CHUNK_BYTES;
        int64_t n = move_parts(ch, round * ch->movers + m, message, 1);

        if (mover_rank(ch, m) == c->rank) own = message;
        else exchange_send(c, &ch->exchange, message, (size_t)n, mover_rank(ch, m), m);
    }
    s = exchange_wait(c, &ch->exchange);
    at = 0;
    for (int r = 0; s == ST_OK && mine >= 0 && r < c->size; r++)
        if (r == c->rank) move_chunk(ch, mine, r, own, 1);
        else at += move_chunk(ch, mine, r, ch->other + at, 1);
    return s;
}

status chunks_spread(struct chunks *ch, int64_t round)
{
    struct comm *c = ch->c;
    int64_t mine = chunks_mine(ch, round), at = 0;
    status s;

    for (int m = 0; m < ch->movers && round * ch->movers + m < ch->chunk_count; m++) {
        int64_t chunk = round * ch->movers + m;
        unsigned char *message = ch->own + (size_t)m * CHUNK_BYTES;

        if (mover_rank(ch, m) == c->rank) move_chunk(ch, chunk, c->rank, message, 0);
        else exchange_receive(c, &ch->exchange, message, (size_t)held(ch, c->rank, chunk), mover_rank(ch, m), m);
    }
    for (int r = 0; mine >= 0 && r < c->size; r++) {
        int64_t n = r == c->rank ? 0 : move_chunk(ch, mine, r, ch->other + at, 0);

        exchange_send(c, &ch->exchange, ch->other + at, (size_t)n, r, mover_of(ch));
        at += n;
    }
    s = exchange_wait(c, &ch->exchange);
    for (int m = 0; s == ST_OK && m < ch->movers && round * ch->movers + m < ch->chunk_count; m++)
        move_parts(ch, round * ch->movers + m, ch->own + (size_t)m * CHUNK_BYTES, 0);
    return s;
}
