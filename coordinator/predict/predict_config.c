#include "coordinator/predict/predict_config.h"

#define AT(field) offsetof(struct predict_config, field)

const struct option predict_options[] = {
    {"model", OPTION_TEXT, AT(model), "", 0, 0, AFFECTS_PLACEMENT, "", "folder of the encoder with its vocab.txt; empty: the one beside a tuned file that has its own, or a run's", NULL},
    {"task", OPTION_TEXT, AT(task), "", 0, 0, AFFECTS_RESULT, "", "id of the task; empty: the only one there is", NULL},
    {"data", OPTION_TEXT, AT(data), "", 0, 0, AFFECTS_PLACEMENT, "", "with a run's checkpoint: folder of the imported tasks; empty: the run's", NULL},
    {"input", OPTION_CHOICE, AT(input), "auto", 0, 0, AFFECTS_RESULT, "", "lines of JSON, of text, or of a table between tabs; auto: the first line tells", "auto|json|text|table"},
    {"bad", OPTION_CHOICE, AT(bad), "skip", 0, 0, AFFECTS_RESULT, "", "a line that cannot be asked: answer it with its error and go on, or end there; the exit status is 2 either way", "skip|refuse"},
    {"out", OPTION_TEXT, AT(out), "", 0, 0, AFFECTS_PLACEMENT, "", "file for the answers, replaced when all is done; empty: standard output, line by line", NULL},
    {"log", OPTION_CHOICE, AT(log), "warn", 0, 0, AFFECTS_PLACEMENT, "", "what is said on standard error", "silent|error|warn|info|debug"},
    {"batch_tokens", OPTION_INT, AT(batch_tokens), "16Ki", 512, 1e8, AFFECTS_PLACEMENT, "tokens", "dealt to a worker at a time", NULL},
    {"machine.precision", OPTION_CHOICE, AT(machine.precision), "auto", 0, 0, AFFECTS_RESULT, "", "of weights and matrix inputs; auto: bf16 where the CPUs have AVX-512 BF16", "auto|f32|bf16"},
    {"machine.isa", OPTION_CHOICE, AT(machine.isa), "auto", 0, 0, AFFECTS_RESULT, "", "instruction set; auto: the best that all workers have", "auto|avx2|avx512|avx512bf16"},
    {"machine.engine", OPTION_CHOICE, AT(machine.engine), "onednn", 0, 0, AFFECTS_RESULT, "", "matrix products; openblas is f32 only", "onednn|openblas"},
    {"machine.exact", OPTION_BOOL, AT(machine.exact), "true", 0, 0, AFFECTS_RESULT, "", "refuse machines whose products depend on how rows are dealt", NULL},
    {"machine.threads", OPTION_INT, AT(machine.threads), "0", 0, 4096, AFFECTS_PLACEMENT, "", "threads a worker; 0: the node's cores over its workers", NULL},
    {"machine.unit_examples", OPTION_INT, AT(machine.unit_examples), "64", 1, 1024, AFFECTS_PLACEMENT, "examples", "most examples computed together", NULL},
    {"machine.unit_memory", OPTION_INT, AT(machine.unit_memory), "1Gi", 1e6, 1e15, AFFECTS_PLACEMENT, "bytes", "memory for the activations of the examples computed together", NULL},
};
const size_t predict_option_count = sizeof predict_options / sizeof *predict_options;
