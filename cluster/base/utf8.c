/* The lead byte determines how long a character is and which second bytes it allows; that alone excludes overlong
 * forms, surrogates and numbers that are too large. */
#include "cluster/base/utf8.h"

size_t utf8_decode(const char *text, size_t n, uint32_t *c)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned least = 0x80, most = 0xbf;
    size_t length;
    uint32_t value;

    *c = p[0];
    if (p[0] < 0x80) return 1;
    *c = UTF8_BAD;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 1;
    length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] == 0xe0) least = 0xa0;
    else if (p[0] == 0xed) most = 0x9f;
    else if (p[0] == 0xf0) least = 0x90;
    else if (p[0] == 0xf4) most = 0x8f;
    if (n < 2 || p[1] < least || p[1] > most) return 1;
    value = (uint32_t)(p[0] & (0x7f >> length)) << 6 | (p[1] & 0x3f);
    for (size_t i = 2; i < length; i++) {
        if (i >= n || (p[i] & 0xc0) != 0x80) return i;
        value = value << 6 | (p[i] & 0x3f);
    }
    *c = value;
    return length;
}

size_t utf8_encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

size_t utf8_valid(const char *text, size_t n)
{
    size_t at = 0;
    uint32_t c;

    while (at < n) {
        size_t length = utf8_decode(text + at, n - at, &c);
        if (c == UTF8_BAD) return at;
        at += length;
    }
    return n;
}
