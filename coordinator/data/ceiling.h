/* Rows that nobody can tell apart: the same input (fields and options, token by token) with different labels. However
 * good a model is, of each such group it gets at most those with the most frequent label. */
#ifndef MP2_DATA_CEILING_H
#define MP2_DATA_CEILING_H

#include "coordinator/data/dataset.h"

struct ceiling {
    int64_t rows;    /* in groups of the same input with more than one label */
    double accuracy; /* the most that can be reached over all rows; NAN where there are none */
};

/* Local. Of a split; kinds labels and choices. */
status ceiling_find(const struct dataset *data, int task, enum split split, struct ceiling *out);

#endif
