/* The encoder's sizes from a Hugging Face config.json, in BERT's style or CPT's (a BartConfig, whose encoder is a
 * BERT). */
#ifndef MP2_WORKER_MODEL_CONFIG_H
#define MP2_WORKER_MODEL_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct model_config {
    int64_t layers, hidden, heads, feed_forward; /* heads divides hidden; all >= 1 */
    int64_t positions;                           /* rows of the position table, whatever the config says */
    int64_t vocab, types;                        /* types >= 2 */
    double eps;                                  /* LayerNorm's */
    double hidden_dropout, attention_dropout;    /* [0,1) */
    int64_t task;                                /* 1: add the first row of a table of task types to the token types */
    int64_t says_untied; /* 1: according to the file, the head's decoder is not tied to the word table */
    int64_t untied;      /* 1: it has its own table */
};

/* Local. positions and untied are left 0, and so is vocab if missing in the file: the tables determine them. ST_INPUT
 * (reported) for what this encoder does not support: an activation other than erf GELU, relative positions, fewer than
 * 2 token types, a decoder, an embedding of another width; or sizes missing, out of bounds or not divisible. */
status model_config_read(const char *path, struct model_config *config);
/* The same from text in memory; name is for messages. */
status model_config_parse(const char *name, const char *text, size_t n, struct model_config *config);

/* Local. FLOPs of an example of n tokens, forward and the gradient of activations: products 2 x 2 x (4 H^2 + 2 H F) per
 * token and layer, attention 4 n^2 H forward and 8 n^2 H backward; in the last layer, queries, keys and values of all
 * tokens, the rest only for the `read` tokens whose hidden states are needed (n: all). */
double model_config_flops(const struct model_config *config, int64_t n, int64_t read);

#endif
