/* Which tokens of the training examples answers are read from: a byte a token, example after example in the order of slots,
 * sent once. A loss over these alone needs no more of the last layer than their rows. */
#include "cluster/base/memory.h"
#include "coordinator/tune/oracle_state.h"

#include <string.h>

/* Options: the first and the last token of each. A span: where one may lie, and "no answer". */
status oracle_reads_add(struct oracle *t, const struct example *e)
{
    unsigned char *read;

    if (!t->o.answers_only) return ST_OK;
    TRY(mem_grow(&t->reads, &t->read_room, t->read_count + (size_t)e->length, 1));
    read = t->reads + t->read_count;
    memset(read, 0, (size_t)e->length);
    for (int i = 0; i < e->options; i++) read[e->option[i][0]] = read[e->option[i][1]] = 1;
    for (int32_t i = e->context_first; i <= e->context_last && e->options == 0; i++) read[i] = 1;
    if (e->none_first >= 0) read[e->none_first] = read[e->none_last] = 1;
    if (e->start >= 0 && e->end >= 0) read[e->start] = read[e->end] = 1;
    t->read_count += (size_t)e->length;
    return ST_OK;
}

status oracle_reads_send(struct oracle *t)
{
    if (!t->o.answers_only) return ST_OK;
    t->read_count = 0;
    for (int32_t i = 0; i < t->examples; i++) t->read_count += (size_t)t->assignment.examples[i].length;
    TRY(comm_agree(t->comm, mem_grow(&t->reads, &t->read_room, t->read_count, 1)));
    return comm_broadcast(t->comm, t->reads, t->read_count, 0);
}

/* Of a part whose batch is filled. */
status oracle_reads_list(struct oracle *t, struct oracle_part *p)
{
    const unsigned char *read = t->reads;

    if (!t->o.answers_only) return ST_OK;
    for (int32_t i = 0; i < p->first; i++) read += t->assignment.examples[i].length;
    TRY(mem_alloc((size_t)p->batch.rows, sizeof *p->rows, &p->rows));
    for (int32_t i = 0; i < p->count; i++) {
        int32_t length = t->assignment.examples[p->first + i].length;

        for (int32_t k = 0; k < length; k++)
            if (read[k]) p->rows[p->row_count++] = p->batch.row[i] + k;
        read += length;
    }
    return ST_OK;
}
