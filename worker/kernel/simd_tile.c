/* The register tiles of tile.h: 6 rows x 4 vectors of sums stay in registers over the whole depth (6 x 1 with 16
 * registers of half the size), with fewer rows and vectors at the edges. */
#include "worker/kernel/tile.h"

#ifdef __AVX512F__
enum { TILE_ROWS = 6, TILE_VECS = 4 };
#else
enum { TILE_ROWS = 6, TILE_VECS = 1 };
#endif

/* rows and vecs are constants where this is inlined. */
VEC_INLINE void tile(int pairs, int rows, int vecs, int add, int64_t depth, struct operand a, const float *b, float *c,
                     int64_t ldc)
{
    vec sum[TILE_ROWS][TILE_VECS];
    const float *a3 = a.a + 3 * a.row;

#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) sum[r][v] = add ? vec_load(c + r * ldc + v * LANES) : vec_zero();
    for (int64_t k = 0; k < depth; k++) {
        vec column[TILE_VECS];

#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) column[v] = vec_load(b + v * LANES);
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            vec x = vec_set(r < 3 ? a.a[r * a.row] : a3[(r - 3) * a.row]);

#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++) sum[r][v] = tile_step(pairs, x, column[v], sum[r][v]);
        }
        a.a += a.step;
        a3 += a.step;
        b += PANEL;
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) vec_store(c + r * ldc + v * LANES, sum[r][v]);
}

/* m rows against `vecs` vectors of one panel, in tiles of 6, 4, 2 and 1 rows. */
VEC_INLINE void tile_column(int pairs, int vecs, int add, int64_t m, int64_t depth, struct operand a, const float *b,
                            float *c, int64_t ldc)
{
    int64_t i = 0;
    const float *first = a.a;

    for (; i + 6 <= m; i += 6, a.a = first + i * a.row) tile(pairs, 6, vecs, add, depth, a, b, c + i * ldc, ldc);
    for (; i + 4 <= m; i += 4, a.a = first + i * a.row) tile(pairs, 4, vecs, add, depth, a, b, c + i * ldc, ldc);
    for (; i + 2 <= m; i += 2, a.a = first + i * a.row) tile(pairs, 2, vecs, add, depth, a, b, c + i * ldc, ldc);
    for (; i < m; i++, a.a = first + i * a.row) tile(pairs, 1, vecs, add, depth, a, b, c + i * ldc, ldc);
}

VEC_INLINE void product_type(int pairs, int add, int64_t m, int64_t n, int64_t depth, struct operand a, const float *b,
                             float *c, int64_t ldc)
{
    for (int64_t j = 0; j < n; j += PANEL, b += depth * PANEL) {
        int64_t vecs = n - j >= PANEL ? PANEL_VECS : (n - j + LANES - 1) / LANES;

#ifdef __AVX512F__
        switch (vecs) {
        case 4: tile_column(pairs, 4, add, m, depth, a, b, c + j, ldc); break;
        case 3: tile_column(pairs, 3, add, m, depth, a, b, c + j, ldc); break;
        case 2: tile_column(pairs, 2, add, m, depth, a, b, c + j, ldc); break;
        default: tile_column(pairs, 1, add, m, depth, a, b, c + j, ldc); break;
        }
#else
        for (int64_t v = 0; v < vecs; v++)
            tile_column(pairs, 1, add, m, depth, a, b + v * LANES, c + j + v * LANES, ldc);
#endif
    }
}

void KERNEL(tile_product)(int pairs, int add, int64_t m, int64_t n, int64_t depth, struct operand a, const float *b,
                          float *c, int64_t ldc)
{
    if (TILE_PAIRS && pairs) product_type(TILE_PAIRS, add, m, n, depth, a, b, c, ldc);
    else product_type(0, add, m, n, depth, a, b, c, ldc);
}
