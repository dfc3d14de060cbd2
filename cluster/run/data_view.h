/* What show, stats and export share: which tasks, under which form. The keys are those of a run's configuration. */
#ifndef MP2_RUN_DATA_VIEW_H
#define MP2_RUN_DATA_VIEW_H

#include "cluster/base/options.h"
#include "cluster/run/args.h"
#include "coordinator/data/dataset.h"

struct data_view {
    struct args args;
    struct options options;
    struct {
        const char *data, *vocab, *task, *split;
        struct option_list tasks;
        int64_t tokens, first_placeholder, max_length, rows;
        int form;
    } config;
    struct dataset *dataset;
};

/* Local. Read the command line, then open the dataset: the one task of --task (or the word after the subcommand, where
 * task_word is 1), else --tasks, else every upstream task. */
status data_view_open(int argc, char **argv, int task_word, struct data_view *out);
void data_view_close(struct data_view *view);

/* Local. --split as a split. */
status data_view_split(const struct data_view *view, enum split *out);

void data_view_help(void);

#endif
