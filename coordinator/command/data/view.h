/* What show, stats and export share: which tasks under which form, as a run's configuration says it. */
#ifndef MP2_COORDINATOR_COMMAND_DATA_VIEW_H
#define MP2_COORDINATOR_COMMAND_DATA_VIEW_H

#include "cluster/base/options.h"
#include "coordinator/command/args.h"
#include "coordinator/data/dataset.h"
#include "coordinator/pretrain/config.h"

struct data_view {
    struct args args;
    struct options run_options, own_options;
    struct pretrain_config run; /* data, tasks, prompt.*, reference.form and model count here */
    struct {
        const char *vocab, *task, *split;
        int64_t rows, steps;
    } own;
    struct dataset *dataset;
};

/* Where neither --task nor --tasks says what to look at: what a run would take, a task must be given as a word, or all
 * there is. */
enum view_scope { VIEW_UPSTREAM, VIEW_TASK_WORD, VIEW_EVERY };

/* Local. A whole subcommand. Read the command line ([CONFIG.yaml] and options of `mp2 pretrain`, besides our own),
 * open the dataset, run, close. The dataset is the one task of --task (or, with VIEW_TASK_WORD, the word that is no
 * *.yaml), else --tasks, else every upstream task (VIEW_EVERY: every task that was imported). */
status data_view_run(int argc, char **argv, enum view_scope scope, status (*run)(const struct data_view *view));

/* Local. --split as a split. */
status data_view_split(const struct data_view *view, enum split *out);

/* Local. The vocabulary to show tokens with: --vocab, else the model's; it must be that of the import. */
struct vocabulary;
status data_view_vocabulary(const struct data_view *view, struct vocabulary **out);

/* Local. The options of all subcommands that take a view, beside those of `mp2 pretrain`. */
size_t data_view_options(const struct option **rows);

#endif
