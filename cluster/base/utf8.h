/* UTF-8, strictly (no surrogates, no overlong forms, nothing past U+10FFFF). */
#ifndef MP2_CLUSTER_BASE_UTF8_H
#define MP2_CLUSTER_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_BAD UINT32_MAX

/* Local. Decode the character at text (n >= 1 bytes are there); returns how many bytes it takes. What is no character
 * gives *c = UTF8_BAD and takes the maximal bad part (Unicode 3.9, table 3-8): the bytes that could still have begun a
 * character, at least one. */
size_t utf8_decode(const char *text, size_t n, uint32_t *c);

/* Local. Encode c, which is no surrogate and at most 0x10FFFF; returns the bytes used, 1 to 4. */
size_t utf8_encode(uint32_t c, char out[4]);

/* Local. The offset of the first byte that is not part of a character; n when all of text is UTF-8. */
size_t utf8_valid(const char *text, size_t n);

#endif
