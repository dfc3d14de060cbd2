/* Gaussian process regression with a Matern 5/2 kernel of one length scale and unit variance, values normalised to
 * mean 0 and deviation 1 (Rasmussen and Williams, algorithm 2.1; scikit-learn's
 * GaussianProcessRegressor(Matern(nu=2.5), normalize_y=True), which gp_predict agrees with to 1e-8).
 *
 * The length scale is the one number fitted: its marginal likelihood is scanned over 1e-5 … 1e5 and the best place
 * refined, so that no start decides which maximum is found. Double, LAPACK on one thread. Local functions; one
 * object, one thread. */
#ifndef MP2_COORDINATOR_SEARCH_GP_H
#define MP2_COORDINATOR_SEARCH_GP_H

#include <stddef.h>

#include "cluster/base/status.h"

struct gp {
    int dimensions, points;
    double *x;              /* (points,dimensions) */
    double *y;              /* (points) as given */
    double noise;           /* asked for, on the diagonal (of normalised values) */
    double jitter;          /* what it took: noise, or more where the kernel matrix was singular */
    double scale;           /* length scale; set by gp_fit or gp_condition */
    double likelihood;      /* log marginal likelihood of the normalised values at scale */
    double mean, deviation; /* of y */
    double *distance;       /* (points,points) scratch */
    double *L;              /* (points,points) Cholesky factor, column-major lower */
    double *alpha;          /* (points) K^-1 y */
    size_t x_room, y_room, distance_room, L_room, alpha_room;
};

/* ST_USAGE (reported) on dimensions or noise below what makes sense. */
status gp_init(struct gp *g, int dimensions, double noise);
void gp_fini(struct gp *g);

/* One more observation; both must be finite. Predictions wait for gp_fit or gp_condition. */
status gp_add(struct gp *g, const double *x, double y);

/* Posterior given a length scale; gp_fit chooses it. ST_USAGE without points; ST_NUMBER (reported) when no jitter up to
 * 1 makes the kernel matrix positive. */
status gp_condition(struct gp *g, double scale);
status gp_fit(struct gp *g);

/* Posterior mean and standard deviation at count points x (count,dimensions). deviation may be NULL. */
status gp_predict(const struct gp *g, int count, const double *x, double *mean, double *deviation);

/* The same at one point, with gradients (dimensions) of both; work (3 * points). */
void gp_slope(const struct gp *g, const double *x, double *work, double *mean, double *deviation, double *d_mean,
              double *d_deviation);

#endif
