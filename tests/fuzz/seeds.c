/* Beside libFuzzer: before it reads its corpus, the target's own seeds are written to the folder that MP2_FUZZ_SEEDS
 * names. */
#include <stdio.h>
#include <stdlib.h>

#include "cluster/base/log.h"
#include "tests/fuzz/fuzz.h"

enum { ROOM = 1 << 18 };

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *folder = getenv("MP2_FUZZ_SEEDS");
    uint8_t *seed = malloc(ROOM);
    size_t size;

    (void)argc;
    (void)argv;
    log_init('-', -1, LOG_SILENT);
    if (!seed) abort();
    for (int i = 0; folder && (size = fuzz_seed(i, seed, ROOM)) > 0; i++) {
        char path[4096];
        FILE *f;

        snprintf(path, sizeof path, "%s/seed-%d", folder, i);
        f = fopen(path, "wb");
        if (!f || fwrite(seed, 1, size, f) != size || fclose(f) != 0) abort();
    }
    free(seed);
    return 0;
}
