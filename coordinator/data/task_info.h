/* A task as those who watch get to know it. */
#ifndef MP2_COORDINATOR_DATA_TASK_INFO_H
#define MP2_COORDINATOR_DATA_TASK_INFO_H

#include "coordinator/data/dataset.h"
#include "proto/progress.pb-c.h"

/* Local. Texts stay the dataset's. */
void task_info_fill(const struct dataset *data, int task, Mp2__TaskInfo *info);

#endif
