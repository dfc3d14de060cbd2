/* Bayesian optimisation of a loss over a box: some random points, then each time the point where a Gaussian process
 * (gp.h) of what was seen promises most, by the upper confidence bound mean + kappa * deviation of the negative loss
 * (Srinivas et al. 2010; as the Python package bayesian-optimization does it: 10,000 random looks, the best of them
 * refined by L-BFGS, here NLopt's).
 *
 * Points are functions of the options and of the losses told so far, so a search is replayed by telling its journalled
 * losses again. Local functions; one object, one thread. */
#ifndef MP2_COORDINATOR_SEARCH_BAYES_H
#define MP2_COORDINATOR_SEARCH_BAYES_H

#include "cluster/base/random.h"
#include "cluster/base/status.h"

struct bayes_options {
    int n;               /* dimensions */
    double lower, upper; /* of every coordinate, finite */
    int random;          /* points before the first model, >= 1 */
    double kappa;        /* 2 */
    int looks, starts;   /* of the acquisition; 0: 10,000 and 10 */
    struct random_key key;
};

struct bayes;

/* ST_USAGE (reported) on options out of range. */
status bayes_new(const struct bayes_options *o, struct bayes **out);
void bayes_destroy(struct bayes **b);

/* The next point x (n). The same until bayes_tell. */
status bayes_ask(struct bayes *b, double *x);

/* Random point i of the first options.random, as bayes_ask will give it: these wait for no loss and may be evaluated
 * together. */
void bayes_random(const struct bayes *b, int i, double *x);

/* Its loss. One that is not finite stands in the model as the worst finite one seen. */
status bayes_tell(struct bayes *b, double loss);

int bayes_count(const struct bayes *b);
/* Point i of those told, (n), and its loss as told (loss may be NULL). Stays the object's. */
const double *bayes_point(const struct bayes *b, int i, double *loss);
/* The index of the smallest finite loss; -1: none. */
int bayes_best(const struct bayes *b);

#endif
