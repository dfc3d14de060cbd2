/* Every tensor of the files is put into its slot by name; then all slots must be filled, with the right shape. */
#include "worker/model/source.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cluster/base/digest.h"
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
    const struct weight **slots; /* NULL: absent; the last one: the decoder's own table */
    const struct weight *shared, *task, *decoder_bias, *odd_head; /* odd_head: of a head, but not a part that we use */
    size_t wrapper; /* bytes of the encoder's wrapper, and its prefix (names.h) */
    int prefix;
};

/* ---- filling the slots ---------------------------------------------------------------------------------------------
 */

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

static status take_other(const struct weight *w, const char *what, const struct weight **place)
{
    if (*place)
        return fault(ST_INPUT, "%s: tensors \"%.200s\" and \"%.200s\" are both %s", w->path, (*place)->tensor.name,
                     w->tensor.name, what);
    *place = w;
    return ST_OK;
}

/* Where the encoder is in the file: its position table decides. */
static void find_prefix(struct model_source *m)
{
    struct name_parts parts;

    m->prefix = -1;
    for (size_t i = 0; i < m->weights.count && m->prefix < 0; i++)
        if (names_find_foreign(m->weights.items[i].tensor.name, m->config.layers, &parts) == NAME_POSITION) {
            m->prefix = parts.prefix;
            m->wrapper = parts.wrapper;
        }
}

/* A head under another wrapper than the encoder's belongs to another model, or an older one. */
static int same_wrapper(const struct model_source *m, const struct weight *w, const struct name_parts *parts)
{
    const char *encoder = m->slots[NAME_POSITION] ? m->slots[NAME_POSITION]->tensor.name : NULL;

    return m->prefix < 0 ||
           (parts->wrapper == m->wrapper && (!encoder || memcmp(encoder, w->tensor.name, m->wrapper) == 0));
}

/* An unknown tensor: refused if the encoder would have to compute with it. */
static status refuse_inside(const struct model_source *m, const struct weight *w, const struct name_parts *parts)
{
    if (m->prefix < 0 || !names_inside(parts, m->prefix)) return ST_OK;
    return fault(ST_INPUT,
                 "%s: tensor \"%.200s\" is a part of the encoder that is not known here, expected a plain BERT",
                 w->path, w->tensor.name);
}

static status take_weight(struct model_source *m, const struct weight *w, int64_t *beyond)
{
    struct name_parts parts;
    int64_t slot = names_find_foreign(w->tensor.name, m->config.layers, &parts), head = names_encoder(m->config.layers);

    *beyond += slot == NAME_BEYOND;
    if (slot == NAME_SHARED) return take_other(w, "the shared word table", &m->shared);
    if (slot == NAME_TASK) return take_other(w, "the table of task types", &m->task);
    if ((slot >= head || slot == NAME_BIAS || slot == NAME_NONE) && names_of_head(&parts) &&
        (slot == NAME_NONE || !same_wrapper(m, w, &parts))) {
        if (!m->odd_head) m->odd_head = w;
        return ST_OK;
    }
    if (slot == NAME_BIAS) return take_other(w, "cls.predictions.decoder.bias", &m->decoder_bias);
    if (slot == NAME_NONE) return refuse_inside(m, w, &parts);
    return slot >= 0 ? take_slot(m, slot, w) : ST_OK;
}

static status fill_slots(struct model_source *m)
{
    const struct weight **decoder = &m->slots[m->slot_count - 1], **bias = &m->slots[m->slot_count - 2];
    int64_t beyond = 0;

    find_prefix(m);
    for (size_t i = 0; i < m->weights.count; i++) TRY(take_weight(m, &m->weights.items[i], &beyond));
    if (!m->slots[NAME_WORD]) m->slots[NAME_WORD] = m->shared;
    if (!m->slots[NAME_WORD]) { /* a file may contain the table under its other name only */
        m->slots[NAME_WORD] = *decoder;
        *decoder = NULL;
    }
    if (!*bias) *bias = m->decoder_bias;
    if (beyond > 0)
        log_warn("model-layers", "folder=%s tensors=%lld why=\"of layers that config.json does not count; not used\"",
                 m->folder, (long long)beyond);
    return ST_OK;
}

