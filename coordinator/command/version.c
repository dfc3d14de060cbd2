/* mp2 version */
#include <stdio.h>

#include "coordinator/command/commands.h"

status cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("mp2 %s (C%ld, %s)\n", MP2_VERSION, __STDC_VERSION__ / 100 % 100, __VERSION__);
    return ST_OK;
}
