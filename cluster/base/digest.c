#include "cluster/base/digest.h"

#include <stdio.h>

void digest_text(XXH128_hash_t hash, char out[DIGEST_TEXT])
{
    snprintf(out, DIGEST_TEXT, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

void digest_bytes(const void *data, size_t bytes, char out[DIGEST_TEXT])
{
    digest_text(XXH3_128bits(data, bytes), out);
}
