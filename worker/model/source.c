/* Every tensor of the files is put into its slot by name; then the slots must be full and of the right shape. */
#include "worker/model/source.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <xxhash.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "worker/model/names.h"
#include "worker/model/weights.h"

enum { NAME_ROOM = 80, CHUNK = 1 << 16 };

struct model_source {
    char folder[4096];
    struct model_config config;
    struct weights weights;
    int64_t slot_count;
    const struct weight **slots;    /* NULL: absent */
};

/* ---- filling the slots --------------------------------------------------------------------------------------------- */

static status take_slot(struct model_source *m, int64_t slot, const struct weight *w)
{
    const struct weight *before = m->slots[slot];
    char name[NAME_ROOM];

    if (before)
        return fault(ST_INPUT, "%s: tensors \"%.200s\" and \"%.200s\" are both %s", w->path, before->tensor.name,
                     w->tensor.name, names_text(slot, m->config.layers, name, sizeof name));
    m->slots[slot] = w;
    return ST_OK;
}

static status fill_slots(struct model_source *m)
{
    const struct weight *shared = NULL;
    int64_t beyond = 0;

    for (size_t i = 0; i < m->weights.count; i++) {
        const struct weight *w = &m->weights.items[i];
        int64_t slot = names_find_foreign(w->tensor.name, m->config.layers);

        if (slot >= 0) TRY(take_slot(m, slot, w));
        if (slot == NAME_BEYOND) beyond++;
        if (slot == NAME_SHARED && shared)
            return fault(ST_INPUT, "%s: tensors \"%.200s\" and \"%.200s\" are both the shared word table", w->path,
                         shared->tensor.name, w->tensor.name);
        if (slot == NAME_SHARED) shared = w;
    }
    if (!m->slots[NAME_WORD]) m->slots[NAME_WORD] = shared;
    if (beyond > 0)
        log_warn("model-layers", "folder=%s tensors=%lld why=\"of layers that config.json does not count; not used\"",
                 m->folder, (long long)beyond);
    return ST_OK;
}

static status check_slot(const struct model_source *m, int64_t slot)
{
    const struct weight *w = m->slots[slot];
    char name[NAME_ROOM];
    int64_t shape[2];
    int rank;

    names_text(slot, m->config.layers, name, sizeof name);
    if (!w) return fault(ST_INPUT, "%s: tensor %s is missing (under any of the known prefixes)", m->folder, name);
    if (!tensor_type_is_float(w->tensor.type))
        return fault(ST_INPUT, "%s: tensor \"%.200s\" is %s, expected F32, F64, F16 or BF16", w->path, w->tensor.name,
                     tensor_type_name(w->tensor.type));
    rank = names_shape(slot, &m->config, shape);
    return tensor_expect(w->path, &w->tensor, rank, shape);
}

/* Views can repeat few stored bytes without end (stride 0), and whoever packs them would run out of memory: what the
 * tensors unfold to must stand in some relation to the files. */
static status check_unfolding(const struct model_source *m)
{
    double sum = 0, most = 64.0 * (double)m->weights.file_bytes + 256e6;

    for (int64_t i = 0; i < m->slot_count; i++)
        if (m->slots[i]) sum += 4.0 * (double)m->slots[i]->tensor.count;
    if (sum <= most) return ST_OK;
    return fault(ST_INPUT, "%s: tensors of %.0f bytes as floats out of files of %zu", m->folder, sum, m->weights.file_bytes);
}

static status load(struct model_source *m)
{
    char path[4096];

    TRY(file_join(path, sizeof path, m->folder, "config.json"));
    TRY(model_config_read(path, &m->config));
    TRY(weights_open(m->folder, &m->weights));
    m->slot_count = names_all(m->config.layers);
    TRY(mem_alloc((size_t)m->slot_count, sizeof *m->slots, &m->slots));
    TRY(fill_slots(m));
    for (int64_t i = 0; i < names_encoder(m->config.layers); i++) TRY(check_slot(m, i));
    TRY(check_unfolding(m));
    m->config.vocab = m->slots[NAME_WORD]->tensor.shape[0];
    m->config.positions = m->slots[NAME_POSITION]->tensor.shape[0];
    if (m->config.vocab < 1 || m->config.positions < 1)
        return fault(ST_INPUT, "%s: an empty word or position table", m->folder);
    return ST_OK;
}

status model_source_open(const char *folder, struct model_source **out)
{
    struct model_source *m;
    status s;

    *out = NULL;
    if (!file_is_folder(folder)) return fault(ST_INPUT, "%.900s: is no folder, expected a model's", folder);
    TRY(mem_alloc(1, sizeof *m, &m));
    s = file_keep_path(m->folder, sizeof m->folder, folder);
    if (s == ST_OK) s = load(m);
    if (s != ST_OK) {
        model_source_close(&m);
        return s;
    }
    *out = m;
    return ST_OK;
}

void model_source_close(struct model_source **source)
{
    struct model_source *m = *source;

    if (!m) return;
    weights_close(&m->weights);
    mem_free(m->slots);
    mem_free(m);
    *source = NULL;
}

