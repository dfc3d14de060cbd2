/* Rows sorted by input and label: groups, and runs of a label in them, stand together. */
#include "coordinator/data/ceiling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/memory.h"

struct seen {
    unsigned char input[16];
    int label;
};

static int same_input(const struct seen *a, const struct seen *b)
{
    return memcmp(a->input, b->input, sizeof a->input) == 0;
}

static int order(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    int by_input = memcmp(x->input, y->input, sizeof x->input);

    return by_input ? by_input : x->label - y->label;
}

/* The group that begins with the first of n: its rows, and how many have its most frequent label. */
static size_t count_group(const struct seen *s, size_t n, size_t *most)
{
    size_t rows = 0, run = 0;

    *most = 0;
    for (; rows < n && same_input(&s[rows], s); rows++) {
        run = rows > 0 && s[rows].label == s[rows - 1].label ? run + 1 : 1;
        if (run > *most) *most = run;
    }
    return rows;
}

status ceiling_find(const struct dataset *d, int task, enum split split, struct ceiling *out)
{
    size_t n = (size_t)dataset_rows(d, task, split), right = 0, rows, most;
    struct seen *seen;

    *out = (struct ceiling){.accuracy = NAN};
    TRY(mem_alloc(n, sizeof *seen, &seen));
    for (size_t i = 0; i < n; i++) {
        dataset_input_digest(d, task, split, (int64_t)i, seen[i].input);
        seen[i].label = dataset_label(d, task, split, (int64_t)i);
    }
    qsort(seen, n, sizeof *seen, order);
    for (size_t i = 0; i < n; i += rows) {
        rows = count_group(seen + i, n - i, &most);
        right += most;
        if (most < rows) out->rows += (int64_t)rows;
    }
    if (n > 0) out->accuracy = (double)right / (double)n;
    mem_free(seen);
    return ST_OK;
}
