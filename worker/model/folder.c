/* The writer of model folders. Weights go through a buffer of 65,536 elements, so that nothing is in memory twice. */
#include "worker/model/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/json.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/safetensors.h"
#include "worker/model/names.h"

enum { CHUNK = 1 << 16, NAME_ROOM = 96 };

/* ---- the small files -------------------------------------------------------------------------------------------- */

static status write_json(const char *folder, const char *name, json_t *root)
{
    char path[4096], *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    status s = text ? file_join(path, sizeof path, folder, name) : fault(ST_MEMORY, "out of memory: %s", name);

    if (s == ST_OK) s = file_replace(path, text, strlen(text));
    free(text);
    json_decref(root);
    return s;
}

static status write_config(const char *folder, const struct model_folder *what)
{
    static const char *const dtypes[] = {
        [TENSOR_F32] = "float32", [TENSOR_F16] = "float16", [TENSOR_BF16] = "bfloat16"};
    const struct model_config *c = &what->config;

    return write_json(
        folder, "config.json",
        json_pack("{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:f, s:f, s:f, s:f, s:s, s:i, s:b, s:s}",
                  "architectures", what->head ? "BertForMaskedLM" : "BertModel", "model_type", "bert", "vocab_size",
                  (json_int_t)c->vocab, "hidden_size", (json_int_t)c->hidden, "num_hidden_layers",
                  (json_int_t)c->layers, "num_attention_heads", (json_int_t)c->heads, "intermediate_size",
                  (json_int_t)c->feed_forward, "max_position_embeddings", (json_int_t)c->positions, "type_vocab_size",
                  (json_int_t)c->types, "hidden_act", "gelu", "layer_norm_eps", c->eps, "hidden_dropout_prob",
                  c->hidden_dropout, "attention_probs_dropout_prob", c->attention_dropout, "initializer_range", 0.02,
                  "position_embedding_type", "absolute", "pad_token_id", 0, "tie_word_embeddings",
                  !(what->head && c->untied), "torch_dtype", dtypes[what->type]));
}

/* ---- the weights ------------------------------------------------------------------------------------------------- */

struct folder_writer {
    const struct model_folder *what;
    int64_t count;            /* tensors */
    char (*names)[NAME_ROOM]; /* in the file: canonical names prefixed by bert. */
    struct tensor_spec *specs;
    float *buffer;
    uint16_t *narrow;
};

/* If the decoder has its own table, transformers 5 looks for its own bias, too. */
static const char decoder_bias[] = "cls.predictions.decoder.bias";

static const char *canonical(const struct folder_writer *w, int64_t i)
{
    if (strcmp(w->names[i], decoder_bias) == 0) return "cls.predictions.bias";
    return w->names[i] + (w->what->head && strncmp(w->names[i], "bert.", 5) == 0 ? 5 : 0);
}

static status name_tensors(struct folder_writer *w)
{
    const struct model_config *c = &w->what->config;
    char name[NAME_ROOM - 8];

    w->count = w->what->head ? names_of(c) + (c->untied != 0) : names_encoder(c->layers);
    TRY(mem_alloc((size_t)w->count, sizeof *w->names, &w->names));
    TRY(mem_alloc((size_t)w->count, sizeof *w->specs, &w->specs));
    for (int64_t i = 0; i < w->count; i++) {
        int64_t slot = i < names_of(c) ? i : names_all(c->layers) - 1;

        names_text(slot, c->layers, name, sizeof name);
        if (i > slot) snprintf(w->names[i], sizeof w->names[i], "%s", decoder_bias);
        else
            snprintf(w->names[i], sizeof w->names[i], "%s%s",
                     w->what->head && i < names_encoder(c->layers) ? "bert." : "", name);
        w->specs[i].name = w->names[i];
        w->specs[i].type = w->what->type;
        w->specs[i].rank = names_shape(slot, c, w->specs[i].shape);
    }
    return ST_OK;
}

static status write_chunk(const struct folder_writer *w, int64_t tensor, int64_t first, int64_t n, FILE *to)
{
    const void *from = w->buffer;
    size_t bytes = tensor_type_bytes(w->what->type);

    TRY(w->what->read(w->what->arg, canonical(w, tensor), first, n, w->buffer));
    for (int64_t i = 0; bytes == 2 && i < n; i++)
        w->narrow[i] = w->what->type == TENSOR_BF16 ? tensor_bf16(w->buffer[i]) : tensor_f16(w->buffer[i]);
    if (bytes == 2) from = w->narrow;
    if (fwrite(from, bytes, (size_t)n, to) != (size_t)n)
        return fault(ST_IO, "model.safetensors: cannot be written: %s", strerror(errno));
    return ST_OK;
}

static status write_tensors(const struct folder_writer *w, const struct safetensors_layout *layout, FILE *to)
{
    if (fwrite(layout->header, 1, layout->header_bytes, to) != layout->header_bytes)
        return fault(ST_IO, "model.safetensors: cannot be written: %s", strerror(errno));
    for (int64_t i = 0; i < w->count; i++) {
        int64_t n, total = layout->bytes[i] / (int64_t)tensor_type_bytes(w->what->type);

        for (int64_t at = 0; at < total; at += n) {
            n = total - at < CHUNK ? total - at : CHUNK;
            TRY(write_chunk(w, i, at, n, to));
        }
    }
    return ST_OK;
}

static status write_weights(const char *folder, struct folder_writer *w)
{
    static const struct safetensors_text text = {"format", "pt"};
    struct safetensors_layout layout;
    struct file_out out;
    char path[4096];
    status s;

    TRY(file_join(path, sizeof path, folder, "model.safetensors"));
    TRY(name_tensors(w));
    TRY(mem_alloc(CHUNK, sizeof *w->buffer, &w->buffer));
    TRY(mem_alloc(CHUNK, sizeof *w->narrow, &w->narrow));
    TRY(safetensors_layout_make(w->specs, (size_t)w->count, &text, 1, &layout));
    s = file_out_open(path, &out);
    if (s == ST_OK) {
        s = write_tensors(w, &layout, out.stream);
        if (s == ST_OK) s = file_out_commit(&out);
        else file_out_abandon(&out);
    }
    safetensors_layout_free(&layout);
    return s;
}

status model_folder_write(const char *folder, const struct model_folder *what)
{
    struct folder_writer w = {.what = what};
    status s;

    if (what->type != TENSOR_F32 && what->type != TENSOR_F16 && what->type != TENSOR_BF16)
        return fault(ST_INPUT, "weights as %s, expected F32, F16 or BF16", tensor_type_name(what->type));
    TRY(file_make_folder(folder));
    s = write_weights(folder, &w);
    mem_free(w.names);
    mem_free(w.specs);
    mem_free(w.buffer);
    mem_free(w.narrow);
    TRY(s);
    return write_config(folder, what);
}
