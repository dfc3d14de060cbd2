/* CMA-ES: minimisation by a normal distribution whose mean, step size and covariance follow the ranks of its samples.
 * Hansen, "The CMA Evolution Strategy: A Tutorial" (arXiv:1604.00772), with its default parameters and the active
 * update (negative weights for the worse half). It sees nothing but losses, and of these only the order.
 *
 * Ask for a population, evaluate it anywhere in any order, tell the losses. Every sample is a function of the
 * options and of the losses told so far: a killed run told its journalled losses again stands where it stood, to the
 * bit. Algebra in double, OpenBLAS and LAPACK on one thread. Local functions; one object, one thread. */
#ifndef MP2_COORDINATOR_SEARCH_CMA_H
#define MP2_COORDINATOR_SEARCH_CMA_H

#include "cluster/base/random.h"
#include "cluster/base/status.h"

struct cma_options {
    int n;               /* dimensions, >= 2 */
    int population;      /* 0: 4 + 3 ln n */
    double sigma;        /* first step size, > 0 */
    const double *start; /* (n) first mean, within the bounds */
    double lower, upper; /* of every coordinate; -INFINITY, INFINITY: none */
    struct random_key key;
};

/* Why a search should end or start again with a larger population (Auger and Hansen's IPOP). */
enum cma_stop { CMA_GOES_ON, CMA_NO_PROGRESS, CMA_TINY_STEPS, CMA_ILL_CONDITIONED };

struct cma;

/* ST_USAGE (reported) on options out of range. */
status cma_new(const struct cma_options *o, struct cma **out);
void cma_destroy(struct cma **c);
int cma_population(const struct cma *c);

/* The next population, x (population,n), within the bounds. The same until cma_tell. */
status cma_ask(struct cma *c, double *x);

/* Losses (population) of what cma_ask gave. One that is not finite counts as worse than all others and moves
 * nothing; where none is finite the step size is halved and all else stays. */
status cma_tell(struct cma *c, const double *losses);

/* The best point told so far (n), or NULL before any finite loss; loss may be NULL. Stays the object's. */
const double *cma_best(const struct cma *c, double *loss);
/* x (n) gets the distribution's mean, within the bounds. */
void cma_mean(const struct cma *c, double *x);
double cma_sigma(const struct cma *c);
/* Ratio of the largest to the smallest eigenvalue of the covariance last decomposed. */
double cma_condition(const struct cma *c);
enum cma_stop cma_stop(const struct cma *c);

#endif
