/* The encoder's tensors in canonical order: where a name of a file belongs, what shape it must have.
 *
 * A slot is a number: 5 of the embeddings, 16 a layer, then 5 of the masked-language-model head. */
#ifndef MP2_WORKER_MODEL_NAMES_H
#define MP2_WORKER_MODEL_NAMES_H

#include <stddef.h>

#include "worker/model/config.h"

enum {
    NAME_WORD = 0, NAME_POSITION = 1, NAME_TYPE = 2, NAME_EMBEDDINGS = 5, NAME_LAYER = 16, NAME_HEAD = 5,
    NAME_NONE = -1,      /* no tensor of ours: decoder, pooler, buffers */
    NAME_SHARED = -2,    /* model.shared.weight, shared.weight: the word table when nothing else is */
    NAME_BEYOND = -3     /* of a layer that the config does not have */
};

/* Slots of the encoder; the head's follow. */
int64_t names_encoder(int64_t layers);
int64_t names_all(int64_t layers);

/* Local. The slot of a canonical name, NAME_NONE for another. */
int64_t names_find(const char *name, int64_t layers);
/* Local. The same for a name as files have it: with a prefix, gamma/beta, the shared table. */
int64_t names_find_foreign(const char *name, int64_t layers);

/* Local. The canonical name of a slot into out (64 bytes are enough); returns out. */
char *names_text(int64_t slot, int64_t layers, char *out, size_t room);

/* Local. The slot's shape; returns its rank, 1 or 2. -1 (any) where positions or vocab are 0 in the config. */
int names_shape(int64_t slot, const struct model_config *config, int64_t shape[2]);

#endif
