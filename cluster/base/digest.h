/* Digests, as files and messages have them: XXH3's 128 bits, as 32 hexadecimal digits or as 16 bytes. All functions are
 * local. */
#ifndef MP2_CLUSTER_BASE_DIGEST_H
#define MP2_CLUSTER_BASE_DIGEST_H

#include <stddef.h>

#include <xxhash.h>

#include "cluster/base/status.h"

enum {
    DIGEST_TEXT = 33, /* 32 digits and the 0 after them */
    DIGEST_BYTES = 16 /* the most significant byte first, the same on every machine */
};

void digest_text(XXH128_hash_t hash, char out[DIGEST_TEXT]);
void digest_bytes(const void *data, size_t bytes, char out[DIGEST_TEXT]);

/* A digest of what arrives in pieces: init, add any number of times, read as often as wanted, fini. The pieces'
 * borders do not count. */
struct digest {
    XXH3_state_t *state;
};

/* ST_MEMORY (reported); then, and on a zeroed struct, fini does nothing. */
status digest_init(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t bytes);
void digest_read_text(const struct digest *d, char out[DIGEST_TEXT]);
void digest_read_bytes(const struct digest *d, unsigned char out[DIGEST_BYTES]);
void digest_fini(struct digest *d);

#endif
