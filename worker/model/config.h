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
    int64_t task;        /* 1: the first row of a table of task types is added to the token types */
    int64_t says_untied; /* 1: the file says that the head's decoder is not the word table */
    int64_t untied;      /* 1: it has a table of its own */
};

/* Local. positions and untied are left 0, and so is vocab when the file does not say: the tables decide. ST_INPUT
 * (reported) on what this encoder does not compute: another activation than erf GELU, relative positions, fewer than 2
 * token types, a decoder, an embedding of another width, sizes missing, out of bounds or not dividing. */
status model_config_read(const char *path, struct model_config *config);
/* The same over text in memory; name is for messages. */
status model_config_parse(const char *name, const char *text, size_t n, struct model_config *config);

/* Local. FLOPs of an example of n tokens, forward and the gradient of activations: products 2 x 2 x (4 H^2 + 2 H F) a
 * token and layer, attention 4 n^2 H forward and 8 n^2 H backward; in the last layer queries, keys and values of all
 * tokens, the rest of the `read` tokens whose hidden states are wanted (n: all). */
double model_config_flops(const struct model_config *config, int64_t n, int64_t read);

#endif
