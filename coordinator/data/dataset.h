/* The imported tasks as the encoder sees them: rows of token ids with the marks of their options or their answer.
 *
 * A folder of shards (shard.h, written by `mp2 data import`) holds every field of every row as tokens, whatever the
 * prompt's length. An input form says how rows become inputs (worker/README.md, "Input", and "Quirks" where it
 * differs):
 *     labels      [CLS] prompt template ， option ， option ，
 *     choices     [CLS] prompt template option ， option [SEP]         options of the row's own
 *     extractive  [CLS] prompt 抽取式问答：文本"context问题"question [SEP]
 * prompt: ids first_placeholder, first_placeholder + 1, … at positions 1 … prompt.
 *
 * Too long rows, by default: labels and choices lose tokens at the end of the longest field that may be shortened,
 * never words of the template; extraction shows a window of the context that holds the answer in training, and
 * overlapping windows in evaluation. What cannot be made to fit is no row at all (dataset_dropped counts). Shards are
 * mapped, checked wholly when opened (digest, structure, ids inside the vocabulary) and never change. */
#ifndef MP2_COORDINATOR_DATA_DATASET_H
#define MP2_COORDINATOR_DATA_DATASET_H

#include <stdint.h>

#include "cluster/base/options.h"
#include "cluster/base/status.h"
#include "coordinator/data/task.h"

/* Which of the reference's ways rows are made by. RUN and HEAD: labels and template as in the authors' logged run or as
 * in their published code, and the quirks: template's tail cut (Q4), the label's end by characters (Q5), choices
 * limited to max_length - 2 - prompt (Q6), extraction longer than max_length dropped in every split (Q7). */
enum { FORM_RIGHT, FORM_REFERENCE_RUN, FORM_REFERENCE_HEAD };

struct input_form {
    int prompt;                /* P, placeholder tokens */
    int32_t first_placeholder; /* 1000 */
    int max_length;            /* tokens in all, 512 */
    int reference;             /* FORM_… */
};

struct gold {
    const int32_t *ids;
    int count;
};

/* One row, ready for the encoder. Arrays point into the buffer given, and into the mapped shards. */
struct example {
    int32_t length; /* tokens */
    const int32_t *ids;
    int32_t start, end;         /* the answer, tokens, both inclusive; -1 where a window of extraction lacks it */
    int options;                /* 0 for extraction */
    const int32_t (*option)[2]; /* first and last token of each */
    int label;                  /* the right option; -1 for extraction */
    int32_t context_first, context_last; /* extraction: where an answer may lie, inclusive; otherwise 0, -1 */
    int32_t context_skip;                /* extraction: tokens of the context in front of this window */
    /* extraction: the tokens that mean "no answer"; -1, -1: the task has none */
    int32_t none_first, none_last;
    int gold_count; /* extraction: accepted answers; 0 when the question has no answer */
    const struct gold *gold;
};

/* Working room of one caller (one thread); zeroed before its first use. */
struct example_buffer {
    int32_t *ids;
    int32_t (*option)[2];
    struct gold *gold;
    size_t ids_room, option_room, gold_room;
};
void example_buffer_fini(struct example_buffer *buffer);

struct dataset;

/* Local. Open the shards of the named tasks, in the order given; an empty list: every upstream task that was imported,
 * in the reference's order; NULL: every task, upstream ones first. ST_INPUT (reported) when a named task or all are
 * missing, a shard is damaged, shards disagree in their vocabulary, or labels and prompt leave no room for text. */
status dataset_open(const char *folder, const struct option_list *tasks, const struct input_form *form,
                    struct dataset **out);
void dataset_close(struct dataset **dataset);

int dataset_tasks(const struct dataset *dataset);
const struct task *dataset_task(const struct dataset *dataset, int task);

/* The task's description as its shards hold it: meta.h's JSON text, *n bytes without a 0 after. The dataset's. */
const char *dataset_description(const struct dataset *dataset, int task, size_t *n);

/* Rows that fit the form; rows that do not; of those that do, rows that lose tokens. */
int64_t dataset_rows(const struct dataset *dataset, int task, enum split split);
int64_t dataset_dropped(const struct dataset *dataset, int task, enum split split);
int64_t dataset_shortened(const struct dataset *dataset, int task, enum split split);

/* Local, cheap. Tokens of a row's training form, [CLS] and prompt included. */
int32_t dataset_length(const struct dataset *dataset, int task, enum split split, int64_t row);

/* Share of the most frequent label (choices: place); 0 for extraction or no rows. */
double dataset_majority(const struct dataset *dataset, int task, enum split split);
/* Label of a row, without making its example; -1 for extraction. */
int dataset_label(const struct dataset *dataset, int task, enum split split, int64_t row);

/* Local. xxh3-128 of all tokens that a row has to show, answers not among them; labels and choices. */
void dataset_input_digest(const struct dataset *dataset, int task, enum split split, int64_t row,
                          unsigned char out[16]);

/* Local. A row as training sees it. Thread-safe with a buffer a thread. */
status dataset_example(const struct dataset *dataset, int task, enum split split, int64_t row,
                       struct example_buffer *buffer, struct example *out);

/* Local. A row as evaluation sees it: window 0 … dataset_windows - 1. More than one only for extraction with a
 * context that does not fit; the answer is then the best over all windows. */
int dataset_windows(const struct dataset *dataset, int task, enum split split, int64_t row);
status dataset_window(const struct dataset *dataset, int task, enum split split, int64_t row, int window,
                      struct example_buffer *buffer, struct example *out);

/* Local. Extraction: how good the context's tokens first … last (last < first: no answer) are as a row's answer: F1 of
 * the texts (answer.h). */
status dataset_answer_f1(const struct dataset *dataset, int task, enum split split, int64_t row, int32_t first,
                         int32_t last, double *f1);

/* 32 hex digits. Over tasks, shards and form, which a resumed run must find again. Of the vocabulary:
 * vocabulary_digest. */
const char *dataset_digest(const struct dataset *dataset);
/* The same of one task alone. */
status dataset_task_digest(const struct dataset *dataset, int task, char out[33]);
const char *dataset_vocabulary_digest(const struct dataset *dataset);
int32_t dataset_vocabulary_size(const struct dataset *dataset);

#endif
