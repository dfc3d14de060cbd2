#include "worker/train/span_loss.h"

#include <math.h>

/* One of the two columns of logits [rows][2]. */
static double column_loss(int64_t rows, const float *logits, int64_t target, double factor, float *d_logits)
{
    double largest = logits[0], sum = 0;

    for (int64_t i = 1; i < rows; i++)
        if (logits[2 * i] > largest) largest = logits[2 * i];
    for (int64_t i = 0; i < rows; i++) sum += exp(logits[2 * i] - largest);
    if (d_logits)
        for (int64_t i = 0; i < rows; i++) {
            double p = exp(logits[2 * i] - largest) / sum;
            d_logits[2 * i] = (float)(factor * (i == target ? p - 1.0 : p));
        }
    return log(sum) + largest - logits[2 * target];
}

double span_loss(int64_t rows, const float *logits, int64_t start, int64_t end, int64_t batch, float *d_logits)
{
    double factor = 0.5 / (double)batch;
    double of_start = column_loss(rows, logits, start, factor, d_logits);
    double of_end = column_loss(rows, logits + 1, end, factor, d_logits ? d_logits + 1 : 0);

    return 0.5 * (of_start + of_end);
}
