/* Without libFuzzer: each seed as it is, cut at every length (at most 512 places), and flipped, overwritten, spliced by
 * a fixed generator. Arguments: files to run instead. A crash or a sanitizer report is the failure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/random.h"
#include "tests/fuzz/fuzz.h"

enum { ROOM = 1 << 18, MUTATIONS = 4000, CUTS = 512 };

static void mutate(struct random_key key, uint8_t *data, size_t *size)
{
    unsigned edits = 1 + random_word(key, 0) % 4;

    for (unsigned e = 0; e<edits && * size> 0; e++) {
        uint32_t how = random_word(key, 8 + 4 * e), at = random_word(key, 9 + 4 * e) % (uint32_t)*size;
        uint32_t value = random_word(key, 10 + 4 * e), n = 1 + random_word(key, 11 + 4 * e) % 8;

        if (at + n > *size) n = (uint32_t)*size - at;
        switch (how % 5) {
        case 0: data[at] ^= (uint8_t)(1u << (value & 7)); break;
        case 1: data[at] = (uint8_t)value; break;
        case 2: memset(data + at, value & 1 ? 0xff : 0, n); break;
        case 3:
            memmove(data + at, data + at + n, *size - at - n);
            *size -= n;
            break;
        case 4: memmove(data + at, data + value % (*size - n + 1), n); break;
        }
    }
}

static int run_file(const char *path, uint8_t *buffer)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f) return perror(path), 1;
    n = fread(buffer, 1, ROOM, f);
    fclose(f);
    LLVMFuzzerTestOneInput(buffer, n);
    return 0;
}

int main(int argc, char **argv)
{
    uint8_t *seed = malloc(ROOM), *data = malloc(ROOM);
    size_t size;
    long runs = 0;

    if (!seed || !data) return 1;
    log_init('-', -1, LOG_SILENT);
    for (int i = 1; i < argc; i++)
        if (run_file(argv[i], data) != 0) return 1;
    for (int i = 0; argc == 1 && (size = fuzz_seed(i, seed, ROOM)) > 0; i++) {
        for (size_t cut = 0; cut <= CUTS; cut++, runs++) LLVMFuzzerTestOneInput(seed, size * cut / CUTS);
        for (uint32_t m = 0; m < MUTATIONS; m++, runs++) {
            size_t n = size;
            memcpy(data, seed, size);
            mutate(random_derive(random_seed(1, RANDOM_DEMO), (uint32_t)i, m, 0, 0), data, &n);
            LLVMFuzzerTestOneInput(data, n);
        }
    }
    printf("%ld inputs\n", runs);
    free(seed);
    free(data);
    return 0;
}
