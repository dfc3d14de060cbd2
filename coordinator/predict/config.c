#include "coordinator/predict/config.h"

#define AT(field) offsetof(struct predict_config, field)

const struct option predict_options[] = {
    {"model", OPTION_TEXT, AT(model), "", 0, 0, AFFECTS_PLACEMENT, "", "folder of the encoder with its vocab.txt; empty: the one beside a tuned file that has its own, or a run's", NULL},
    {"task", OPTION_TEXT, AT(task), "", 0, 0, AFFECTS_RESULT, "", "id of the task; empty: the only one there is", NULL},
    {"data", OPTION_TEXT, AT(data), "", 0, 0, AFFECTS_PLACEMENT, "", "with a run's checkpoint: folder of the imported tasks; empty: the run's", NULL},
    {"input", OPTION_CHOICE, AT(input), "auto", 0, 0, AFFECTS_RESULT, "", "lines of JSON, of text, or of a table between tabs, or a file in SQuAD's form; auto: what it begins with tells", "auto|json|text|table|squad"},
    {"bad", OPTION_CHOICE, AT(bad), "skip", 0, 0, AFFECTS_RESULT, "", "a line that cannot be asked: answer it with its error and go on, or end there; the exit status is 2 either way", "skip|refuse"},
    {"out", OPTION_TEXT, AT(out), "", 0, 0, AFFECTS_PLACEMENT, "", "file for the answers, replaced when all is done; empty: standard output, line by line", NULL},
    {"log", OPTION_CHOICE, AT(log), "warn", 0, 0, AFFECTS_PLACEMENT, "", "what is said on standard error", "silent|error|warn|info|debug"},
    {"batch_tokens", OPTION_INT, AT(batch_tokens), "16Ki", 512, 1e8, AFFECTS_PLACEMENT, "tokens", "dealt to a worker at a time", NULL},
    MACHINE_OPTIONS(struct predict_config, machine, "64"),
};
const size_t predict_option_count = sizeof predict_options / sizeof *predict_options;
