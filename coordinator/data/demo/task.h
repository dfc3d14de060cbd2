/* The table of demo tasks: what rows a task has and in which published form its files are. One row a task of
 * configs/tasks. */
#ifndef MP2_COORDINATOR_DATA_DEMO_TASK_H
#define MP2_COORDINATOR_DATA_DEMO_TASK_H

#include "coordinator/data/demo/row.h"

/* What a task asks of the encoder: groups.tsv says it, tables print it. */
enum demo_ask { DEMO_TOPICAL, DEMO_COMPARISON, DEMO_LOOKUP };

/* A published file: rows in percent of the usual number; only: rows of this label alone, plus 1; 0: all. */
struct demo_file {
    const char *name;
    int percent, only;
};

enum { DEMO_FILES = 6 };

/* How rows are written: the file's head, a pattern a row, what joins rows, the file's tail. In a pattern $0 … $2 are
 * the fields, $L the label's published value, $I the row's number, $A the answer or the right option, $N its number
 * from 0, $T the published list of answers with their places, $X whether there is none, $O the options and $K the
 * second field's words as lists. */
struct demo_form {
    const char *head, *row, *join, *tail;
};

struct demo_task {
    const char *id, *folder;
    enum demo_ask ask;
    demo_maker *make;
    struct demo_matter matter;
    const char *values; /* published values of the labels, separated by | */
    struct demo_form form;
    struct demo_file files[DEMO_FILES];
    const char *words;    /* label words as a list; NULL: choices (4 options) or extraction */
    const char *question; /* the fields as the task puts them, for exercises in the unlabelled text */
};

/* Local. The table; *count rows, in the order of configs/tasks' router rows, unseen tasks last. */
const struct demo_task *demo_tasks(int *count);

#endif
