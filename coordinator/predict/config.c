#include "coordinator/predict/config.h"

#define AT(field) offsetof(struct predict_config, field)

const struct option predict_options[] = {
    TEXT_OPTION("model", AT(model), "", PLACEMENT,
                "folder of the encoder with its vocab.txt; empty: the one beside a tuned file that has its own, or a "
                "run's"),
    TEXT_OPTION("task", AT(task), "", RESULT, "id of the task; empty: the only one there is"),
    TEXT_OPTION("data", AT(data), "", PLACEMENT,
                "with a run's checkpoint: folder of the imported tasks; empty: the run's"),
    CHOICE_OPTION("input", AT(input), "auto", "auto|json|text|table|squad", RESULT,
                  "lines of JSON, of text, or of a table between tabs, or a file in SQuAD's form; auto: what it "
                  "begins with tells"),
    CHOICE_OPTION("bad", AT(bad), "skip", "skip|refuse", RESULT,
                  "a line that cannot be asked: answer it with its error and go on, or end there; the exit status is "
                  "2 either way"),
    TEXT_OPTION("out", AT(out), "", PLACEMENT,
                "file for the answers, replaced when all is done; empty: standard output, line by line"),
    CHOICE_OPTION("log", AT(log), "warn", "silent|error|warn|info|debug", PLACEMENT,
                  "how much is reported on standard error"),
    INT_OPTION("batch_tokens", AT(batch_tokens), "16Ki", 512, 1e8, PLACEMENT, "tokens", "dealt to a worker at a time"),
    MACHINE_OPTIONS(struct predict_config, machine, "64"),
};
const size_t predict_option_count = sizeof predict_options / sizeof *predict_options;
