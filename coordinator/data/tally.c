#include "coordinator/data/tally.h"

#include <stdio.h>
#include <string.h>

void tally_add(struct tally *t, enum tally_kind kind, const char *what, const char *place, const char *detail)
{
    int i = 0;

    while (i < t->lines && (t->line[i].kind != kind || strcmp(t->line[i].what, what) != 0)) i++;
    if (i == TALLY_LIMIT) i--; /* more reasons than there are: the last line takes them */
    if (i == t->lines) {
        t->lines++;
        t->line[i].what = what;
        t->line[i].kind = kind;
        snprintf(t->line[i].first, sizeof t->line[i].first, "%s%s%s%s", place, detail[0] ? ": \"" : "", detail,
                 detail[0] ? "\"" : "");
    }
    t->line[i].count++;
}

int64_t tally_sum(const struct tally *t, enum tally_kind kind)
{
    int64_t sum = 0;

    for (int i = 0; i < t->lines; i++)
        if (t->line[i].kind == kind) sum += t->line[i].count;
    return sum;
}

const char *tally_kind_text(enum tally_kind kind)
{
    static const char *const texts[] = {"bad", "left out", "duplicate", "note"};

    return texts[kind];
}
