/* mp2 data demo: the embedded default. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/command/data/commands.h"
#include "coordinator/data/demo/demo.h"

const char cmd_data_demo_flags[] = "  --seed N              another seed makes other rows (default 1)\n"
                                   "  --size small|normal   small: a fifth of the rows, for tests (default normal)\n";

static status parse_args(int argc, char **argv, const char **dir, uint64_t *seed, enum demo_size *size)
{
    for (int i = 1; i < argc; i++) {
        char *end = "";

        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            *seed = strtoull(argv[++i], &end, 10);
            if (*end || argv[i][0] < '0' || argv[i][0] > '9')
                return fault(ST_USAGE, "mp2 data demo: --seed \"%.40s\": expected a number", argv[i]);
        } else if (strcmp(argv[i], "--size") == 0 && i + 1 < argc) {
            i++;
            if (strcmp(argv[i], "small") == 0) *size = DEMO_SMALL;
            else if (strcmp(argv[i], "normal") == 0) *size = DEMO_NORMAL;
            else return fault(ST_USAGE, "mp2 data demo: --size \"%.40s\": expected small or normal", argv[i]);
        } else if (argv[i][0] != '-' && !*dir) {
            *dir = argv[i];
        } else {
            return fault(ST_USAGE, "mp2 data demo: found \"%.40s\", expected DIR [--seed N] [--size small|normal]",
                         argv[i]);
        }
    }
    return *dir ? ST_OK : fault(ST_USAGE, "mp2 data demo: expected the folder to write, found nothing");
}

status cmd_data_demo(int argc, char **argv)
{
    const char *dir = NULL;
    uint64_t seed = 1;
    enum demo_size size = DEMO_NORMAL;
    int count;

    TRY(parse_args(argc, argv, &dir, &seed, &size));
    TRY(demo_write(dir, seed, size));
    demo_tasks(&count);
    printf("%s: %d tasks in their published forms, text/, vocab.txt and encoder/, seed %llu\n", dir, count,
           (unsigned long long)seed);
    return ST_OK;
}
