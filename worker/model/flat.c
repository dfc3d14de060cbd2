#include "worker/model/flat.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { NAME_ROOM = 80 };

status flat_init(struct flat *f, const struct model_config *config)
{
    status s;

    *f = (struct flat){.config = *config, .slots = names_of(config)};
    s = mem_alloc((size_t)f->slots, sizeof *f->offset, &f->offset);
    if (s == ST_OK) s = mem_alloc((size_t)f->slots, sizeof *f->size, &f->size);
    if (s != ST_OK) {
        flat_fini(f);
        return s;
    }
    for (int64_t i = 0; i < f->slots; i++) {
        int64_t shape[2] = {1, 1};
        int rank = names_shape(i, config, shape);

        f->offset[i] = f->count;
        f->size[i] = rank == 2 ? shape[0] * shape[1] : shape[0];
        f->count += (f->size[i] + FLAT_GRAIN - 1) / FLAT_GRAIN * FLAT_GRAIN;
    }
    return ST_OK;
}

void flat_fini(struct flat *f)
{
    mem_free(f->offset);
    mem_free(f->size);
    *f = (struct flat){0};
}

void flat_part(const struct flat *f, int part, int64_t *first, int64_t *last)
{
    int64_t layers = f->config.layers, below = layers - part;

    *first = part > layers ? 0 : f->offset[NAME_EMBEDDINGS + NAME_LAYER * below];
    *last = part == 0 ? f->count : f->offset[NAME_EMBEDDINGS + NAME_LAYER * (below + 1)];
}

int flat_decays(const struct flat *f, int64_t slot)
{
    int64_t shape[2];

    return names_shape(slot, &f->config, shape) == 2;
}

/* The part of a tensor in [first, last). */
static void adamw_slot(const struct flat *f, const struct kernels *k, const struct adamw *w, int64_t slot,
                       int64_t first, int64_t last, const float *grad, float *values, float *m, float *v)
{
    int64_t from = f->offset[slot], to = from + f->size[slot];
    struct adamw here = *w;

    if (from < first) from = first;
    if (to > last) to = last;
    if (from >= to) return;
    if (!flat_decays(f, slot)) here.decay = 0;
    from -= first;
    to -= first;
    k->adamw(&here, to - from, grad + from, values + from, m + from, v + from);
}

void flat_adamw(const struct flat *f, const struct kernels *k, const struct adamw *w, int64_t first, int64_t last,
                const float *grad, float *values, float *m, float *v)
{
    for (int64_t i = 0; i < f->slots; i++) adamw_slot(f, k, w, i, first, last, grad, values, m, v);
}

status flat_copy(const struct flat_view *view, const char *name, int64_t first, int64_t count, float *out)
{
    const struct flat *f = view->flat;
    int64_t slot = names_find(name, f->config.layers);

    if (slot < 0 || slot >= f->slots || first < 0 || count > f->size[slot] - first)
        return fault(ST_INPUT, "no elements %lld to %lld of a parameter %.200s", (long long)first,
                     (long long)(first + count), name);
    memcpy(out, view->values + f->offset[slot] + first, (size_t)count * sizeof *out);
    return ST_OK;
}

static status read_flat(const void *arg, const char *name, int64_t first, int64_t rows, int64_t width, float *out)
{
    return flat_copy(arg, name, first * width, rows * width, out);
}

struct packed_weights_source packed_weights_from_flat(const struct flat_view *view)
{
    return (struct packed_weights_source){.read = read_flat, .arg = view};
}

status flat_read(const struct flat *f, const struct packed_weights_source *source, int head, float *values)
{
    int64_t slots = head ? f->slots : names_encoder(f->config.layers);

    for (int64_t i = 0; i < slots; i++) {
        char name[NAME_ROOM];
        int64_t shape[2] = {1, 1};
        int rank = names_shape(i, &f->config, shape);

        names_text(i, f->config.layers, name, sizeof name);
        TRY(source->read(source->arg, name, 0, shape[0], rank == 2 ? shape[1] : 1, values + f->offset[i]));
    }
    return ST_OK;
}