static size_t common_end(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), i = 0;

    while (i < n && i < m && a[n - 1 - i] == b[m - 1 - i]) i++;
    return i;
}

/* Suggests the most similar name in the files: the one with the longest common suffix. */
static status say_missing(const struct model_source *m, const char *name)
{
    const struct weight *nearest = NULL;
    size_t most = 0;

    for (size_t i = 0; i < m->weights.count; i++) {
        size_t same = common_end(m->weights.items[i].tensor.name, name);

        if (nearest && same <= most) continue;
        nearest = &m->weights.items[i];
        most = same;
    }
    return fault(ST_INPUT,
                 "%s: tensor %s is missing (under any of the known prefixes); of %zu tensors the nearest is \"%.200s\"",
                 m->folder, name, m->weights.count, nearest ? nearest->tensor.name : "none");
}

static status check_slot(const struct model_source *m, int64_t slot)
{
    const struct weight *w = m->slots[slot];
    char name[NAME_ROOM];
    int64_t shape[2];
    int rank;

    names_text(slot, m->config.layers, name, sizeof name);
    if (!w) return say_missing(m, name);
    if (!tensor_type_is_float(w->tensor.type))
        return fault(ST_INPUT, "%s: tensor \"%.200s\" is %s, expected F32, F64, F16 or BF16", w->path, w->tensor.name,
                     tensor_type_name(w->tensor.type));
    rank = names_shape(slot, &m->config, shape);
    return tensor_expect(w->path, &w->tensor, rank, shape);
}

/* Views can repeat a few stored bytes endlessly (stride 0), and packing them would run out of memory: the expanded size
 * of the tensors must be plausible for the size of the files. */
static status check_unfolding(const struct model_source *m)
{
    double sum = 0, most = 64.0 * (double)m->weights.file_bytes + 256e6;

    for (int64_t i = 0; i < m->slot_count; i++)
        if (m->slots[i]) sum += 4.0 * (double)m->slots[i]->tensor.count;
    if (sum <= most) return ST_OK;
    return fault(ST_INPUT, "%s: tensors of %.0f bytes as floats out of files of %zu", m->folder, sum,
                 m->weights.file_bytes);
}

/* ERNIE's table of task types: its first row is added to every token, so it is added once to the token types. */
static status check_task(const struct model_source *m)
{
    const int64_t shape[2] = {-1, m->config.hidden};
    const struct weight *w = m->task;

    if (!w && m->config.task)
        return fault(ST_INPUT,
                     "%s: \"use_task_id\" is true in config.json, but the tensor "
                     "embeddings.task_type_embeddings.weight is missing",
                     m->folder);
    if (!w) return ST_OK;
    if (!m->config.task)
        return fault(ST_INPUT, "%s: tensor \"%.200s\", but \"use_task_id\" is not true in config.json", w->path,
                     w->tensor.name);
    if (!tensor_type_is_float(w->tensor.type))
        return fault(ST_INPUT, "%s: tensor \"%.200s\" is %s, expected F32, F64, F16 or BF16", w->path, w->tensor.name,
                     tensor_type_name(w->tensor.type));
    TRY(tensor_expect(w->path, &w->tensor, 2, shape));
    return w->tensor.shape[0] > 0 ? ST_OK : fault(ST_INPUT, "%s: tensor \"%.200s\" is empty", w->path, w->tensor.name);
}

/* transformers with PEFT installed would load such an adapter on top of the weights. */
static status refuse_adapter(const char *folder)
{
    char path[4096];

    TRY(file_join(path, sizeof path, folder, "adapter_config.json"));
    if (!file_exists(path)) return ST_OK;
    return fault(ST_INPUT, "%s: an adapter of PEFT beside the weights, expected it merged into them (merge_and_unload)",
                 path);
}