const struct model_config *model_source_config(const struct model_source *source)
{
    return &source->config;
}

const char *model_source_folder(const struct model_source *source)
{
    return source->folder;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static status find(const struct model_source *m, const char *name, const struct weight **out)
{
    int64_t slot = names_find(name, m->config.layers);

    *out = slot >= 0 ? m->slots[slot] : NULL;
    if (!*out) return fault(ST_INPUT, "%s: no tensor %.200s", m->folder, name);
    return slot < names_encoder(m->config.layers) ? ST_OK : check_slot(m, slot);   /* open did not look at the head */
}

/* Read, and look at every value: one that is not finite would only show as a loss that is none. */
static status read_elements(const struct weight *w, int64_t first, int64_t count, float *out)
{
    uint32_t bits, most = 0;

    TRY(tensor_read_f32(w->path, &w->tensor, first, count, out));
    for (int64_t i = 0; i < count; i++) {
        memcpy(&bits, out + i, sizeof bits);
        bits &= 0x7fffffffu;
        most = bits > most ? bits : most;
    }
    if (most < 0x7f800000u) return ST_OK;
    return fault(ST_INPUT, "%s: tensor \"%.200s\" has a value that is infinite or no number", w->path, w->tensor.name);
}

status model_source_read(const struct model_source *source, const char *name, float *out)
{
    const struct weight *w;

    TRY(find(source, name, &w));
    return read_elements(w, 0, w->tensor.count, out);
}

status model_source_read_rows(const struct model_source *source, const char *name, int64_t first, int64_t rows, float *out)
{
    const struct weight *w;
    int64_t width;

    TRY(find(source, name, &w));
    width = w->tensor.shape[0] > 0 ? w->tensor.count / w->tensor.shape[0] : 0;
    if (first < 0 || rows < 0 || first > w->tensor.shape[0] || rows > w->tensor.shape[0] - first)
        return fault(ST_INPUT, "%s: rows %lld to %lld of tensor %.200s, it has %lld", w->path, (long long)first,
                     (long long)(first + rows), name, (long long)w->tensor.shape[0]);
    return read_elements(w, first * width, rows * width, out);
}

status model_source_read_layer(const struct model_source *source, int64_t layer, const char *name, float *out)
{
    char full[256];

    snprintf(full, sizeof full, "encoder.layer.%lld.%s", (long long)layer, name);
    return model_source_read(source, full, out);
}

/* ---- digest --------------------------------------------------------------------------------------------------------- */

static status digest_tensor(const struct model_source *m, int64_t slot, float *buffer, XXH3_state_t *state)
{
    const struct tensor *t = &m->slots[slot]->tensor;
    char name[NAME_ROOM];

    names_text(slot, m->config.layers, name, sizeof name);
    XXH3_128bits_update(state, name, strlen(name) + 1);
    XXH3_128bits_update(state, t->shape, (size_t)t->rank * sizeof *t->shape);
    for (int64_t i = 0; i < t->count; i += CHUNK) {
        int64_t n = t->count - i < CHUNK ? t->count - i : CHUNK;
        TRY(tensor_read_f32(m->slots[slot]->path, t, i, n, buffer));
        XXH3_128bits_update(state, buffer, (size_t)n * sizeof *buffer);
    }
    return ST_OK;
}

static status digest(const struct model_source *m, float *buffer, XXH3_state_t *state, char out[33])
{
    double numbers[5] = {(double)m->config.layers, (double)m->config.heads, m->config.eps, m->config.hidden_dropout,
                         m->config.attention_dropout};
    XXH128_hash_t h;

    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, numbers, sizeof numbers);
    for (int64_t i = 0; i < names_encoder(m->config.layers); i++) TRY(digest_tensor(m, i, buffer, state));
    h = XXH3_128bits_digest(state);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
    return ST_OK;
}

status model_source_digest(const struct model_source *source, char out[33])
{
    XXH3_state_t *state = XXH3_createState();
    float *buffer = NULL;
    status s = state ? mem_alloc(CHUNK, sizeof *buffer, &buffer) : fault(ST_MEMORY, "out of memory: digest");

    if (s == ST_OK) s = digest(source, buffer, state, out);
    mem_free(buffer);
    XXH3_freeState(state);
    return s;
}

/* ---- the head, and pages ---------------------------------------------------------------------------------------------- */

status model_source_head(const struct model_source *source, int *present)
{
    int64_t first = names_encoder(source->config.layers);

    *present = 1;
    for (int64_t i = first; i < source->slot_count; i++) *present &= source->slots[i] != NULL;
    for (int64_t i = first; *present && i < source->slot_count; i++) TRY(check_slot(source, i));
    return ST_OK;
}

void model_source_prefetch(const struct model_source *source)
{
    weights_advise(&source->weights, MADV_WILLNEED);
}

void model_source_drop(const struct model_source *source, const char *name)
{
    int64_t slot = name ? names_find(name, source->config.layers) : NAME_NONE;

    if (!name) weights_advise(&source->weights, MADV_DONTNEED);
    if (slot >= 0 && source->slots[slot]) file_map_drop(source->slots[slot]->tensor.data, source->slots[slot]->tensor.bytes);
}
