/* The state behind sample.h. Internal to coordinator/data. */
#ifndef MP2_COORDINATOR_DATA_SAMPLER_H
#define MP2_COORDINATOR_DATA_SAMPLER_H

#include "coordinator/data/reader.h"
#include "coordinator/data/sample.h"
#include "coordinator/data/texts.h"

/* An accepted answer: its bytes, and where the source says it stands (-1: it does not say). */
struct answer_at {
    struct text text;
    int64_t start;
};

enum { OPTION_LIMIT = 64 };

struct sampler {
    const struct entry *entry;
    const struct task_source *source;
    const struct vocabulary *vocabulary;
    int asking; /* rows come without label and answer */
    enum start_unit starts;
    struct token_list tokens, context; /* context: the tokens of the context field, with their bytes */
    int32_t *words;                    /* the row being made */
    size_t n, room;
    int32_t *items; /* heads and tokens of options or answers, until the fields stand */
    size_t head_n, head_room, item_n, item_room;
    int32_t *item_ids;
    struct text answer[OPTION_LIMIT]; /* extraction: of the items */
    int32_t *texts;                   /* extraction: the row's words as texts.h has them */
    size_t texts_room;
    char *joined; /* fields that are lists */
    size_t joined_n, joined_room;
    char *content; /* what is hashed */
    size_t content_n, content_room;
    char number[OPTION_LIMIT + FIELD_LIMIT + 2][NUMBER_ROOM];
    struct text field[FIELD_LIMIT];
};

/* Local. Add an option or answer with its tokens to the row. */
status sampler_item(struct sampler *s, int32_t first, int32_t last, const struct token *tokens, size_t n);

/* Local. Set label and items for the kind; may set out->why. */
status sampler_choices(struct sampler *s, const struct source_file *file, json_t *row, struct sample *out, int *label);
status sampler_answers(struct sampler *s, const struct source_file *file, json_t *row, struct sample *out);

/* Local. Find the row's fields; may set out->why. */
status sampler_fields(struct sampler *s, const struct source_file *file, json_t *row, struct sample *out);

/* Local. What a path, or a constant of that name, is in a row. scratch: which room a number may use.
 * 0, or -1: nothing there or no text. */
int sampler_text(struct sampler *s, const struct source_file *file, json_t *row, const char *path, int scratch,
                 struct text *out);

/* Local. What was found, into out->detail. */
void sampler_detail(struct sample *out, struct text found);

extern const char why_missing[], why_empty[];

#endif
