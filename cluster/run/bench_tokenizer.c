/* mp2 bench tokenizer */
#include "cluster/base/log.h"
#include "cluster/run/bench.h"

status bench_tokenizer(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return ST_OK;
}
