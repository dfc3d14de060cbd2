/* Packing examples into a unit. */
#include "worker/model/unit_batch.h"

#include <string.h>

#include "cluster/base/memory.h"

status unit_batch_init(struct unit_batch *b, int32_t most_examples, int32_t most_rows, int32_t align)
{
    size_t examples = (size_t)most_examples, rows = (size_t)most_rows;
    status s;

    memset(b, 0, sizeof *b);
    b->most_examples = most_examples;
    b->most_rows = most_rows;
    b->align = align;
    s = mem_alloc(examples, sizeof *b->row, &b->row);
    if (s == ST_OK) s = mem_alloc(examples, sizeof *b->length, &b->length);
    if (s == ST_OK) s = mem_alloc(examples, sizeof *b->start, &b->start);
    if (s == ST_OK) s = mem_alloc(examples, sizeof *b->end, &b->end);
    if (s == ST_OK) s = mem_alloc(rows, sizeof *b->ids, &b->ids);
    if (s == ST_OK) s = mem_alloc(rows, sizeof *b->place, &b->place);
    if (s != ST_OK) unit_batch_fini(b);
    return s;
}

void unit_batch_fini(struct unit_batch *b)
{
    mem_free(b->row);
    mem_free(b->length);
    mem_free(b->start);
    mem_free(b->end);
    mem_free(b->ids);
    mem_free(b->place);
    memset(b, 0, sizeof *b);
}

void unit_batch_clear(struct unit_batch *b, int32_t first_slot)
{
    b->first_slot = first_slot;
    b->examples = b->rows = b->tokens = 0;
}

int32_t unit_batch_rows(int32_t tokens, int32_t align)
{
    return (tokens + align - 1) / align * align;
}

int unit_batch_add(struct unit_batch *b, const int32_t *ids, int32_t length, int32_t width, int32_t start, int32_t end)
{
    int32_t tokens = length > width ? length : width, rows = unit_batch_rows(tokens, b->align), e = b->examples;

    if (e == b->most_examples || rows > b->most_rows - b->rows) return 0;
    for (int32_t i = 0; i < rows; i++) {
        b->ids[b->rows + i] = i < length ? ids[i] : 0;
        b->place[b->rows + i] = (struct row_place){.slot = (uint32_t)(b->first_slot + e),
                                                   .position = i < tokens ? (uint32_t)i : 0};
    }
    b->row[e] = b->rows;
    b->length[e] = tokens;
    b->start[e] = start;
    b->end[e] = end;
    b->examples++;
    b->rows += rows;
    b->tokens += tokens;
    return 1;
}
