/* Digests as they stand in files and messages: XXH3's 128 bits as 32 hexadecimal digits. */
#ifndef MP2_CLUSTER_BASE_DIGEST_H
#define MP2_CLUSTER_BASE_DIGEST_H

#include <stddef.h>

#include <xxhash.h>

enum { DIGEST_TEXT = 33 };   /* 32 digits and the 0 after them */

/* Local. */
void digest_text(XXH128_hash_t hash, char out[DIGEST_TEXT]);
void digest_bytes(const void *data, size_t bytes, char out[DIGEST_TEXT]);

#endif
