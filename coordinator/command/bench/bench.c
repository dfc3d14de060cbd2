/* mp2 bench [NAME]: figures as JSON lines, each beside the machine's limit measured in the same run. */
#include <stdint.h>
#include <stdio.h>

#include "coordinator/command/bench/commands.h"
#include "coordinator/command/command.h"
#include "coordinator/command/commands.h"

#define ENCODER_OPTIONS                                                                                       \
    "[--precision f32|bf16|int8] [--engine onednn|openblas] [--threads N] [--layers N] [--hidden N] [--case " \
    "afqmc|cmrc] [--memory MiB]"

static const struct command benches[] = {
    {.name = "gemm",
     .arguments = ENCODER_OPTIONS,
     .run = cmd_bench_gemm,
     .summary = "the encoder's products, FLOP/s; the limit is single products on operands that stay in the caches"},
    {.name = "journal",
     .arguments = "[FOLDER]",
     .run = cmd_bench_journal,
     .summary = "durable appends of steps; the limit is the disk's own write and fdatasync of the same bytes"},
    {.name = "kernels",
     .arguments = "",
     .run = cmd_bench_kernels,
     .summary = "one thread: attention beside multiply-adds in registers, the rest beside memcpy"},
    {.name = "mlm",
     .arguments = "",
     .run = cmd_bench_mlm,
     .summary = "a step of masked-language-model training, 4 layers of 256; the limit is the rate of its products by "
                "themselves"},
    {.name = "reduce",
     .arguments = "",
     .run = cmd_bench_reduce,
     .summary = "what a step sends at CPT-large's size; under mpirun also how fast"},
    {.name = "step",
     .arguments = ENCODER_OPTIONS,
     .run = cmd_bench_step,
     .summary = "a training step at CPT-large's size; the limit is the rate of its products by themselves"},
    {.name = "tokenizer",
     .arguments = "",
     .run = cmd_bench_tokenizer,
     .summary = "WordPiece on generated text, one thread; the limit is reading the same text and writing its tokens"},
};

const struct command_table command_table_bench = {"bench ", benches, sizeof benches / sizeof *benches};

status cmd_bench(int argc, char **argv)
{
    if (argc > 1) return command_run(&command_table_bench, argc, argv);
    for (int i = 0; i < command_table_bench.count; i++) {
        char *alone[] = {(char *)(uintptr_t)benches[i].name, NULL};
        TRY(benches[i].run(1, alone));
    }
    return ST_OK;
}