static status load_files(struct model_source *m)
{
    char path[4096];

    TRY(refuse_adapter(m->folder));
    TRY(file_join(path, sizeof path, m->folder, "config.json"));
    TRY(model_config_read(path, &m->config));
    TRY(weights_open(m->folder, &m->weights));
    m->slot_count = names_all(m->config.layers) + 1;
    TRY(mem_alloc((size_t)m->slot_count, sizeof *m->slots, &m->slots));
    TRY(fill_slots(m));
    for (int64_t i = 0; i < names_encoder(m->config.layers); i++) TRY(check_slot(m, i));
    TRY(check_task(m));
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
    if (s == ST_OK) s = load_files(m);
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

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static status find_weight(const struct model_source *m, const char *name, const struct weight **out)
{
    int64_t slot = names_find(name, m->config.layers);

    *out = slot >= 0 ? m->slots[slot] : NULL;
    if (!*out) return fault(ST_INPUT, "%s: no tensor %.200s", m->folder, name);
    return slot < names_encoder(m->config.layers) ? ST_OK : check_slot(m, slot); /* open did not check the head */
}

/* Elements as the encoder uses them: token types with the task's row added. */
static status read_plain(const struct model_source *m, const struct weight *w, int64_t first, int64_t count, float *out)
{
    float row[256];
    int64_t h = m->config.hidden, n;

    TRY(tensor_read_f32(w->path, &w->tensor, first, count, out));
    if (!m->task || w != m->slots[NAME_TYPE]) return ST_OK;
    for (int64_t i = 0; i < count; i += n) {
        int64_t at = (first + i) % h;

        n = count - i < h - at ? count - i : h - at;
        if (n > (int64_t)(sizeof row / sizeof *row)) n = (int64_t)(sizeof row / sizeof *row);
        TRY(tensor_read_f32(m->task->path, &m->task->tensor, at, n, row));
        for (int64_t j = 0; j < n; j++) out[i + j] += row[j];
    }
    return ST_OK;
}

/* Read and check every value: a non-finite one would otherwise show only as a non-finite loss. */
static status read_elements(const struct model_source *m, const struct weight *w, int64_t first, int64_t count,
                            float *out)
{
    uint32_t bits, most = 0;

    TRY(read_plain(m, w, first, count, out));
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

    TRY(find_weight(source, name, &w));
    return read_elements(source, w, 0, w->tensor.count, out);
}

status model_source_read_rows(const struct model_source *source, const char *name, int64_t first, int64_t rows,
                              float *out)
{
    const struct weight *w;
    int64_t width;

    TRY(find_weight(source, name, &w));
    width = w->tensor.shape[0] > 0 ? w->tensor.count / w->tensor.shape[0] : 0;
    if (first < 0 || rows < 0 || first > w->tensor.shape[0] || rows > w->tensor.shape[0] - first)
        return fault(ST_INPUT, "%s: rows %lld to %lld of tensor %.200s, it has %lld", w->path, (long long)first,
                     (long long)(first + rows), name, (long long)w->tensor.shape[0]);
    return read_elements(source, w, first * width, rows * width, out);
}

status model_source_read_layer(const struct model_source *source, int64_t layer, const char *name, float *out)
{
    char full[256];

    snprintf(full, sizeof full, "encoder.layer.%lld.%s", (long long)layer, name);
    return model_source_read(source, full, out);
}

/* ---- digest ------------------------------------------------------------------------------------------------------ */

static status digest_tensor(const struct model_source *m, int64_t slot, float *buffer, struct digest *d)
{
    const struct tensor *t = &m->slots[slot]->tensor;
    char name[NAME_ROOM];

    names_text(slot, m->config.layers, name, sizeof name);
    digest_add(d, name, strlen(name) + 1);
    digest_add(d, t->shape, (size_t)t->rank * sizeof *t->shape);
    for (int64_t i = 0; i < t->count; i += CHUNK) {
        int64_t n = t->count - i < CHUNK ? t->count - i : CHUNK;
        TRY(read_plain(m, m->slots[slot], i, n, buffer));
        digest_add(d, buffer, (size_t)n * sizeof *buffer);
    }
    return ST_OK;
}

static status digest_all(const struct model_source *m, float *buffer, struct digest *d, char out[33])
{
    double numbers[5] = {(double)m->config.layers, (double)m->config.heads, m->config.eps, m->config.hidden_dropout,
                         m->config.attention_dropout};

    digest_add(d, numbers, sizeof numbers);
    for (int64_t i = 0; i < names_encoder(m->config.layers); i++) TRY(digest_tensor(m, i, buffer, d));
    digest_read_text(d, out);
    return ST_OK;
}

status model_source_digest(const struct model_source *source, char out[33])
{
    struct digest d;
    float *buffer = NULL;
    status s = digest_init(&d);

    if (s == ST_OK) s = mem_alloc(CHUNK, sizeof *buffer, &buffer);
    if (s == ST_OK) s = digest_all(source, buffer, &d, out);
    mem_free(buffer);
    digest_fini(&d);
    return s;
}

/* ---- the head, and pages ----------------------------------------------------------------------------------------- */

/* Whether two tensors of one shape have the same values; views of one storage, as torch saves tied tensors, need not be
 * compared. */
static status compare_weights(const struct weight *a, const struct weight *b, int *same)
{
    enum { PART = 4096 };
    float x[PART], y[PART];

    *same = a->tensor.count == b->tensor.count;
    if (a->tensor.data == b->tensor.data && a->tensor.type == b->tensor.type &&
        memcmp(a->tensor.stride, b->tensor.stride, sizeof a->tensor.stride) == 0)
        return ST_OK;
    for (int64_t i = 0; i < a->tensor.count && *same; i += PART) {
        int64_t n = a->tensor.count - i < PART ? a->tensor.count - i : PART;

        TRY(tensor_read_f32(a->path, &a->tensor, i, n, x));
        TRY(tensor_read_f32(b->path, &b->tensor, i, n, y));
        *same = memcmp(x, y, (size_t)n * sizeof *x) == 0;
    }
    return ST_OK;
}

/* The head's bias may be present under both names; if they differ, the decoder's own bias is used. */
static status find_bias(struct model_source *m)
{
    const struct weight **bias = &m->slots[m->slot_count - 2], *other = m->decoder_bias;
    int same;

    if (!other && m->config.says_untied)
        log_warn("model-head",
                 "folder=%s why=\"tie_word_embeddings is false and there is no cls.predictions.decoder.bias: "
                 "cls.predictions.bias is used, as in transformers 4; transformers 5 has none then\"",
                 m->folder);
    if (!other || other == *bias) return ST_OK;
    TRY(compare_weights(*bias, other, &same));
    *bias = other;
    if (!same)
        log_warn(
            "model-head",
            "folder=%s why=\"cls.predictions.bias and cls.predictions.decoder.bias differ: the latter is used, as in "
            "transformers 5\"",
            m->folder);
    return check_slot(m, m->slot_count - 2);
}

/* A decoder with the word table's values is tied to it: the values decide, whatever the config says. */
static status find_decoder(struct model_source *m)
{
    const struct weight **decoder = &m->slots[m->slot_count - 1];
    int same;

    if (!*decoder && m->config.says_untied)
        log_warn(
            "model-head",
            "folder=%s why=\"tie_word_embeddings is false, but there is no cls.predictions.decoder.weight: the word "
            "table is used\"",
            m->folder);
    if (!*decoder) return ST_OK;
    TRY(check_slot(m, m->slot_count - 1));
    TRY(compare_weights(*decoder, m->slots[NAME_WORD], &same));
    if (same) *decoder = NULL;
    m->config.untied = !same;
    if (!same && !m->config.says_untied)
        log_warn("model-head",
                 "folder=%s why=\"cls.predictions.decoder.weight is not the word table, though tie_word_embeddings is "
                 "not false: "
                 "it is used, as in transformers 5\"",
                 m->folder);
    return ST_OK;
}

status model_source_head(struct model_source *source, int *present)
{
    int64_t first = names_encoder(source->config.layers), last = source->slot_count - 1, parts = 0;
    const struct weight *odd = source->odd_head;

    *present = 0;
    for (int64_t i = first; i < last; i++) parts += source->slots[i] != NULL;
    if (odd)
        return fault(
            ST_INPUT,
            "%s: tensor \"%.200s\" belongs to a masked-language-model head that does not stand beside the encoder as "
            "cls.predictions",
            odd->path, odd->tensor.name);
    if (parts == 0 && !source->slots[last]) return ST_OK;
    for (int64_t i = first; i < last; i++) TRY(check_slot(source, i));
    TRY(find_bias(source));
    TRY(find_decoder(source));
    *present = 1;
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
    if (slot >= 0 && source->slots[slot])
        file_map_drop(source->slots[slot]->tensor.data, source->slots[slot]->tensor.bytes);
}
