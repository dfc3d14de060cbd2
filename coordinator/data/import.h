/* `mp2 data import`: raw folders into shards. One folder a task, with a shard a split and import.json, which says
 * what was read, kept, drawn and dropped, and why. */
#ifndef MP2_COORDINATOR_DATA_IMPORT_H
#define MP2_COORDINATOR_DATA_IMPORT_H

#include <stdio.h>

#include "coordinator/data/catalogue.h"
#include "coordinator/data/sample.h"
#include "coordinator/data/tally.h"
#include "coordinator/text/vocabulary.h"

struct import_options {
    const char *raw;          /* the folder of the published data's folders */
    const char *out;          /* the folder of shards, made when missing */
    struct option_list tasks; /* ids; empty: every entry that is not off */
    int strict;               /* the first bad row is an error */
};

struct import_report {
    const struct entry *entry;
    const struct task_source *source; /* NULL: the task's files are not there */
    int64_t read, rows[SPLIT_COUNT];
    int drawn[SPLIT_COUNT];
    struct token_count count[SPLIT_COUNT];
    struct tally tally;
};

/* Local. Import the tasks asked for, in the catalogue's order; done is called after each (report->source NULL: left
 * out). ST_INPUT (reported) on an unknown id, no task at all, a broken file, or with strict a bad row; what was
 * imported before stays. */
status import_run(const struct catalogue *catalogue, const struct vocabulary *vocabulary,
                  const struct import_options *options, void (*done)(void *arg, const struct import_report *report),
                  void *arg);

#endif
