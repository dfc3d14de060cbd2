/* What a task is to those who train on it: a few plain values. The YAML entry behind it is catalogue.h's, the tokens
 * are shard.h's. No code knows a task by its name. */
#ifndef MP2_COORDINATOR_DATA_TASK_H
#define MP2_COORDINATOR_DATA_TASK_H

#include <stdint.h>

enum task_kind { TASK_LABELS, TASK_CHOICES, TASK_EXTRACTIVE };
enum task_metric { METRIC_ACCURACY, METRIC_F1 };

enum split { SPLIT_TRAIN, SPLIT_DEV, SPLIT_TEST, SPLIT_POOL, SPLIT_COUNT };

/* What tokens are to a bag of words, a TOKEN_… by id; ids from count on, or all where count is 0, are words of their
 * own. */
enum { TOKEN_WORD, TOKEN_JOINED, TOKEN_PUNCTUATION, TOKEN_ARTICLE };
struct token_roles {
    int32_t count;
    const unsigned char *role;
};

struct task {
    const char *id;    /* the entry file's name: the name in checkpoints and tables */
    const char *name;  /* as people write it */
    const char *group; /* of the tasks whose mean tables print; "": none */
    enum task_kind kind;
    enum task_metric metric;
    int labels;               /* label words shown; 0 for other kinds */
    int classes;              /* labels that rows have: 0 … classes - 1; a reference wording may show more words */
    const char *const *words; /* labels of them, of the variant that the form asks for */
    const char *label_set;    /* name/version, as "nli3/1"; "" for other kinds */
    int upstream;             /* place in the reference's router, -1: none */
    int downstream;           /* one of the tasks that few-shot tuning is measured on */
    int few_shot;             /* examples per label (labels) or in all; 0: not given */
    struct token_roles roles; /* extraction: how answers are scored (answer.h) */
};

/* "train", "dev", "test", "pool"; "labels", "choices", "extractive"; "accuracy", "f1". */
const char *split_text(enum split split);
const char *task_kind_text(enum task_kind kind);
const char *task_metric_text(enum task_metric metric);
/* 0 and *split set when text names a split; -1 otherwise. */
int split_parse(const char *text, enum split *split);

#endif
