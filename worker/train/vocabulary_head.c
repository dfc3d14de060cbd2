#include "worker/train/vocabulary_head.h"

#include <stdatomic.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "worker/train/weight_gradient.h"

enum {
    HEAD_BLOCK = 80, /* target rows that one thread processes at a time; changing it changes result bits */
    SLICE = 2048     /* words per slice */
};

enum head_product {
    HEAD_DENSE, /* (H) -> (H), bias */
    HEAD_DENSE_BACK,
    HEAD_SLICE, /* (H) -> (SLICE), bias; the last slice is smaller */
    HEAD_LAST,
    HEAD_SLICE_BACK, /* (SLICE) -> (H), with the plain table */
    HEAD_LAST_BACK,
    HEAD_FORWARD_PRODUCTS = HEAD_SLICE_BACK,
    HEAD_DENSE_WEIGHT = HEAD_LAST_BACK + 1,
    HEAD_WORD_WEIGHT,
    HEAD_PRODUCTS
};

struct head_scratch {
    float *logits, *narrow, *sum;
}; /* (HEAD_BLOCK,ld), (HEAD_BLOCK,H), (HEAD_BLOCK,H) */

struct vocabulary_head {
    const struct encoder *e;
    const struct flat *flat;
    struct matmul *matmul;
    int32_t room; /* targets, rounded up to blocks */
    int64_t ld;   /* of logits: the vocabulary, rounded up */
    int64_t slices;
    char *dense, *dense_back, *words; /* packed; words: slice after slice */
    char *plain;                      /* (V,H) of precision: a decoder's own table, for training; else NULL */
    size_t slice_bytes;
    float *bias;                    /* (V) */
    void *x, *pre, *act, *t, *xhat; /* (M,H) of precision: hidden rows, dense's output, GELU's, decoder's input */
    float *rstd, *d_t;              /* (M), (M,H) */
    void *d_pre, *d_logits;         /* (M,H), (M,ld) of precision */
    float *zeros;                   /* (HEAD_BLOCK,H) */
    struct head_scratch *scratch;   /* one per thread */
    int threads;
    double *loss;
    int32_t *best;
    struct mem_keep keep; /* all of these arrays */
    /* of the current call */
    const struct vocabulary_run *run;
    atomic_int next, failed;
};

static int64_t slice_words(const struct vocabulary_head *h, int64_t slice)
{
    return slice + 1 < h->slices ? SLICE : h->e->config.vocab - slice * SLICE;
}

/* ---- memory ---- */

static status compile(struct vocabulary_head *h, int train)
{
    const struct model_config *c = &h->e->config;
    enum number type = h->e->precision;
    int64_t last = slice_words(h, h->slices - 1), width = c->hidden;
    const struct matmul_spec specs[HEAD_PRODUCTS] = {
        [HEAD_DENSE] = {.k = width, .n = width, .in = type, .out = type, .bias = 1},
        [HEAD_DENSE_BACK] = {.k = width, .n = width, .in = type, .out = NUMBER_F32},
        [HEAD_SLICE] =
            {.k = width, .n = h->slices > 1 ? SLICE : last, .in = type, .out = NUMBER_F32, .bias = 1, .ld_y = h->ld},
        [HEAD_LAST] = {.k = width, .n = last, .in = type, .out = NUMBER_F32, .bias = 1, .ld_y = h->ld},
        [HEAD_SLICE_BACK] =
            {.k = h->slices > 1 ? SLICE : last, .n = width, .in = type, .out = NUMBER_F32, .ld_x = h->ld, .w_plain = 1},
        [HEAD_LAST_BACK] = {.k = last, .n = width, .in = type, .out = NUMBER_F32, .ld_x = h->ld, .w_plain = 1},
        [HEAD_DENSE_WEIGHT] = weight_product(type, h->room, width, width, width),
        [HEAD_WORD_WEIGHT] = weight_product(type, h->room, c->vocab, width, h->ld)};

    return matmul_new(matmul_engine_of(h->e->matmul), specs, train ? (int)HEAD_PRODUCTS : (int)HEAD_FORWARD_PRODUCTS,
                      h->threads, &h->matmul);
}

static status alloc_packed(struct vocabulary_head *h)
{
    TRY(mem_keep_new(&h->keep, matmul_packed_bytes(h->matmul, HEAD_DENSE), 1, &h->dense));
    TRY(mem_keep_new(&h->keep, matmul_packed_bytes(h->matmul, HEAD_DENSE_BACK), 1, &h->dense_back));
    h->slice_bytes = (matmul_packed_bytes(h->matmul, HEAD_SLICE) + 63) / 64 * 64;
    TRY(mem_keep_new(&h->keep, (size_t)(h->slices - 1) * h->slice_bytes + matmul_packed_bytes(h->matmul, HEAD_LAST), 1,
                     &h->words));
    return mem_keep_new(&h->keep, (size_t)h->e->config.vocab, sizeof *h->bias, &h->bias);
}

