/* OpenBLAS chooses its kernels by the CPU's model number when it is loaded, before main; of a model that it does not
 * know it takes the oldest ones, whatever the CPU can do (0.3.21 on a new Intel: Prescott's, of 2004). */
#ifndef MP2_WORKER_MODEL_BLAS_CORE_H
#define MP2_WORKER_MODEL_BLAS_CORE_H

/* Local. Which core type OpenBLAS should be told, where it has chosen `core` on a CPU with these instructions: NULL
 * where that will do. */
const char *blas_core_better(const char *core, int avx2, int avx512);

/* Local, first thing in main. Where OpenBLAS has chosen worse than the CPU allows, and the user has not chosen: starts
 * this program anew with OPENBLAS_CORETYPE set, and does not return. */
void blas_core_fit(char **argv);

#endif
