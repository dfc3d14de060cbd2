/* Bounds for a search that knows none: the line is folded into [lower, upper] by a smooth periodic map that is the
 * identity but for a margin at each end, where it is a parabola (the "linear-quadratic" transformation of pycma). */
#ifndef MP2_COORDINATOR_SEARCH_BOX_H
#define MP2_COORDINATOR_SEARCH_BOX_H

struct box {
    double lower, upper, below, above;
}; /* below, above: half the margins' width inside */

/* Local. lower < upper; either may be infinite. */
void box_init(struct box *b, double lower, double upper);
int box_bounded(const struct box *b);

/* Local. Any number into the box; not finite stays what it is. */
double box_fold(const struct box *b, double x);

/* Local. The nearest number that box_fold takes to x, which lies in the box. */
double box_unfold(const struct box *b, double x);

#endif
