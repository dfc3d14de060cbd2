/* The benches: each measures one part of the program and prints a JSON line a case (figure.h). Rows of the table in
 * bench.c, called as struct command's run. */
#ifndef MP2_COORDINATOR_COMMAND_BENCH_COMMANDS_H
#define MP2_COORDINATOR_COMMAND_BENCH_COMMANDS_H

#include "cluster/base/status.h"

status cmd_bench_gemm(int argc, char **argv);
status cmd_bench_journal(int argc, char **argv);
status cmd_bench_kernels(int argc, char **argv);
status cmd_bench_mlm(int argc, char **argv);
status cmd_bench_reduce(int argc, char **argv);
status cmd_bench_step(int argc, char **argv);
status cmd_bench_tokenizer(int argc, char **argv);

/* Local. Bytes that the busiest of so many workers sends in a step at CPT-large's size (counted, reduce.c). */
status bench_bytes_sent(int workers, double *out);

#endif