/* The decoder's table: its own, or the words'. */
static int64_t decoder_at(const struct flat *f)
{
    return f->config.untied ? flat_head(f, FLAT_DECODER) : f->offset[NAME_WORD];
}

static status alloc_rows(struct vocabulary_head *h, int train)
{
    size_t rows = (size_t)h->room, width = (size_t)h->e->config.hidden, size = number_size(h->e->precision);
    void **arrays[] = {&h->x, &h->pre, &h->act, &h->t, &h->xhat, &h->d_pre};

    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        TRY(mem_keep_new(&h->keep, rows * width, size, arrays[i]));
    TRY(mem_keep_new(&h->keep, rows, sizeof *h->rstd, &h->rstd));
    TRY(mem_keep_new(&h->keep, rows * width, sizeof *h->d_t, &h->d_t));
    TRY(mem_keep_new(&h->keep, rows, sizeof *h->loss, &h->loss));
    TRY(mem_keep_new(&h->keep, rows, sizeof *h->best, &h->best));
    TRY(mem_keep_new(&h->keep, HEAD_BLOCK * width, sizeof *h->zeros, &h->zeros));
    if (train) TRY(mem_keep_new(&h->keep, rows * (size_t)h->ld, size, &h->d_logits));
    if (train && h->flat->config.untied)
        TRY(mem_keep_new(&h->keep, (size_t)h->e->config.vocab * width, size, &h->plain));
    TRY(mem_keep_new(&h->keep, (size_t)h->threads, sizeof *h->scratch, &h->scratch));
    for (int i = 0; i < h->threads; i++) {
        TRY(mem_keep_new(&h->keep, (size_t)(HEAD_BLOCK * h->ld), sizeof(float), &h->scratch[i].logits));
        TRY(mem_keep_new(&h->keep, HEAD_BLOCK * width, sizeof(float), &h->scratch[i].narrow));
        TRY(mem_keep_new(&h->keep, HEAD_BLOCK * width, sizeof(float), &h->scratch[i].sum));
    }
    return ST_OK;
}

status vocabulary_head_new(const struct encoder *e, const struct flat *flat, int32_t targets, int threads, int train,
                           struct vocabulary_head **out)
{
    struct vocabulary_head *h;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *h, &h));
    h->e = e;
    h->flat = flat;
    h->threads = threads;
    h->room = (targets + HEAD_BLOCK - 1) / HEAD_BLOCK * HEAD_BLOCK;
    h->ld = (e->config.vocab + 31) / 32 * 32;
    h->slices = (e->config.vocab + SLICE - 1) / SLICE;
    s = compile(h, train);
    if (s == ST_OK) s = alloc_packed(h);
    if (s == ST_OK) s = alloc_rows(h, train);
    if (s != ST_OK) {
        vocabulary_head_destroy(&h);
        return s;
    }
    *out = h;
    return ST_OK;
}

void vocabulary_head_destroy(struct vocabulary_head **out)
{
    struct vocabulary_head *h = *out;

    if (!h) return;
    matmul_destroy(&h->matmul);
    mem_keep_free(&h->keep);
    mem_free(h);
    *out = NULL;
}

/* ---- packing ---- */

static const float *head_values(const struct vocabulary_head *h, const float *values, enum flat_head_slot slot)
{
    return values + flat_head(h->flat, slot);
}

struct packing {
    struct vocabulary_head *h;
    const float *values;
    atomic_int next, failed;
};

static void pack_job(void *arg, int thread, int threads)
{
    struct packing *p = arg;
    const struct vocabulary_head *h = p->h;
    const float *dense = head_values(h, p->values, FLAT_DENSE), *words = p->values + decoder_at(h->flat);
    int64_t item;

    (void)thread, (void)threads;
    while ((item = atomic_fetch_add(&p->next, 1)) < h->slices + 2) {
        int product = item + 1 < h->slices ? HEAD_SLICE : HEAD_LAST;
        status s;

        if (item == h->slices) s = matmul_pack(h->matmul, HEAD_DENSE, dense, 1, h->dense);
        else if (item > h->slices) s = matmul_pack(h->matmul, HEAD_DENSE_BACK, dense, 0, h->dense_back);
        else
            s = matmul_pack(h->matmul, product, words + item * SLICE * h->e->config.hidden, 1,
                            h->words + (size_t)item * h->slice_bytes);
        if (s != ST_OK) atomic_store(&p->failed, (int)s);
    }
}

