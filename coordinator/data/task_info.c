#include "coordinator/data/task_info.h"

void task_info_fill(const struct dataset *data, int t, Mp2__TaskInfo *info)
{
    const struct task *task = dataset_task(data, t);

    mp2__task_info__init(info);
    info->id = (char *)(uintptr_t)task->id;
    info->title = (char *)(uintptr_t)task->name;
    info->kind = (char *)(uintptr_t)task_kind_text(task->kind);
    info->metric = (char *)(uintptr_t)task_metric_text(task->metric);
    info->train_rows = (uint64_t)dataset_rows(data, t, SPLIT_TRAIN);
    info->dev_rows = (uint64_t)dataset_rows(data, t, SPLIT_DEV);
    info->majority = dataset_majority(data, t, SPLIT_DEV);
}
