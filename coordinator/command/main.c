/* mp2: find the command, run it, turn its status into the exit status. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "coordinator/command/command.h"
#include "coordinator/command/commands.h"
#include "worker/kernel/kernels.h"
#include "worker/model/blas_core.h"

/* Before any kernel runs. What only writes text works everywhere: packages are made on machines of all kinds. */
static status check_cpu(const char *command)
{
    if (strcmp(command, "help") == 0 || strcmp(command, "version") == 0 || isa_usable(ISA_AVX2)) return ST_OK;
    return fault(ST_INPUT, "this CPU has no AVX2, FMA and F16C, the least that mp2 needs (Intel Haswell, AMD Excavator "
                           "and newer; a virtual machine may hide them)");
}

int main(int argc, char **argv)
{
    status s;

    blas_core_fit(argv);
    file_guard_standard();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe and a file over its limit are failed writes, reported like any other */
    signal(SIGXFSZ, SIG_IGN);
    setlocale(LC_CTYPE, "C.UTF-8");
    if (argc < 2) {
        cmd_help(1, argv);
        return status_exit(ST_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) argv[1] = (char *)"help";
    if (strcmp(argv[1], "--version") == 0) argv[1] = (char *)"version";
    if (argc == 3 && strcmp(argv[2], "--help") == 0) s = cmd_help(2, (char *[]){argv[0], argv[1]});
    else s = check_cpu(argv[1]) == ST_OK ? command_run(&command_table_main, argc, argv) : ST_INPUT;
    if (fflush(stdout) != 0 && s == ST_OK) /* `mp2 help | head`: a reader that has left needs no message */
        s = errno == EPIPE ? ST_IO : fault(ST_IO, "standard output cannot be written");
    return status_exit(s);
}
