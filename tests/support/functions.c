#include "tests/support/functions.h"

#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

static double sphere(int n, const double *x)
{
    double f = 0;

    for (int i = 0; i < n; i++) f += x[i] * x[i];
    return f;
}

static double ellipsoid(int n, const double *x)
{
    double f = 0;

    for (int i = 0; i < n; i++) f += pow(1e6, i / (n - 1.0)) * x[i] * x[i];
    return f;
}

static double rosenbrock(int n, const double *x)
{
    double f = 0;

    for (int i = 0; i + 1 < n; i++) f += 100 * pow(x[i] * x[i] - x[i + 1], 2) + pow(x[i] - 1, 2);
    return f;
}

static double rastrigin(int n, const double *x)
{
    double f = 10 * n;

    for (int i = 0; i < n; i++) f += x[i] * x[i] - 10 * cos(2 * PI * x[i]);
    return f;
}

static double branin(int n, const double *x)
{
    double a = 15 * x[0] - 5, b = 15 * x[1];

    (void)n;
    return pow(b - 5.1 / (4 * PI * PI) * a * a + 5 / PI * a - 6, 2) + 10 * (1 - 1 / (8 * PI)) * cos(a) + 10;
}

static double hartmann(int n, const double *x)
{
    static const double alpha[4] = {1.0, 1.2, 3.0, 3.2};
    static const double A[4][6] = {
        {10, 3, 17, 3.5, 1.7, 8}, {0.05, 10, 17, 0.1, 8, 14}, {3, 3.5, 1.7, 10, 17, 8}, {17, 8, 0.05, 10, 0.1, 14}};
    static const double P[4][6] = {{.1312, .1696, .5569, .0124, .8283, .5886},
                                   {.2329, .4135, .8307, .3736, .1004, .9991},
                                   {.2348, .1451, .3522, .2883, .3047, .6650},
                                   {.4047, .8828, .8732, .5743, .1091, .0381}};
    double f = 0;

    for (int i = 0; i < 4; i++) {
        double inner = 0;

        for (int j = 0; j < n; j++) inner += A[i][j] * (x[j] - P[i][j]) * (x[j] - P[i][j]);
        f -= alpha[i] * exp(-inner);
    }
    return f;
}

static const struct {
    const char *name;
    double (*value)(int, const double *);
    int dimensions;
} FUNCTIONS[] = {{"sphere", sphere, 0},       {"ellipsoid", ellipsoid, 0}, {"rosenbrock", rosenbrock, 0},
                 {"rastrigin", rastrigin, 0}, {"branin", branin, 2},       {"hartmann", hartmann, 6}};

double function_value(const char *name, int n, const double *x)
{
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++)
        if (strcmp(name, FUNCTIONS[i].name) == 0) return FUNCTIONS[i].value(n, x);
    return NAN;
}

int function_dimensions(const char *name)
{
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++)
        if (strcmp(name, FUNCTIONS[i].name) == 0) return FUNCTIONS[i].dimensions;
    return 0;
}
