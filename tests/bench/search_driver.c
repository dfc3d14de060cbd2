/* Not a test: what the optimisers need on functions of known truth, for compare_search.py, which runs the Python
 * packages on the same.
 *     search_driver cma FUNCTION DIMENSIONS POPULATION SIGMA START TARGET LIMIT SEEDS
 *         evaluations, or -1; a line a seed
 *     search_driver bayes branin|hartmann RANDOM EVALUATIONS SEEDS
 *         the best value after each; a line a seed
 *     search_driver fit DIMENSIONS < rows of x … y
 *         length scale and likelihood */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "coordinator/search/bayes.h"
#include "coordinator/search/cma.h"
#include "coordinator/search/gp.h"
#include "tests/support/functions.h"

static int one_cma(const char *function, int n, int population, double sigma, double start, double target, int limit,
                   uint64_t seed)
{
    struct cma_options o = {.n = n,
                            .population = population,
                            .sigma = sigma,
                            .lower = -INFINITY,
                            .upper = INFINITY,
                            .key = random_seed(seed, RANDOM_SEARCH)};
    double *first, *x, *loss, best = INFINITY;
    struct cma *c;
    int used = 0;

    if (mem_alloc((size_t)n, sizeof *first, &first) != ST_OK) return -1;
    for (int i = 0; i < n; i++) first[i] = start;
    o.start = first;
    if (cma_new(&o, &c) != ST_OK) return -1;
    if (mem_alloc((size_t)n * (size_t)cma_population(c), sizeof *x, &x) != ST_OK) return -1;
    if (mem_alloc((size_t)cma_population(c), sizeof *loss, &loss) != ST_OK) return -1;
    while (best > target && used < limit && cma_ask(c, x) == ST_OK) {
        for (int k = 0; k < cma_population(c); k++) {
            loss[k] = function_value(function, n, x + (size_t)k * (size_t)n);
            if (best > target) used++;
            best = fmin(best, loss[k]);
        }
        if (cma_tell(c, loss) != ST_OK || cma_stop(c) != CMA_GOES_ON) break;
    }
    cma_destroy(&c);
    mem_free(first);
    mem_free(x);
    mem_free(loss);
    return best <= target ? used : -1;
}

static int run_bayes(const char *function, int random, int evaluations, int seeds)
{
    int n = function_dimensions(function);

    for (int seed = 1; seed <= seeds; seed++) {
        struct bayes_options o = {.n = n,
                                  .lower = 0,
                                  .upper = 1,
                                  .random = random,
                                  .kappa = 2,
                                  .key = random_seed((uint64_t)seed, RANDOM_SEARCH)};
        double x[16], best = INFINITY;
        struct bayes *b;

        if (bayes_new(&o, &b) != ST_OK) return 1;
        for (int i = 0; i < evaluations; i++) {
            double loss;

            if (bayes_ask(b, x) != ST_OK) return 1;
            loss = function_value(function, n, x);
            best = fmin(best, loss);
            printf("%.17g ", best);
            if (bayes_tell(b, loss) != ST_OK) return 1;
        }
        printf("\n");
        bayes_destroy(&b);
    }
    return 0;
}

static int run_fit(int n)
{
    struct gp gp;
    double x[64], y;

    if (n < 1 || n > 64 || gp_init(&gp, n, 1e-6) != ST_OK) return 1;
    for (;;) {
        int got = 0;

        for (int i = 0; i < n; i++) got += scanf("%lf", &x[i]) == 1;
        if (got < n || scanf("%lf", &y) != 1) break;
        if (gp_add(&gp, x, y) != ST_OK) return 1;
    }
    if (gp_fit(&gp) != ST_OK) return 1;
    printf("%.17g %.17g\n", gp.scale, gp.likelihood);
    gp_fini(&gp);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 10 && strcmp(argv[1], "cma") == 0) {
        for (int seed = 1; seed <= atoi(argv[9]); seed++)
            printf("%d\n", one_cma(argv[2], atoi(argv[3]), atoi(argv[4]), atof(argv[5]), atof(argv[6]), atof(argv[7]),
                                   atoi(argv[8]), (uint64_t)seed));
        return 0;
    }
    if (argc == 6 && strcmp(argv[1], "bayes") == 0)
        return run_bayes(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
    if (argc == 3 && strcmp(argv[1], "fit") == 0) return run_fit(atoi(argv[2]));
    fprintf(stderr, "see the first lines of tests/bench/search_driver.c\n");
    return 2;
}
