/* mp2-monitor: follows runs from anywhere. Links neither MPI nor BLAS. */
#include <stdio.h>

#include "cluster/base/log.h"

int main(int argc, char **argv)
{
    if (argc > 1) return status_exit(fault(ST_USAGE, "unknown command \"%s\"", argv[1]));
    puts("usage: mp2-monitor COMMAND");
    return status_exit(ST_USAGE);
}
