/* A tuned file: what a task, or several over one encoder, needs to be answered: NAME.safetensors with the composed
 * prompts and heads, and NAME.json, which says what they belong to and how texts become inputs.
 *
 *     TASK/prompt       (layers,P,H) f32: added before each layer (layers = the encoder's) or before the first (1);
 *                       absent where the encoder itself was tuned
 *     TASK/head.weight  (2,H) f32
 *     TASK/router       (layers,K) f32: normalised gates, for information; may be absent
 *
 * No times, hosts or paths: the same content has the same bytes. The JSON holds the digest of the safetensors file and
 * is written last, so that a pair torn by a crash is noticed. Every task carries its description as shards do (meta.h),
 * so that neither catalogue nor data is needed to use it. */
#ifndef MP2_COORDINATOR_TUNE_TUNED_H
#define MP2_COORDINATOR_TUNE_TUNED_H

#include <stdint.h>

#include "cluster/base/memory.h"
#include "coordinator/data/input.h"

enum { TUNED_VERSION = 1, TUNED_TASK_LIMIT = 256, TUNED_PATH_BYTES = 4096 };

struct tuned_task {
    /* What was tuned for. */
    const char *description; /* dataset_description: the JSON text of meta.h */
    size_t description_bytes;
    struct input_form form; /* prompt = P: placeholders stand there even when prompt below is NULL */
    int product;            /* reference.product: options are scored by the product of logits (Q8) */

    /* How. */
    const char *method; /* "gradient", "black-box", …: lower-case letters, digits, -, _ */
    int64_t seed;
    int k;
    double dev; /* score on dev, 0 … 1; NAN: none was taken */

    /* The result. */
    int32_t layers;      /* of the prompt: the encoder's, or 1; 0: no prompt */
    int32_t modules;     /* K of router; 0: no router */
    const float *prompt; /* (layers,P,H) or NULL */
    const float *head;   /* (2,H) */
    const float *router; /* (layers,K) or NULL */

    /* Set by loading alone. */
    struct meta meta;
    struct input_rule rule; /* of meta and form */
};

struct tuned {
    char encoder_digest[33]; /* model_source_digest of what it runs over: with `encoder`, of that folder */
    char vocabulary_digest[33];
    const char *encoder; /* folder beside the file ("encoder") that stands for the model; NULL: none */
    int32_t encoder_layers, hidden;
    size_t count;
    struct tuned_task *task;
    struct mem_keep keep; /* what loading allocated; a caller who fills the struct may use it too */
};

/* Local. path: NAME, NAME.json or NAME.safetensors; both files are replaced whole. The fields down to `router` are the
 * caller's. ST_INPUT (reported) when a task stands there twice, a value is not finite, or a description is broken. */
status tuned_save(const char *path, const struct tuned *t);

/* Local. The pair, checked wholly: digest, shapes, finite values, descriptions, room for text. ST_INPUT (reported:
 * path, what was found, what was expected), and then there is nothing to close. Values are copied; no file stays open.
 */
status tuned_load(const char *path, struct tuned *out);
void tuned_fini(struct tuned *t);

/* Local. The same from memory; name is for messages. The safetensors' digest is not compared (tuned_load does). */
status tuned_parse(const char *name, const char *json, size_t json_bytes, const void *tensors, size_t tensor_bytes,
                   struct tuned *out);

/* Local. The task of that id; NULL: none. Of a loaded file. */
const struct tuned_task *tuned_find(const struct tuned *t, const char *id);

/* Local. The same for a user who named one, or ("") none: then it must be the only one. ST_INPUT, ST_USAGE (reported:
 * which ones there are). */
status tuned_choose(const struct tuned *t, const char *path, const char *id, const struct tuned_task **out);

/* Local. "deep", "shallow" or "none": what its prompt is. */
const char *tuned_depth(const struct tuned *t, const struct tuned_task *task);

/* Local. The two files of a name. ST_INPUT (reported) when it can be none. */
status tuned_paths(const char *path, char json[TUNED_PATH_BYTES], char tensors[TUNED_PATH_BYTES]);

/* Local. 1 when path names a tuned file (NAME, NAME.json or NAME.safetensors with a NAME.json beside it). */
int tuned_is_file(const char *path);

#endif
