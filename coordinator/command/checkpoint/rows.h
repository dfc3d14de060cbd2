/* Which task each row of a reference router is for: the file does not say, so rows follow the catalogue's upstream
 * tasks in their order, less those that the user names. */
#ifndef MP2_COORDINATOR_COMMAND_CHECKPOINT_ROWS_H
#define MP2_COORDINATOR_COMMAND_CHECKPOINT_ROWS_H

#include "cluster/base/memory.h"
#include "cluster/base/options.h"
#include "cluster/store/state.h"

struct checkpoint_rows {
    size_t count;
    struct state_task *tasks;
    struct mem_keep keep;
};

/* Local. form: 0 our label words, 1 those of the authors' logged run, 2 of their published code. ST_INPUT (reported) on
 * a bad catalogue, or a name in without that is no upstream task. */
status checkpoint_rows_load(const char *catalogue, const struct option_list *without, int form,
                            struct checkpoint_rows *out);
void checkpoint_rows_free(struct checkpoint_rows *rows);

#endif
