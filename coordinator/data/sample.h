/* One published row into one row of a shard: fields and options tokenised, the label found in its list, the answer in
 * its text. What cannot be used comes back as a reason that is counted, never as a silent nothing. */
#ifndef MP2_COORDINATOR_DATA_SAMPLE_H
#define MP2_COORDINATOR_DATA_SAMPLE_H

#include <stdint.h>

#include <jansson.h>

#include "coordinator/data/catalogue.h"
#include "coordinator/text/wordpiece.h"

/* Tokens, options or accepted answers, and how many of each are or have [UNK]. */
struct token_count {
    int64_t tokens, unknown, items, unknown_items;
};

struct sample {
    const int32_t *words; /* as in shard.h; until the next call */
    size_t n;
    const int32_t *texts; /* extraction: as in texts.h; until the next call */
    size_t texts_n;
    struct token_count count;
    unsigned char content[16]; /* xxh3-128 of everything shown: fields and options, not the answer */
    unsigned char group[16];   /* of the fields by which rows stay together */
    const char *why;           /* why the row cannot be used; NULL: it can. Constant text, fit for counting */
    int ignored;               /* the entry says to leave such rows out */
    const char *note;          /* something worth counting about a row that is used; NULL: nothing */
    char detail[128];          /* what was found, for a message; may be empty */
};

struct sampler;

/* Local. entry, source and vocabulary must outlive it. */
status sampler_new(const struct entry *entry, const struct task_source *source, const struct vocabulary *vocabulary,
                   struct sampler **out);
void sampler_destroy(struct sampler **sampler);

/* Local. From now on rows come as questions: label and answer are not looked for, and a row's label is -1. */
void sampler_ask(struct sampler *sampler);

/* Local. Extraction: what starts of answers count in the rows to come (characters until it is given). */
void sampler_starts(struct sampler *sampler, enum start_unit unit);

/* Local. Extraction: add up, by unit, how many of the row's answers stand exactly where the row says. */
status sampler_measure(struct sampler *sampler, const struct source_file *file, json_t *row, int64_t fits[STARTS_ANY]);

/* Local. Extraction: the tokens of the last row's context with the bytes they stand for in the field's text. */
const struct token_list *sampler_context(const struct sampler *sampler);

/* Local. file: the source's file that the row comes from (its constants). Only lack of memory is a failure. */
status sampler_take(struct sampler *sampler, const struct source_file *file, json_t *row, struct sample *out);

#endif
