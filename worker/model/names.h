/* The encoder's tensors in canonical order: where a name of a file belongs, what shape it must have.
 *
 * A slot is a number: 5 of the embeddings, 16 a layer, then 5 of the masked-language-model head, and one after them:
 * the decoder's own table, where the head does not use the word table. */
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
    NAME_NONE = -1,   /* no tensor of ours: decoder, pooler, buffers */
    NAME_SHARED = -2, /* model.shared.weight, shared.weight: the word table when nothing else is */
    NAME_BEYOND = -3, /* of a layer that the config does not have */
    NAME_TASK = -4,   /* ERNIE's table of task types */
    NAME_BIAS = -5,   /* cls.predictions.decoder.bias: the other name of cls.predictions.bias */
    NAME_TEXT = 256   /* bytes of struct name_parts' text */
};

/* A file's name for a tensor. After a wrapper (module., _orig_mod., model. …, also several) stands the encoder's
 * prefix, bert. or another one or none, and after that the canonical name. */
struct name_parts {
    char text[NAME_TEXT]; /* without wrappers, also those inside; cut at its end when it is too long */
    size_t wrapper;       /* bytes of the wrapper at the start of the name */
    int prefix;           /* which one, -1: none of the encoder's tensors */
};

/* Slots of the encoder; the head's follow. names_all: with the head, whose decoder uses the word table; that number is
 * the slot of a decoder's own table. names_of: the slots of a model as its config has it. */
int64_t names_encoder(int64_t layers);
int64_t names_all(int64_t layers);
int64_t names_of(const struct model_config *config);

/* Local. The slot of a canonical name, NAME_NONE for another. */
int64_t names_find(const char *name, int64_t layers);
/* Local. The same for a name as files have it: with wrapper and prefix, gamma/beta, the shared table. */
int64_t names_find_foreign(const char *name, int64_t layers, struct name_parts *parts);

/* Local. 1 when a tensor that is none of ours stands where the encoder with that prefix computes: another table of the
 * embeddings, an adapter in a layer. Its pooler, and buffers of positions and types, do not count. */
int names_inside(const struct name_parts *parts, int prefix);
/* Local. 1 when a tensor belongs to a masked-language-model head, under whatever prefix. */
int names_of_head(const struct name_parts *parts);

/* Local. The canonical name of a slot into out (64 bytes are enough); returns out. */
char *names_text(int64_t slot, int64_t layers, char *out, size_t room);

/* Local. The slot's shape; returns its rank, 1 or 2. -1 (any) where positions or vocab are 0 in the config. */
int names_shape(int64_t slot, const struct model_config *config, int64_t shape[2]);

#endif