status vocabulary_head_pack(struct vocabulary_head *h, struct pool *pool, const float *values)
{
    struct packing p = {.h = h, .values = values};
    const float *words = values + decoder_at(h->flat);
    int64_t count = h->e->config.vocab * h->e->config.hidden;

    if (h->plain && h->e->precision == NUMBER_BF16) h->e->kernels.to_bf16(count, words, (uint16_t *)(void *)h->plain);
    else if (h->plain) memcpy(h->plain, words, (size_t)count * sizeof *words);
    memcpy(h->bias, head_values(h, values, FLAT_DECODER_BIAS), (size_t)h->e->config.vocab * sizeof *h->bias);
    pool_run(pool, pack_job, &p);
    return (status)atomic_load(&p.failed);
}

/* ---- forward ---- */

static void *row_of(const struct vocabulary_head *h, void *array, int64_t row, int64_t width)
{
    return (char *)array + (size_t)(row * width) * number_size(h->e->precision);
}

static struct norm head_norm(const struct vocabulary_head *h, const float *values, int64_t rows)
{
    const struct random_key none = {{0, 0}};

    return (struct norm){.rows = rows,
                         .width = (int)h->e->config.hidden,
                         .eps = (float)h->e->config.eps,
                         .type = h->e->precision,
                         .drop = dropout_make(none, 0),
                         .gamma = head_values(h, values, FLAT_HEAD_NORM),
                         .beta = head_values(h, values, FLAT_HEAD_NORM_BIAS)};
}

/* Hidden rows to the decoder's input. */
static status transform(struct vocabulary_head *h, int thread, int64_t first, int64_t rows)
{
    const struct kernels *k = &h->e->kernels;
    const struct vocabulary_run *run = h->run;
    int64_t width = h->e->config.hidden;
    enum number type = h->e->precision;
    void *x = row_of(h, h->x, first, width), *pre = row_of(h, h->pre, first, width),
         *act = row_of(h, h->act, first, width);
    struct norm n = head_norm(h, run->values, rows);
    float *gathered = h->scratch[thread].narrow;

    k->gather(rows, (int)width, NUMBER_F32, run->rows + first, run->hidden, gathered);
    if (type == NUMBER_BF16) k->to_bf16(rows * width, gathered, x);
    else memcpy(x, gathered, (size_t)(rows * width) * sizeof *gathered);
    TRY(matmul_run(h->matmul, HEAD_DENSE, thread, rows, x, h->dense, head_values(h, run->values, FLAT_DENSE_BIAS),
                   pre));
    k->gelu_forward(rows * width, type, pre, type, act);
    k->norm_forward(&n, h->zeros, act, gathered, row_of(h, h->t, first, width), row_of(h, h->xhat, first, width),
                    h->rstd + first);
    return ST_OK;
}

static status decode(struct vocabulary_head *h, int thread, int64_t first, int64_t rows)
{
    const struct vocabulary_run *run = h->run;
    int64_t v = h->e->config.vocab;
    float *logits = h->scratch[thread].logits;
    void *t = row_of(h, h->t, first, h->e->config.hidden);

    for (int64_t i = 0; i < h->slices; i++)
        TRY(matmul_run(h->matmul, i + 1 < h->slices ? HEAD_SLICE : HEAD_LAST, thread, rows, t,
                       h->words + (size_t)i * h->slice_bytes, h->bias + i * SLICE, logits + i * SLICE));
    for (int64_t i = 0; i < rows && run->logits; i++)
        memcpy(run->logits + (first + i) * v, logits + i * h->ld, (size_t)v * sizeof *logits);
    h->e->kernels.vocabulary_loss(rows, (int)v, logits, h->ld, run->targets + first, run->factor, h->e->precision,
                                  run->d_hidden ? row_of(h, h->d_logits, first, h->ld) : NULL, h->ld, h->loss + first,
                                  h->best + first);
    return ST_OK;
}

/* ---- backward ---- */

/* d_t = d_logits times the decoder's table, slice by slice in order. */
static status decode_back(struct vocabulary_head *h, int thread, int64_t first, int64_t rows)
{
    int64_t width = h->e->config.hidden;
    float *d_t = h->d_t + first * width, *sum = h->scratch[thread].sum;

    for (int64_t i = 0; i < h->slices; i++) {
        const char *d = (const char *)row_of(h, h->d_logits, first, h->ld) +
                        (size_t)(i * SLICE) * number_size(h->e->precision);
        const char *words = (h->plain ? h->plain : (const char *)h->e->weights.word) +
                            (size_t)(i * SLICE * width) * number_size(h->e->precision);

        TRY(matmul_run(h->matmul, i + 1 < h->slices ? HEAD_SLICE_BACK : HEAD_LAST_BACK, thread, rows, d, words, NULL,
                       i ? sum : d_t));
        if (i) h->e->kernels.add(rows * width, d_t, sum);
    }
    return ST_OK;
}

