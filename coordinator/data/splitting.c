/* Two sorts: by content, to see repeats; by group, to draw. */
#include "coordinator/data/splitting.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/memory.h"

/* The lower, the stronger its claim on a row. */
static const int claim[SPLIT_COUNT] = {[SPLIT_TEST] = 0, [SPLIT_DEV] = 1, [SPLIT_POOL] = 2, [SPLIT_TRAIN] = 3};
static const char *const repeat_notes[SPLIT_COUNT] = {
    "input repeated inside train, kept", "input repeated inside dev, kept", "input repeated inside test, kept",
    "input repeated inside pool, kept"};
static const char *const drop_reasons[SPLIT_COUNT] = {"input is in dev, test or pool too: dropped from train",
                                                      "input is in test too: dropped from dev", "",
                                                      "input is in dev or test too: dropped from pool"};

static int by_content(const void *a, const void *b)
{
    const struct split_row *x = *(struct split_row *const *)a, *y = *(struct split_row *const *)b;
    int order = memcmp(x->content, y->content, sizeof x->content);

    if (order) return order;
    if (claim[x->split] != claim[y->split]) return claim[x->split] - claim[y->split];
    return x < y ? -1 : 1;
}

static int by_group(const void *a, const void *b)
{
    const struct split_row *x = *(struct split_row *const *)a, *y = *(struct split_row *const *)b;
    int order = memcmp(x->group, y->group, sizeof x->group);

    return order ? order : x < y ? -1 : 1;
}

static void drop_repeats(struct split_row **sorted, size_t count, struct tally *tally)
{
    for (size_t i = 1; i < count; i++) {
        struct split_row *before = sorted[i - 1], *row = sorted[i];
        if (memcmp(before->content, row->content, sizeof row->content) != 0) continue;
        if (before->split == row->split && !before->dropped) {
            tally_add(tally, TALLY_NOTE, repeat_notes[row->split], "", "");
            continue;
        }
        row->dropped = 1;
        tally_add(tally, TALLY_DUPLICATE, drop_reasons[row->split], "", "");
    }
}

/* The groups with the smallest hashes leave train for split until its share is full. */
static void draw_split(struct split_row **sorted, size_t count, double share, enum split split)
{
    size_t left = 0, want, taken = 0;

    for (size_t i = 0; i < count; i++) left += sorted[i]->split == SPLIT_TRAIN && !sorted[i]->dropped;
    want = (size_t)ceil(share * (double)left);
    if (want > SPLIT_DRAW_LIMIT) want = SPLIT_DRAW_LIMIT;
    for (size_t i = 0, group = 0; i < count && want > 0; i++) {
        struct split_row *row = sorted[i];
        if (row->split != SPLIT_TRAIN || row->dropped) continue;
        if (taken >= want && memcmp(sorted[group]->group, row->group, sizeof row->group) != 0) break;
        row->split = (unsigned char)split;
        group = i;
        taken++;
    }
}

status splitting_run(const struct entry *entry, struct split_row *rows, size_t count, struct tally *tally,
                     int drawn[SPLIT_COUNT])
{
    size_t have[SPLIT_COUNT] = {0};
    struct split_row **sorted;

    memset(drawn, 0, SPLIT_COUNT * sizeof *drawn);
    TRY(mem_alloc(count, sizeof *sorted, &sorted));
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &rows[i];
        have[rows[i].split]++;
    }
    qsort(sorted, count, sizeof *sorted, by_content);
    drop_repeats(sorted, count, tally);
    qsort(sorted, count, sizeof *sorted, by_group);
    drawn[SPLIT_POOL] = entry->upstream >= 0 && entry->downstream && have[SPLIT_POOL] == 0;
    drawn[SPLIT_TEST] = entry->downstream && have[SPLIT_TEST] == 0;
    drawn[SPLIT_DEV] = have[SPLIT_DEV] == 0;
    if (drawn[SPLIT_POOL]) draw_split(sorted, count, entry->pool_slice, SPLIT_POOL);
    if (drawn[SPLIT_TEST]) draw_split(sorted, count, entry->test_assignment, SPLIT_TEST);
    if (drawn[SPLIT_DEV]) draw_split(sorted, count, entry->dev_share, SPLIT_DEV);
    mem_free(sorted);
    return ST_OK;
}
