/* Where the frozen encoder's weights come from: a Hugging Face folder, config.json in BERT's or CPT's (BartConfig)
 * style with model.safetensors, model.safetensors.index.json and its parts, or pytorch_model.bin.
 *
 * Whatever the file's form and names (prefixes none, bert., ernie., encoder., model.encoder., behind module.,
 * _orig_mod., model. …; gamma/beta; the word table as model.shared.weight or as the decoder's), tensors are asked for
 * by their canonical BERT name: embeddings.word_embeddings.weight        [vocab,hidden]
 * embeddings.position_embeddings.weight [positions,hidden] embeddings.token_type_embeddings.weight  [types,hidden]
 * embeddings.LayerNorm.{weight,bias}    [hidden] encoder.layer.N.attention.self.{query,key,value}.{weight
 * [hidden,hidden], bias [hidden]} encoder.layer.N.attention.output.dense.{weight [hidden,hidden], bias}
 *     encoder.layer.N.attention.output.LayerNorm.{weight,bias}    [hidden]
 *     encoder.layer.N.intermediate.dense.{weight [feed_forward,hidden], bias [feed_forward]}
 *     encoder.layer.N.output.dense.{weight [hidden,feed_forward], bias [hidden]}
 *     encoder.layer.N.output.LayerNorm.{weight,bias}              [hidden]
 * weight matrices are [out,in], row-major, as torch's Linear keeps them. All of these are present, of a float type and
 * of the right shape once open returned: reading fails only where a value is not finite. A tensor that stands among
 * them and is not in the list (an adapter, another table of the embeddings) is refused by name: the encoder would
 * compute something else. ERNIE's table of task types alone is known: its first row is in the token types.
 *
 * The files are mapped, so that ranks of a node share the pages; close (or drop) them once the weights are packed. */
#ifndef MP2_WORKER_MODEL_SOURCE_H
#define MP2_WORKER_MODEL_SOURCE_H

#include <stdint.h>

#include "cluster/base/status.h"
#include "worker/model/config.h"

struct model_source;

/* Local. ST_INPUT (reported) when the folder, its config or its weights are not what the list above asks for. Reads
 * headers only. */
status model_source_open(const char *folder, struct model_source **out);
void model_source_close(struct model_source **source);

const struct model_config *model_source_config(const struct model_source *source);
/* Local. The folder as given to open; vocab.txt stands beside config.json. */
const char *model_source_folder(const struct model_source *source);

/* Local. The whole tensor in row-major order as floats; out has room for its shape's product. ST_INPUT (reported) for a
 * name outside the canonical list and for a value that is not finite as a float. Safe from several threads. */
status model_source_read(const struct model_source *source, const char *name, float *out);
/* The same for rows first … first+rows-1 (the first axis). */
status model_source_read_rows(const struct model_source *source, const char *name, int64_t first, int64_t rows,
                              float *out);
/* The same for "encoder.layer.LAYER." + name. */
status model_source_read_layer(const struct model_source *source, int64_t layer, const char *name, float *out);

/* Local. 32 hex digits and a 0: xxh3-128 over layers, heads, eps and both dropout rates, then name, shape and values as
 * f32 of every tensor in the order of the list above. The same for every file form that holds the same values. Reads
 * all weights once (about a second for CPT-large when in memory). */
status model_source_digest(const struct model_source *source, char out[33]);

/* Local. The masked-language-model head (cls.predictions.transform.dense.{weight [hidden,hidden], bias},
 * cls.predictions.transform.LayerNorm.{weight,bias} [hidden], cls.predictions.bias [vocab]) is readable by
 * model_source_read when *present. ST_INPUT (reported) when it is there with other shapes, in part, or elsewhere than
 * beside the encoder. The decoder's matrix is the word table, or cls.predictions.decoder.weight [vocab,hidden] where
 * that has values of its own: config.untied is 1 from here on. */
status model_source_head(struct model_source *source, int *present);

/* Local. Advice to the kernel: read all weights ahead; let go of their pages (name NULL: all; they come back when
 * read). */
void model_source_prefetch(const struct model_source *source);
void model_source_drop(const struct model_source *source, const char *name);

#endif
