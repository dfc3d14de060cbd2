/* Any bytes as a text file: never a crash, and the lines never hold more than was decoded. */
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "cluster/base/stream.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], *text;
    struct stream *s;
    size_t n, total = 0;
    int ends, fd = memfd_create("fuzz", 0);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (stream_open(path, &s) == ST_OK) {
        while (total < 1 << 20 && stream_piece(s, 64, &text, &n, &ends) == ST_OK) {
            if (n > 64 || text[n] != 0) abort();
            total += n + 1;
        }
        stream_close(&s);
    }
    close(fd);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const char text[] = "first line\nsecond\n\nthe fourth line, longer than the others, more than 64 bytes, "
                               "\xe4\xb8\xad\xc3\xa4\n";
    size_t n = 0;
    z_stream z = {0};

    switch (i) {
    case 0: memcpy(out, text, sizeof text - 1); return sizeof text - 1;
    case 1:
        if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
        z.next_in = (unsigned char *)(uintptr_t)text;
        z.avail_in = sizeof text - 1;
        z.next_out = out;
        z.avail_out = (uInt)room;
        deflate(&z, Z_FINISH);
        n = z.total_out;
        deflateEnd(&z);
        return n;
    case 2:
        return lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, (const uint8_t *)text, sizeof text - 1, out, &n,
                                       room) == LZMA_OK
                   ? n
                   : 0;
    default: return 0;
    }
}