static status transform_back(struct vocabulary_head *h, int thread, int64_t first, int64_t rows)
{
    const struct kernels *k = &h->e->kernels;
    int64_t width = h->e->config.hidden;
    enum number type = h->e->precision;
    struct norm n = head_norm(h, h->run->values, rows);
    void *d_pre = row_of(h, h->d_pre, first, width);
    float *d_x = h->scratch[thread].sum;

    k->norm_backward(&n, h->d_t + first * width, NULL, row_of(h, h->xhat, first, width), h->rstd + first, d_x, d_pre);
    k->gelu_backward(rows * width, type, row_of(h, h->pre, first, width), type, d_pre, d_pre);
    TRY(matmul_run(h->matmul, HEAD_DENSE_BACK, thread, rows, d_pre, h->dense_back, NULL, d_x));
    for (int64_t i = 0; i < rows; i++)
        memcpy(h->run->d_hidden + h->run->rows[first + i] * width, d_x + i * width, (size_t)width * sizeof *d_x);
    return ST_OK;
}

static status run_block(struct vocabulary_head *h, int thread, int64_t first, int64_t rows)
{
    TRY(transform(h, thread, first, rows));
    TRY(decode(h, thread, first, rows));
    if (!h->run->d_hidden) return ST_OK;
    TRY(decode_back(h, thread, first, rows));
    return transform_back(h, thread, first, rows);
}

static void run_job(void *arg, int thread, int threads)
{
    struct vocabulary_head *h = arg;

    (void)threads;
    for (;;) {
        int64_t first = (int64_t)atomic_fetch_add(&h->next, 1) * HEAD_BLOCK, left = h->run->count - first;
        status s;

        if (left <= 0) return;
        s = run_block(h, thread, first, left < HEAD_BLOCK ? left : HEAD_BLOCK);
        if (s != ST_OK) atomic_store(&h->failed, (int)s);
    }
}

status vocabulary_head_run(struct vocabulary_head *h, struct pool *pool, const struct vocabulary_run *run,
                           const double **loss, const int32_t **best)
{
    h->run = run;
    atomic_store(&h->next, 0);
    atomic_store(&h->failed, 0);
    pool_run(pool, run_job, h);
    *loss = h->loss;
    *best = h->best;
    return (status)atomic_load(&h->failed);
}

/* Rows after the last target: products read them, so they must be 0. */
static void clear_rest(struct vocabulary_head *h)
{
    int64_t width = h->e->config.hidden, first = h->run->count, rows = h->room - first;
    size_t size = number_size(h->e->precision), bytes = (size_t)(rows * width) * size;

    memset(row_of(h, h->x, first, width), 0, bytes);
    memset(row_of(h, h->t, first, width), 0, bytes);
    memset(row_of(h, h->d_pre, first, width), 0, bytes);
    memset(row_of(h, h->d_logits, first, h->ld), 0, (size_t)(rows * h->ld) * size);
}

status vocabulary_head_gradient(struct vocabulary_head *h, struct pool *pool, float *grad)
{
    int64_t m = h->run->count, width = h->e->config.hidden, v = h->e->config.vocab;
    enum number type = h->e->precision;
    const struct flat *f = h->flat;
    struct weight_work w = {.kernels = &h->e->kernels, .matmul = h->matmul, .weights = 2, .biases = 2, .norms = 1};

    clear_rest(h);
    w.weight[0] = (struct weight_piece){HEAD_WORD_WEIGHT, h->t, h->d_logits, grad + decoder_at(f)};
    w.weight[1] = (struct weight_piece){HEAD_DENSE_WEIGHT, h->x, h->d_pre, grad + flat_head(f, FLAT_DENSE)};
    w.bias[0] = (struct bias_piece){h->d_logits, type, m, v, h->ld, grad + flat_head(f, FLAT_DECODER_BIAS)};
    w.bias[1] = (struct bias_piece){h->d_pre, type, m, width, width, grad + flat_head(f, FLAT_DENSE_BIAS)};
    w.norm[0] = (struct norm_piece){
        head_norm(h, h->run->values, m),         0, h->d_t, h->xhat, grad + flat_head(f, FLAT_HEAD_NORM),
        grad + flat_head(f, FLAT_HEAD_NORM_BIAS)};
    for (int i = 0; i < w.biases; i++) memset(w.bias[i].out, 0, (size_t)w.bias[i].n * sizeof(float));
    memset(w.norm[0].gamma, 0, (size_t)width * sizeof(float));
    memset(w.norm[0].beta, 0, (size_t)width * sizeof(float));
    return weight_gradient(&w, pool);
}
