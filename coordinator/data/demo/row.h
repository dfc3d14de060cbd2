/* Rows of the demo grammar: one maker a kind of task. A maker gets the wanted label and picks words until it has a
 * row. */
#ifndef MP2_COORDINATOR_DATA_DEMO_ROW_H
#define MP2_COORDINATOR_DATA_DEMO_ROW_H

#include "coordinator/data/demo/word.h"

enum { DEMO_FIELDS = 3, DEMO_OPTIONS = 4, DEMO_OTHERS = 12 };

struct demo_row {
    struct demo_text field[DEMO_FIELDS]; /* in the order of the template; extraction: context, question */
    int label;                           /* label, or the right option */
    int options;                         /* of kind choices: how many */
    struct demo_text option[DEMO_OPTIONS];
    struct demo_text answer; /* extraction: stands in field 0, first at its place; empty: no answer */
    int others;              /* other pieces of field 0 that might have been the answer */
    struct demo_word other[DEMO_OTHERS];
};

/* What a maker makes its rows of; lists as in demo_word.h. */
struct demo_matter {
    const char *a, *b;
    int n, share;       /* share: percent of unanswerable questions */
    const char *labels; /* as a list */
};

typedef void demo_maker(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row);

/* Topical: the words tell. demo_topical.c */
demo_maker demo_make_topic;   /* n: enum demo_subject; labels: the topics */
demo_maker demo_make_intent;  /* what a patient asks; labels: as in the table */
demo_maker demo_make_opinion; /* n: enum demo_trade; a: how it may begin; 0 bad, 1 good; a negation turns it round */
demo_maker demo_make_stars;   /* n: enum demo_trade; a: how it may begin; 0 … 4 */

/* Comparison and order. demo_compare.c */
demo_maker demo_make_question;  /* a: things, b: acts on them; do two questions mean the same? 0 no, 1 yes */
demo_maker demo_make_degree;    /* likewise, 0 other thing and act, 1 other act, 2 same */
demo_maker demo_make_deed;      /* who did it to whom, active or passive: 0 other, 1 same */
demo_maker demo_make_inference; /* 0 contradiction, 1 neutral, 2 follows */
demo_maker demo_make_reply;     /* a: things, b: "question/reply" frames; 0 no, 1 yes */
demo_maker demo_make_evidence;  /* does a record answer a question? 0 no, 1 yes */
demo_maker demo_make_dealing;   /* companies; labels: relations, those with 被 seen from the other side */

/* Lookup. demo_lookup.c */
demo_maker demo_make_scene;    /* two relations in a sentence, one is asked for; labels: relations */
demo_maker demo_make_keywords; /* labels: topics of the abstract; 0 one keyword is foreign, 1 all are there */
demo_maker demo_make_pronoun;  /* 0 the other one, 1 this one */
demo_maker demo_make_synonym;  /* a: pairs; 4 options */
demo_maker demo_make_verse;    /* a: pairs plain/poetic; 4 options */
demo_maker demo_make_choice;   /* a record, a question, 2 to 4 options; n: 1 as a dialogue */
demo_maker demo_make_record;   /* extraction: n: attributes of a record; share */
demo_maker
    demo_make_review; /* extraction: what a review is about; n: enum demo_trade, a, b: first and last parts of names */

/* Local. The cues of the labels of demo_make_intent, demo_make_dealing and demo_make_scene, for the unlabelled text. */
const char *demo_intent_cues(struct demo_word label);

#endif
