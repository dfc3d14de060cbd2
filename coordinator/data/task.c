/* The words for splits, kinds and metrics, in one place. */
#include "coordinator/data/task.h"

#include <string.h>

static const char *const split_words[SPLIT_COUNT] = {"train", "dev", "test", "pool"};

const char *split_text(enum split split)
{
    return split_words[split];
}

int split_parse(const char *text, enum split *split)
{
    for (int i = 0; i < SPLIT_COUNT; i++)
        if (strcmp(text, split_words[i]) == 0) return *split = (enum split)i, 0;
    return -1;
}

const char *task_kind_text(enum task_kind kind)
{
    return kind == TASK_LABELS ? "labels" : kind == TASK_CHOICES ? "choices" : "extractive";
}

const char *task_metric_text(enum task_metric metric)
{
    return metric == METRIC_ACCURACY ? "accuracy" : "f1";
}
