/* A row as an input: what the encoder gets (dataset.h draws it), for one task under one form. Internal to
 * coordinator/data. */
#ifndef MP2_COORDINATOR_DATA_INPUT_H
#define MP2_COORDINATOR_DATA_INPUT_H

#include "coordinator/data/dataset.h"
#include "coordinator/data/shard.h"

struct input_rule {
    const struct meta *meta;
    const struct meta_wording *wording;
    struct input_form form;
    int head;   /* [CLS] and prompt */
    int fixed;  /* tokens of the template's fixed texts */
    int labels; /* tokens of all labels, each with its separator; 0 for other kinds */
};

/* How a row is cut to fit. length 0: it cannot be made to fit. */
struct input_cut {
    int32_t length;            /* tokens in all, of training's form */
    int shortened;             /* 1: something of the row is missing */
    int32_t keep[FIELD_LIMIT]; /* tokens of each field; the context's: those of a window */
    int32_t template_keep;     /* reference: tokens of the whole template; -1: all */
    int windows;
};

/* Local. ST_INPUT (reported) when labels and prompt leave no room for text, or the placeholders are outside the
 * vocabulary. */
status input_rule_init(const struct meta *meta, const struct input_form *form, struct input_rule *out);

void input_cut(const struct input_rule *rule, const struct shard_row *row, struct input_cut *out);

/* Local. window -1: training's form, whose window of a long context depends on the row's number. */
status input_make(const struct input_rule *rule, const struct shard_row *row, int64_t number, int window,
                  struct example_buffer *buffer, struct example *out);

#endif
