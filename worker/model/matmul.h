/* Y = X W (+ b) on one thread, with weights packed once or taken plain: the one place that knows oneDNN (2.x and 3.x)
 * and, as the fallback, OpenBLAS (f32 only). Every primitive is made and run on a single thread; the
 * caller divides the rows. Everything is compiled and allocated by matmul_new; one packed layout serves all row counts
 * (asserted there).
 *
 * Exactness. What a row of Y is may depend, on some machines, on how many rows were multiplied together. matmul_check
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
    enum number in, out; /* of X and W; of Y. Sums are f32 inside. U8: X is u8, W s8 (packed from floats that are whole
                          * numbers), and Y, S32, exact */
    int bias;            /* add b (n), f32 */
    /* What weight gradients and large vocabularies need; 0 is the usual. */
    int64_t ld_x, ld_y; /* elements from row to row of X and Y; 0: dense */
    int64_t rows;       /* X always has so many rows: calls take MATMUL_ROWS of them, the last call exactly the rest */
    int x_columns;      /* X's rows stand as columns: X is stored (k,ld_x), as in dW = dY^T X. With rows only */
    int w_plain;        /* W is taken as it stands, (k,n) of type `in`: nothing is packed */
};

struct matmul;

/* Local. Compile products 0 … count-1 for so many threads. ST_INPUT (reported) where the engine or the CPU cannot. */
status matmul_new(enum matmul_engine engine, const struct matmul_spec *specs, int count, int threads,
                  struct matmul **out);
void matmul_destroy(struct matmul **m);

int matmul_count(const struct matmul *m);
const struct matmul_spec *matmul_product(const struct matmul *m, int product);

enum matmul_engine matmul_engine_of(const struct matmul *m);

/* Local. Bytes of a product's packed weights; 0 where they are taken plain. */
size_t matmul_packed_bytes(const struct matmul *m, int product);
/* Local. Pack W into packed (64-byte aligned, matmul_packed_bytes). transposed: w is (n,k) row-major, else (k,n). */
status matmul_pack(const struct matmul *m, int product, const float *w, int transposed, void *packed);

/* Local, called by pool thread `thread`: rows <= MATMUL_ROWS rows of X and Y, 64-byte aligned, and (unless the product
 * has a fixed number of rows) with room up to a multiple of MATMUL_GRAIN rows (what stands there is overwritten with
 * nonsense in Y). packed is only read. */
status matmul_run(const struct matmul *m, int product, int thread, int64_t rows, const void *x, const void *packed,
                  const float *bias, void *y);

/* Local. Measure, on all threads of the pool, what is exact here; about a second at a large model's sizes. */
status matmul_check(const struct matmul *m, struct pool *pool, enum matmul_exact *out);

/* Local. "oneDNN 2.6.3 avx512_core_bf16", as recorded with a run. */
const char *matmul_about(const struct matmul *m);
/* Local. 1 when this CPU multiplies bf16 (AVX-512 BF16), int8 (AVX-512 VNNI). */
int matmul_has_bf16(void);
int matmul_has_int8(void);

#endif
