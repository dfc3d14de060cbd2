"""The optimisers beside the Python packages, on functions of known truth.

    python compare_search.py BUILD/tests/search_driver [cma|bayes|fit …]

Needs numpy, cma, scikit-learn, bayesian-optimization; CMA-ES and pycma start from the same mean and step size, with the same
population; a run that misses the target counts as endless. Medians over 21 seeds.
"""
import os
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import subprocess
import sys
import warnings

import numpy as np

warnings.filterwarnings("ignore")
SEEDS = 21
PI = np.pi

FUNCTIONS = {
    "sphere": lambda x: float(np.sum(x * x)),
    "ellipsoid": lambda x: float(np.sum(1e6 ** (np.arange(len(x)) / (len(x) - 1)) * x * x)),
    "rosenbrock": lambda x: float(np.sum(100 * (x[:-1] ** 2 - x[1:]) ** 2 + (x[:-1] - 1) ** 2)),
    "rastrigin": lambda x: float(10 * len(x) + np.sum(x * x - 10 * np.cos(2 * PI * x))),
}


def branin(x):
    a, b = 15 * x[0] - 5, 15 * x[1]
    return (b - 5.1 / (4 * PI * PI) * a * a + 5 / PI * a - 6) ** 2 + 10 * (1 - 1 / (8 * PI)) * np.cos(a) + 10


def hartmann(x):
    alpha = np.array([1.0, 1.2, 3.0, 3.2])
    A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
                  [17, 8, 0.05, 10, 0.1, 14]])
    P = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                         [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]])
    return -float(alpha @ np.exp(-np.sum(A * (np.asarray(x) - P) ** 2, axis=1)))


def driver(program, *arguments, stdin=None):
    out = subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True, input=stdin).stdout
    return [[float(v) for v in line.split()] for line in out.splitlines()]


def pycma_evaluations(function, n, population, sigma, start, target, limit, seed):
    import cma
    es = cma.CMAEvolutionStrategy(n * [start], sigma, {"seed": seed, "popsize": population, "verbose": -9})
    best, used = np.inf, 0
    while best > target and used < limit and not es.stop():
        points = es.ask()
        losses = [FUNCTIONS[function](np.asarray(x)) for x in points]
        es.tell(points, losses)
        for value in losses:
            used += best > target
            best = min(best, value)
    return used if best <= target else -1


def compare_cma(program):
    cases = [("sphere", 10, 10, .5, 1, 1e-10), ("sphere", 40, 15, .5, 1, 1e-10), ("ellipsoid", 10, 10, 1, 3, 1e-8),
             ("ellipsoid", 20, 12, 1, 3, 1e-8), ("rosenbrock", 10, 10, .1, 0, 1e-8), ("rosenbrock", 20, 12, .1, 0, 1e-8),
             ("rastrigin", 5, 150, 2, 3, 1e-8), ("rastrigin", 10, 300, 2, 3, 1e-8)]
    print(f"{'function':12}{'n':>4}{'lambda':>8}{'mp2':>10}{'pycma':>10}{'ratio':>8}   missed mp2/pycma")
    for function, n, population, sigma, start, target in cases:
        limit = 100000
        ours = [v[0] for v in driver(program, "cma", function, n, population, sigma, start, target, limit, SEEDS)]
        theirs = [pycma_evaluations(function, n, population, sigma, start, target, limit, s) for s in range(1, SEEDS + 1)]
        a, b = (np.median([np.inf if v < 0 else v for v in runs]) for runs in (ours, theirs))
        print(f"{function:12}{n:4}{population:8}{a:10.0f}{b:10.0f}{a / b:8.3f}   "
              f"{sum(v < 0 for v in ours)}/{sum(v < 0 for v in theirs)}", flush=True)


def package_bayes(function, n, random, evaluations, seed):
    from bayes_opt import BayesianOptimization, acquisition
    opt = BayesianOptimization(f=None, pbounds={f"x{i}": (0, 1) for i in range(n)}, random_state=seed, verbose=0,
                               acquisition_function=acquisition.UpperConfidenceBound(kappa=2), allow_duplicate_points=True)
    rng, best, trace = np.random.default_rng(seed), np.inf, []
    for i in range(evaluations):
        x = rng.random(n) if i < random else [opt_point[f"x{j}"] for j in range(n)]
        value = function(x)
        best = min(best, value)
        trace.append(best)
        opt.register(params={f"x{j}": x[j] for j in range(n)}, target=-value)
        if i + 1 >= random:
            opt_point = opt.suggest()
    return trace


def compare_bayes(program):
    print(f"{'function':10}{'after':>7}{'mp2':>14}{'package':>14}{'minimum':>12}")
    for name, function, n, random, evaluations, least in (("branin", branin, 2, 5, 40, 0.397887),
                                                          ("hartmann", hartmann, 6, 20, 80, -3.32237)):
        ours = np.array(driver(program, "bayes", name, random, evaluations, SEEDS))
        theirs = np.array([package_bayes(function, n, random, evaluations, s) for s in range(1, SEEDS + 1)])
        for after in (random, evaluations // 2, 3 * evaluations // 4, evaluations):
            a, b = np.median(ours[:, after - 1]), np.median(theirs[:, after - 1])
            print(f"{name:10}{after:7}{a:14.6f}{b:14.6f}{least:12.6f}", flush=True)


def compare_fit(program):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern
    print(f"{'points':>7}{'n':>4}{'mp2 scale':>14}{'sklearn':>14}{'mp2 likelihood':>18}{'sklearn':>14}")
    for points, n, seed in ((20, 2, 1), (60, 2, 2), (50, 6, 3), (100, 6, 4), (100, 8, 5), (30, 20, 6)):
        rng = np.random.default_rng(seed)
        x = rng.uniform(-5, 5, (points, n))
        y = np.sin(x[:, 0]) + 0.1 * np.sum(x * x, axis=1) + 0.1 * rng.standard_normal(points)
        rows = "\n".join(" ".join(repr(float(v)) for v in [*a, b]) for a, b in zip(x, y))
        ours = driver(program, "fit", n, stdin=rows)[0]
        gp = GaussianProcessRegressor(Matern(nu=2.5), alpha=1e-6, normalize_y=True, n_restarts_optimizer=5, random_state=seed)
        gp.fit(x, y)
        print(f"{points:7}{n:4}{ours[0]:14.6g}{gp.kernel_.length_scale:14.6g}{ours[1]:18.8f}"
              f"{gp.log_marginal_likelihood_value_:14.8f}", flush=True)


if __name__ == "__main__":
    for what in sys.argv[2:] or ["cma", "fit", "bayes"]:
        {"cma": compare_cma, "bayes": compare_bayes, "fit": compare_fit}[what](sys.argv[1])
