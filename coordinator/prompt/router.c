/* Relaxed Bernoulli gates (Maddison et al. 2017): s = sigmoid((logit(v) + theta) / tau), normalised to sum one.
 * Gradients of worker/README.md, "Exact gradients":  dz_k = r_k g,  dr_k = z_k . g,  ds_k = (dr_k - sum_j r_j dr_j) /
 * S, dtheta_k = ds_k s_k (1 - s_k) / tau. */
#include "coordinator/prompt/router.h"

#include <math.h>

static double sigmoid(double x)
{
    return x >= 0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}

void router_forward(int modules, const float *theta, const double *uniform, double tau, double *s, double *r)
{
    const double least = 0x1p-23, most = 1.0 - 0x1p-23;
    double sum = 1e-12;

    for (int k = 0; k < modules; k++) {
        double x = theta[k];

        if (uniform) {
            double v = uniform[k] < least ? least : uniform[k] > most ? most : uniform[k];
            x = (log(v) - log(1.0 - v) + x) / tau;
        }
        s[k] = sigmoid(x);
        sum += s[k];
    }
    for (int k = 0; k < modules; k++) r[k] = s[k] / sum;
}

void router_mix(int modules, int d, const double *r, const float *z, double *u)
{
    for (int i = 0; i < d; i++) {
        double sum = 0;
        for (int k = 0; k < modules; k++) sum += r[k] * z[(long)k * d + i];
        u[i] = sum;
    }
}

void router_backward(int modules, int d, const double *s, const double *r, const float *z, const double *grad_u,
                     double tau, double *grad_z, double *grad_theta)
{
    double total = 1e-12, mean = 0, dr[ROUTER_MODULES_MOST];

    for (int k = 0; k < modules; k++) {
        const float *zk = z + (long)k * d;
        double *grad_zk = grad_z + (long)k * d;
        double dot = 0;

        for (int i = 0; i < d; i++) {
            grad_zk[i] += r[k] * grad_u[i];
            dot += zk[i] * grad_u[i];
        }
        dr[k] = dot;
        total += s[k];
        mean += r[k] * dot;
    }
    for (int k = 0; k < modules; k++) grad_theta[k] += (dr[k] - mean) / total * s[k] * (1.0 - s[k]) / tau;
}
