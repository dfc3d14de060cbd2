#include "cluster/base/digest.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"

void digest_text(XXH128_hash_t hash, char out[DIGEST_TEXT])
{
    snprintf(out, DIGEST_TEXT, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

void digest_bytes(const void *data, size_t bytes, char out[DIGEST_TEXT])
{
    digest_text(XXH3_128bits(data, bytes), out);
}

status digest_init(struct digest *d)
{
    d->state = XXH3_createState();
    if (!d->state) return fault(ST_MEMORY, "out of memory: a digest");
    XXH3_128bits_reset(d->state);
    return ST_OK;
}

void digest_add(struct digest *d, const void *data, size_t bytes)
{
    XXH3_128bits_update(d->state, data, bytes);
}

void digest_read_text(const struct digest *d, char out[DIGEST_TEXT])
{
    digest_text(XXH3_128bits_digest(d->state), out);
}

void digest_read_bytes(const struct digest *d, unsigned char out[DIGEST_BYTES])
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(d->state));
    memcpy(out, canonical.digest, DIGEST_BYTES);
}

void digest_fini(struct digest *d)
{
    XXH3_freeState(d->state);
    d->state = NULL;
}
