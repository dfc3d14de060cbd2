/* Values that the machine and its calls make: they live in blocks until the file is closed, and are counted against
 * one bound. */
#include "cluster/store/torch/pickle.h"

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { BLOCK_BYTES = 1 << 16 };

struct block {
    struct block *next;
};

status pickle_bad(const struct pickle *p, const char *what)
{
    return fault(ST_INPUT, "%s: data.pkl byte %zu: %s", p->path, p->at, what);
}

static status take_block(struct pickle *p, size_t bytes, unsigned char **out)
{
    struct block *b;

    TRY(mem_alloc(1, 64 + bytes, &b));
    b->next = p->memory;
    p->memory = b;
    *out = (unsigned char *)b + 64;
    return ST_OK;
}

status pickle_take(struct pickle *p, size_t bytes, void *out)
{
    bytes = (bytes + 15) / 16 * 16;
    if (bytes > BLOCK_BYTES / 4) return take_block(p, bytes, out);
    if (bytes > p->block_left) {
        TRY(take_block(p, BLOCK_BYTES, &p->block));
        p->block_left = BLOCK_BYTES;
    }
    *(void **)out = p->block;
    p->block += bytes;
    p->block_left -= bytes;
    return ST_OK;
}

void pickle_free_memory(void *memory)
{
    for (struct block *b = memory, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
}

status pickle_count_work(struct pickle *p, size_t n)
{
    if (n > PICKLE_WORK_MOST - p->work) return pickle_bad(p, "more than 2^22 values");
    p->work += n;
    return ST_OK;
}

status pickle_value(struct pickle *p, enum torch_kind kind, struct torch_value **out)
{
    TRY(pickle_count_work(p, 1));
    TRY(pickle_take(p, sizeof **out, out));
    (*out)->kind = kind;
    if (kind != TORCH_DICT) return ST_OK;
    TRY(mem_grow(&p->dicts, &p->dict_room, p->dict_count + 1, sizeof *p->dicts));
    p->dicts[p->dict_count++] = *out;
    return ST_OK;
}
