"""gp.txt: what scikit-learn's GaussianProcessRegressor makes of generated observations, length scale given and fitted.

    python make_gp.py > gp.txt

Lines of numbers: first `points dimensions scale likelihood places fitted`, then the points (x … y), then the places
(x … mean deviation).
"""
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern


def show(*values):
    print(" ".join(repr(float(v)) if isinstance(v, float) else str(v) for v in values))


for points, n, scale, seed in ((12, 1, 0.7, 1), (25, 3, 2.0, 2), (40, 6, 5.0, 3), (15, 20, 9.0, 4), (30, 2, None, 5), (60, 6, None, 6)):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-5, 5, (points, n))
    y = 3 + np.sin(x[:, 0]) + 0.1 * np.sum(x * x, axis=1) + 0.1 * rng.standard_normal(points)
    gp = GaussianProcessRegressor(Matern(length_scale=scale or 1.0, nu=2.5), alpha=1e-6, normalize_y=True,
                                  optimizer="fmin_l_bfgs_b" if scale is None else None, n_restarts_optimizer=5,
                                  random_state=seed)
    gp.fit(x, y)
    places = np.concatenate([rng.uniform(-5, 5, (6, n)), x[:2] + 1e-3, 40 * np.ones((1, n))])
    mean, deviation = gp.predict(places, return_std=True)
    show(points, n, float(gp.kernel_.length_scale) if scale is None else scale, float(gp.log_marginal_likelihood_value_ if
         scale is None else gp.log_marginal_likelihood()), len(places), int(scale is None))
    for a, b in zip(x, y):
        show(*map(float, a), float(b))
    for a, m, d in zip(places, mean, deviation):
        show(*map(float, a), float(m), float(d))
