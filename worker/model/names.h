/* The encoder's tensors in canonical order: which tensor a name in a file means, and which shape it must have.
 *
 * A slot is a number: 5 for the embeddings, 16 per layer, then 5 for the masked-language-model head, and one after
 * them: the decoder's own table, if the head does not use the word table. */
#ifndef MP2_WORKER_MODEL_NAMES_H
#define MP2_WORKER_MODEL_NAMES_H

#include <stddef.h>

#include "worker/model/config.h"

enum {
    NAME_WORD = 0,
    NAME_POSITION = 1,
    NAME_TYPE = 2,
    NAME_EMBEDDINGS = 5,
    NAME_LAYER = 16,
    NAME_HEAD = 5,
    NAME_NONE = -1,   /* not a tensor we use: decoder, pooler, buffers */
    NAME_SHARED = -2, /* model.shared.weight, shared.weight: the word table if there is no other */
    NAME_BEYOND = -3, /* of a layer that does not exist in the config */
    NAME_TASK = -4,   /* ERNIE's table of task types */
    NAME_BIAS = -5,   /* cls.predictions.decoder.bias: the other name of cls.predictions.bias */
    NAME_TEXT = 256   /* bytes of struct name_parts' text */
};

/* A file's name for a tensor: wrappers (module., _orig_mod., model. …; none, one or several), the encoder's prefix
 * (bert., another one or none), then the canonical name. */
struct name_parts {
    char text[NAME_TEXT]; /* without wrappers, including inner ones; truncated if too long */
    size_t wrapper;       /* bytes of the wrapper at the start of the name */
    int prefix;           /* which one, -1: none of the encoder's tensors */
};

/* Slots of the encoder; the head's follow. names_all: with the head, whose decoder uses the word table; the same number
 * is the slot of a decoder's own table. names_of: the slots of a model according to its config. */
int64_t names_encoder(int64_t layers);
int64_t names_all(int64_t layers);
int64_t names_of(const struct model_config *config);

/* Local. The slot of a canonical name, NAME_NONE for another. */
int64_t names_find(const char *name, int64_t layers);
/* Local. The same for a name as in files: with wrapper and prefix, gamma/beta, the shared table. */
int64_t names_find_foreign(const char *name, int64_t layers, struct name_parts *parts);

/* Local. 1 if an unknown tensor belongs to a part that the encoder with that prefix computes: another embedding table,
 * an adapter in a layer. Its pooler, and buffers of positions and types, do not count. */
int names_inside(const struct name_parts *parts, int prefix);
/* Local. 1 if a tensor belongs to a masked-language-model head, under any prefix. */
int names_of_head(const struct name_parts *parts);

/* Local. Write the canonical name of a slot into out (64 bytes are enough); returns out. */
char *names_text(int64_t slot, int64_t layers, char *out, size_t room);

/* Local. The slot's shape; returns its rank, 1 or 2. -1 (any) if positions or vocab are 0 in the config. */
int names_shape(int64_t slot, const struct model_config *config, int64_t shape[2]);

#endif
