/* The relaxed-Bernoulli router and the arithmetic around it, all in double (worker/README.md, "The coordinator's
 * arithmetic"). One layer at a time; K modules, d intrinsic dimensions. Source: worker/README.md, "Router", "Exact
 * gradients". */
#ifndef MP2_COORDINATOR_PROMPT_ROUTER_H
#define MP2_COORDINATOR_PROMPT_ROUTER_H

enum { ROUTER_MODULES_MOST = 256 }; /* K is at most this */

/* Local. Forward of one layer.
 *   theta    K router logits of the task
 *   uniform  K numbers in [0,1], clamped to [2^-23, 1-2^-23]; NULL: evaluation mode, s = sigmoid(theta)
 *   tau      temperature
 *   s, r     K gates and K normalised gates r = s / (sum s + 1e-12) */
void router_forward(int modules, const float *theta, const double *uniform, double tau, double *s, double *r);

/* Local. u = sum_k r_k z_k.  z (K,d), u (d). */
void router_mix(int modules, int d, const double *r, const float *z, double *u);

/* Local. Backward of both, given g = A G = dL/du (d):
 *   dz (K,d) and dtheta (K) are added to. tau as in forward; 1 in evaluation mode. */
void router_backward(int modules, int d, const double *s, const double *r, const float *z, const double *g, double tau,
                     double *dz, double *dtheta);

#endif
