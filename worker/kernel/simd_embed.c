/* The embedding: three table rows, LayerNorm, dropout, the first layer's prompt. */
#include "worker/kernel/norm_row.h"
#include "worker/kernel/simd.h"

VEC_INLINE void embed_type(enum number type, enum number word_type, const struct norm *n, const int32_t *ids,
                           const void *word, const float *position, const float *token_type, float *h, void *h_matrix,
                           void *xhat, float *rstd)
{
    int w = n->width;

    for (int64_t row = 0; row < n->rows; row++) {
        const char *word_row = (const char *)word + (size_t)ids[row] * (size_t)w * number_size(word_type);
        const float *position_row = position + (size_t)n->place[row].position * (size_t)w;
        float *o = h + row * w;
        vec sum[4] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()};

        for (int i = 0; i < w; i += 64)
            for (int k = 0; k < 4; k++) {
                int j = i + k * LANES;
                vec r = vec_add(vec_at_type(word_type, word_row, j, w), vec_at(token_type, j, w));

                r = vec_add(r, vec_at(position_row, j, w));
                vec_put(o, j, w, r);
                sum[k] = vec_add(sum[k], r);
            }
        norm_finish(type, n, row, sum, o, &n->drop, h_matrix, xhat, rstd);
    }
}

static void embed_forward(const struct norm *n, const int32_t *ids, enum number word_type, const void *word,
                          const float *position, const float *token_type, float *h, void *h_matrix, void *xhat,
                          float *rstd)
{
    embed_type(n->type, word_type, n, ids, word, position, token_type, h, h_matrix, xhat, rstd);
}

void KERNEL(embed_kernels)(struct kernels *k)
{
    k->embed_forward = embed_forward;
}
