/* Functions with known minima, as the literature has them: sphere, ellipsoid (condition 1e6), rosenbrock, rastrigin
 * (minimum 0); branin and hartmann (six dimensions) over the unit cube (minima 0.397887 and -3.32237). */
#ifndef MP2_TESTS_SUPPORT_FUNCTIONS_H
#define MP2_TESTS_SUPPORT_FUNCTIONS_H

/* NAN for an unknown name. */
double function_value(const char *name, int n, const double *x);
int function_dimensions(const char *name);

#endif
