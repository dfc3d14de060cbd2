/* What `mp2 predict` can be told. */
#ifndef MP2_COORDINATOR_PREDICT_CONFIG_H
#define MP2_COORDINATOR_PREDICT_CONFIG_H

#include "coordinator/predict/lines.h"
#include "worker/model/machine.h"

enum bad_line { BAD_SKIP, BAD_REFUSE };

struct predict_config {
    const char *model, *data, *task, *out;
    int input, bad, log; /* enum line_form, enum bad_line */
    int64_t batch_tokens;
    struct machine_config machine;
};

extern const struct option predict_options[];
extern const size_t predict_option_count;

#endif
