/* Y = X W (+ b) on one thread, with weights packed once or read unpacked: the only module that uses oneDNN (2.x and
 * 3.x) and, as a fallback, OpenBLAS (f32 only). Every primitive is created and run on a single thread; the caller
 * divides the rows. Everything is compiled and allocated by matmul_new; one packed layout serves all row counts
 * (asserted there).
 *
 * Exactness. On some machines the bits of a row of Y may depend on how many rows were multiplied together. matmul_check
 * measures it:
 *   EXACT_ROWS      a row has the same bits in any number of rows at any place: rows may be cut freely
 *   EXACT_EXAMPLE   it depends on the cut alone: cutting every example by itself, from its start, is exact
 *   EXACT_NONE      not even that */
#ifndef MP2_WORKER_MODEL_MATMUL_H
#define MP2_WORKER_MODEL_MATMUL_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/pool.h"
#include "cluster/base/status.h"
#include "worker/kernel/kernels.h"

enum { MATMUL_GRAIN = 16, MATMUL_ROWS = 256 }; /* row counts are rounded up to the grain; a call takes at most ROWS */

enum matmul_engine { ENGINE_ONEDNN, ENGINE_OPENBLAS };
enum matmul_exact { EXACT_ROWS, EXACT_EXAMPLE, EXACT_NONE };

struct matmul_spec {
    int64_t k, n;        /* X (rows,k), W (k,n), Y (rows,n) */
    enum number in, out; /* of X and W; of Y. Sums are in f32. U8: X is u8, W s8 (packed from floats with integer
                            values), and Y, S32, is exact */
    int bias;            /* add b (n), f32 */
    /* For weight gradients and large vocabularies; usually 0. */
    int64_t ld_x, ld_y; /* row stride of X and Y in elements; 0: dense */
    int64_t rows;  /* X always has this many rows: calls take MATMUL_ROWS of them, the last call exactly the rest */
    int x_columns; /* X is stored transposed, (k,ld_x), as in dW = dY^T X. Only with `rows` */
    int w_plain;   /* W is read unpacked, (k,n) of type `in` */
};

struct matmul;

/* Local. Compile products 0 … count-1 for that many threads. ST_INPUT (reported) if the engine or the CPU does not
 * support them. */
status matmul_new(enum matmul_engine engine, const struct matmul_spec *specs, int count, int threads,
                  struct matmul **out);
void matmul_destroy(struct matmul **m);

int matmul_count(const struct matmul *m);
const struct matmul_spec *matmul_product(const struct matmul *m, int product);

enum matmul_engine matmul_engine_of(const struct matmul *m);

/* Local. Bytes of a product's packed weights; 0 if they are read unpacked. */
size_t matmul_packed_bytes(const struct matmul *m, int product);
/* Local. Pack W into packed (64-byte aligned, matmul_packed_bytes). transposed: w is (n,k) row-major, else (k,n). */
status matmul_pack(const struct matmul *m, int product, const float *w, int transposed, void *packed);

/* Local, called by pool thread `thread`: rows <= MATMUL_ROWS rows of X and Y, 64-byte aligned, and (unless the product
 * has a fixed number of rows) with room up to a multiple of MATMUL_GRAIN rows (in Y these rows are overwritten with
 * undefined values). packed is only read. */
status matmul_run(const struct matmul *m, int product, int thread, int64_t rows, const void *x, const void *packed,
                  const float *bias, void *y);

/* Local. Measure, on all threads of the pool, what is exact on this machine; takes about a second for a large model. */
status matmul_check(const struct matmul *m, struct pool *pool, enum matmul_exact *out);

/* Local. "oneDNN 2.6.3 avx512_core_bf16", as recorded with a run. */
const char *matmul_about(const struct matmul *m);
/* Local. 1 if this CPU multiplies bf16 (AVX-512 BF16), int8 (AVX-512 VNNI). */
int matmul_has_bf16(void);
int matmul_has_int8(void);

#endif
