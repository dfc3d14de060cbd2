/* mp2 version */
#include <stdio.h>

#include "coordinator/command/commands.h"
#include "coordinator/command/revision.h"

status cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("mp2 %s, revision %s (C%ld, %s)\n", MP2_VERSION, MP2_REVISION, __STDC_VERSION__ / 100 % 100, __VERSION__);
    return ST_OK;
}
