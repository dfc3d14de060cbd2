/* The packed block. The same walk over its parts computes its size, fills it and attaches it. */
#include "worker/model/packed_weights.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "worker/model/layout.h"

static const char MAGIC[8] = "mp2wts1";

/* What must agree before a block is used; compared as bytes, so every byte of it is set. */
struct weights_header {
    char magic[8];
    struct model_config config;
    int64_t precision;
    int64_t packed_weights_bytes[PRODUCT_COUNT];
    char about[96]; /* the engine and instruction set that chose the layout */
};

void packed_weights_products(const struct model_config *c, enum number p, struct matmul_spec specs[PRODUCT_COUNT])
{
    int64_t h = c->hidden, f = c->feed_forward;

    specs[PRODUCT_QKV] = (struct matmul_spec){.k = h, .n = 3 * h, .in = p, .out = p, .bias = 1};
    specs[PRODUCT_OUT] = (struct matmul_spec){.k = h, .n = h, .in = p, .out = p, .bias = 1};
    specs[PRODUCT_UP] = (struct matmul_spec){.k = h, .n = f, .in = p, .out = p, .bias = 1};
    specs[PRODUCT_DOWN] = (struct matmul_spec){.k = f, .n = h, .in = p, .out = p, .bias = 1};
    specs[PRODUCT_QKV_BACK] = (struct matmul_spec){.k = 3 * h, .n = h, .in = p, .out = NUMBER_F32, .bias = 0};
    specs[PRODUCT_OUT_BACK] = (struct matmul_spec){.k = h, .n = h, .in = p, .out = p, .bias = 0};
    specs[PRODUCT_UP_BACK] = (struct matmul_spec){.k = f, .n = h, .in = p, .out = NUMBER_F32, .bias = 0};
    specs[PRODUCT_DOWN_BACK] = (struct matmul_spec){.k = h, .n = f, .in = p, .out = p, .bias = 0};
}

void packed_weights_products_int8(const struct model_config *c, struct matmul_spec specs[PRODUCT_COUNT])
{
    packed_weights_products(c, NUMBER_U8, specs);
    for (int i = 0; i < PRODUCT_COUNT; i++)
        specs[i] = (struct matmul_spec){.k = specs[i].k, .n = specs[i].n, .in = NUMBER_U8, .out = NUMBER_S32};
}

/* ---- the layout -------------------------------------------------------------------------------------------------- */

static int is_int8(const struct matmul *m)
{
    return matmul_product(m, PRODUCT_QKV)->in == NUMBER_U8;
}

static void walk_layer(struct layout *w, const struct model_config *c, const struct matmul *m,
                       struct packed_weights_layer *l)
{
    int64_t h = c->hidden;

    for (int i = 0; i < matmul_count(m); i++) l->packed[i] = layout_take(w, matmul_packed_bytes(m, i));
    memset(l->bias, 0, sizeof l->bias);
    for (int i = 0; i < (is_int8(m) ? PRODUCT_COUNT : PRODUCT_DOWN + 1); i++)
        l->bias[i] = layout_floats(w, matmul_product(m, i)->n);
    for (int i = 0; i < PRODUCT_COUNT && is_int8(m); i++) {
        l->scale[i] = layout_floats(w, matmul_product(m, i)->n);
        l->offset[i] = layout_take(w, (size_t)matmul_product(m, i)->n * sizeof(int32_t));
    }
    l->norm1_weight = layout_floats(w, h);
    l->norm1_bias = layout_floats(w, h);
    l->norm2_weight = layout_floats(w, h);
    l->norm2_bias = layout_floats(w, h);
}

/* base NULL: only sizes. out->layer must have room for c->layers, or be NULL. */
static size_t walk_all(const struct model_config *c, enum number p, const struct matmul *m, void *base,
                       struct packed_weights *out)
{
    struct layout w = {.base = base};
    struct packed_weights_layer layer;

    layout_take(&w, sizeof(struct weights_header));
    out->word = layout_take(&w, (size_t)(c->vocab * c->hidden) * number_size(p));
    out->position = layout_floats(&w, c->positions * c->hidden);
    out->type = layout_floats(&w, c->types * c->hidden);
    out->norm_weight = layout_floats(&w, c->hidden);
    out->norm_bias = layout_floats(&w, c->hidden);
    for (int64_t l = 0; l < c->layers; l++) walk_layer(&w, c, m, out->layer ? &out->layer[l] : &layer);
    return w.offset;
}

size_t packed_weights_bytes(const struct model_config *c, enum number p, const struct matmul *m)
{
    struct packed_weights unused = {0};

    return walk_all(c, p, m, NULL, &unused);
}

static void header_make(struct weights_header *h, const struct model_config *c, enum number p, const struct matmul *m)
{
    memset(h, 0, sizeof *h);
    memcpy(h->magic, MAGIC, sizeof MAGIC);
    h->config = *c;
    h->precision = p;
    for (int i = 0; i < matmul_count(m); i++) h->packed_weights_bytes[i] = (int64_t)matmul_packed_bytes(m, i);
    snprintf(h->about, sizeof h->about, "%s", matmul_about(m));
}

static status attach(const struct model_config *c, enum number p, const struct matmul *m, void *memory,
                     struct packed_weights *out)
{
    memset(out, 0, sizeof *out);
    TRY(mem_alloc((size_t)c->layers, sizeof *out->layer, &out->layer));
    out->config = *c;
    out->precision = p;
    walk_all(c, p, m, memory, out);
    return ST_OK;
}

status packed_weights_attach(const struct model_config *c, enum number p, const struct matmul *m, void *memory,
                             struct packed_weights *out)
{
    struct weights_header expected;

    memset(out, 0, sizeof *out);
    header_make(&expected, c, p, m);
    if (memcmp(memory, &expected, sizeof expected) != 0)
        return fault(ST_INPUT, "the packed weights in memory are of another encoder, precision or machine");
    return attach(c, p, m, memory, out);
}

void packed_weights_fini(struct packed_weights *w)
{
    mem_free(w->layer);
    mem_free(w->room);
    memset(w, 0, sizeof *w);
}

/* ---- packing ----------------------------------------------------------------------------------------------------- */

struct packer {
    const struct model_config *config;
    const struct matmul *matmul;
    const struct packed_weights_source *source;
    struct kernels kernels;
    float *matrix;   /* room for the largest matrix of a layer */
    float *integers; /* int8: likewise, for the integers it is rounded to */
    char name[160];
};

static status read_layer(struct packer *p, int64_t layer, const char *name, int64_t rows, int64_t width, float *out)
{
    snprintf(p->name, sizeof p->name, "encoder.layer.%lld.%s", (long long)layer, name);
    return p->source->read(p->source->arg, p->name, 0, rows, width, out);
}

/* Multiply by the n x n Hadamard matrix times factor, along an axis of n numbers `step` apart, for `count`
 * neighbours. */
static void mix(float *x, int n, float factor, int64_t step, int64_t count)
{
    for (int half = n / 2; half > 0; half /= 2)
        for (int i = 0; i < n; i++) {
            float *a = x + i * step, *b = a + half * step;

            if (i & half) continue;
            for (int64_t j = 0; j < count; j++) {
                float sum = a[j] + b[j];

                b[j] = a[j] - b[j];
                a[j] = sum;
            }
        }
    for (int i = 0; i < n; i++)
        for (int64_t j = 0; j < count; j++) x[i * step + j] *= factor;
}

/* The rotation of the input rows of int8 products (kernels.h), along an axis of n numbers `width` apart (a matrix's
 * first axis; 1: a vector). */
static void rotate(float *x, int64_t n, int64_t width)
{
    enum { LANES = 16 };
    int64_t i = 0;

    for (; i + 16 * LANES <= n; i += 16 * LANES) mix(x + i * width, 16, .25f, LANES * width, LANES * width);
    for (; i + 4 * LANES <= n; i += 4 * LANES) mix(x + i * width, 4, .5f, LANES * width, LANES * width);
}

/* Rotate the matrix [rows,width] along W's rows, into p->integers: a rotated input row is multiplied by this. */
static void rotate_matrix(struct packer *p, int64_t rows, int64_t width, int product)
{
    memcpy(p->integers, p->matrix, (size_t)(rows * width) * sizeof *p->integers);
    if (product > PRODUCT_DOWN) rotate(p->integers, rows, width);
    else if (product != PRODUCT_DOWN)
        for (int64_t i = 0; i < rows; i++) rotate(p->integers + i * width, width, 1);
}

/* Largest magnitude of each row (by_row) or column of the matrix [rows,width]; infinite if one is not finite. */
static void measure_columns(const float *matrix, int64_t rows, int64_t width, int by_row, float *largest)
{
    memset(largest, 0, (size_t)(by_row ? rows : width) * sizeof *largest);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j++) {
            float a = fabsf(matrix[i * width + j]), *most = &largest[by_row ? i : j];

            if (!(a <= *most)) *most = isfinite(a) ? a : INFINITY;
        }
}

/* The matrix [n,k] of a forward product as integers: W's columns are its rows, those of the backward product's W^T its
 * columns. q's zero point adds to a column's sum: this is compensated in offset, for PRODUCT_DOWN in bias. */
static void round_matrix(struct packer *p, struct packed_weights_layer *l, int product)
{
    const struct matmul_spec *s = matmul_product(p->matmul, product);
    int backward = product > PRODUCT_DOWN;
    int64_t rows = backward ? s->k : s->n, width = backward ? s->n : s->k;
    float *scale = l->scale[product], *bias = l->bias[product];
    int32_t *sum = l->offset[product];

    rotate_matrix(p, rows, width, product);
    measure_columns(p->integers, rows, width, !backward, scale);
    memset(sum, 0, (size_t)s->n * sizeof *sum);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j++) {
            int64_t c = backward ? j : i, at = i * width + j;
            float most = scale[c];

            p->integers[at] = most > 0 && most < INFINITY ? rintf(p->integers[at] * (127 / most)) : 0;
            sum[c] += (int32_t)p->integers[at];
        }
    for (int64_t c = 0; c < s->n; c++) {
        scale[c] = scale[c] < INFINITY ? scale[c] / 127 : NAN;
        if (product == PRODUCT_DOWN) bias[c] -= (float)(INT8_FLOOR * (double)scale[c] * sum[c]);
        if (backward) bias[c] = 0;
        sum[c] = product == PRODUCT_DOWN ? 0 : 128 * sum[c];
    }
}

static status pack_int8(struct packer *p, struct packed_weights_layer *l, int product)
{
    round_matrix(p, l, product);
    return matmul_pack(p->matmul, product, p->integers, product <= PRODUCT_DOWN, l->packed[product]);
}

/* Pack the matrix [n,k], whose bias is already read, for a forward product and for the backward one with its
 * transpose. */
static status pack_products(struct packer *p, struct packed_weights_layer *l, int forward, int backward)
{
    if (is_int8(p->matmul)) {
        TRY(pack_int8(p, l, forward));
        return pack_int8(p, l, backward);
    }
    TRY(matmul_pack(p->matmul, forward, p->matrix, 1, l->packed[forward]));
    return matmul_pack(p->matmul, backward, p->matrix, 0, l->packed[backward]);
}

static status pack_matrix(struct packer *p, struct packed_weights_layer *l, int64_t layer, const char *name,
                          int forward, int backward)
{
    const struct matmul_spec *s = matmul_product(p->matmul, forward);
    char part[96];

    snprintf(part, sizeof part, "%s.weight", name);
    TRY(read_layer(p, layer, part, s->n, s->k, p->matrix));
    snprintf(part, sizeof part, "%s.bias", name);
    TRY(read_layer(p, layer, part, s->n, 1, l->bias[forward]));
    return pack_products(p, l, forward, backward);
}

static status pack_qkv(struct packer *p, struct packed_weights_layer *l, int64_t layer)
{
    static const char *const parts[] = {"query", "key", "value"};
    int64_t h = p->config->hidden;
    char part[96];

    for (int i = 0; i < 3; i++) {
        snprintf(part, sizeof part, "attention.self.%s.weight", parts[i]);
        TRY(read_layer(p, layer, part, h, h, p->matrix + i * h * h));
        snprintf(part, sizeof part, "attention.self.%s.bias", parts[i]);
        TRY(read_layer(p, layer, part, h, 1, l->bias[PRODUCT_QKV] + i * h));
    }
    return pack_products(p, l, PRODUCT_QKV, PRODUCT_QKV_BACK);
}

enum { LAYER_PARTS = 5 };

static status pack_layer(struct packer *p, struct packed_weights_layer *l, int64_t layer, int part)
{
    int64_t h = p->config->hidden;

    if (part == 0) return pack_qkv(p, l, layer);
    if (part == 1) return pack_matrix(p, l, layer, "attention.output.dense", PRODUCT_OUT, PRODUCT_OUT_BACK);
    if (part == 2) return pack_matrix(p, l, layer, "intermediate.dense", PRODUCT_UP, PRODUCT_UP_BACK);
    if (part == 3) return pack_matrix(p, l, layer, "output.dense", PRODUCT_DOWN, PRODUCT_DOWN_BACK);
    TRY(read_layer(p, layer, "attention.output.LayerNorm.weight", h, 1, l->norm1_weight));
    TRY(read_layer(p, layer, "attention.output.LayerNorm.bias", h, 1, l->norm1_bias));
    TRY(read_layer(p, layer, "output.LayerNorm.weight", h, 1, l->norm2_weight));
    return read_layer(p, layer, "output.LayerNorm.bias", h, 1, l->norm2_bias);
}

/* The word table is read in pieces of as many rows as fit into the matrix buffer: at least 3H. */
static int64_t word_rows(const struct model_config *c)
{
    return 3 * c->hidden;
}

static status pack_words(struct packer *p, struct packed_weights *w, int64_t row)
{
    const char *name = "embeddings.word_embeddings.weight";
    int64_t h = p->config->hidden, room = word_rows(p->config), rows = p->config->vocab - row;
    char *out = (char *)w->word + (size_t)(row * h) * number_size(w->precision);

    if (rows > room) rows = room;
    TRY(p->source->read(p->source->arg, name, row, rows, h, p->matrix));
    if (w->precision == NUMBER_BF16) p->kernels.to_bf16(rows * h, p->matrix, (uint16_t *)out);
    else memcpy(out, p->matrix, (size_t)(rows * h) * sizeof(float));
    return ST_OK;
}

static status pack_embeddings(struct packer *p, struct packed_weights *w)
{
    const struct model_config *c = p->config;
    const struct packed_weights_source *s = p->source;

    TRY(s->read(s->arg, "embeddings.position_embeddings.weight", 0, c->positions, c->hidden, w->position));
    TRY(s->read(s->arg, "embeddings.token_type_embeddings.weight", 0, c->types, c->hidden, w->type));
    TRY(s->read(s->arg, "embeddings.LayerNorm.weight", 0, c->hidden, 1, w->norm_weight));
    return s->read(s->arg, "embeddings.LayerNorm.bias", 0, c->hidden, 1, w->norm_bias);
}

/* ---- parts, one after another or on all threads ---- */

struct filling {
    struct packer packer; /* without a matrix buffer: every thread has its own */
    struct packed_weights *out;
    int64_t word_parts;
    float *room;             /* (threads, matrix); NULL: every thread allocates its own temporarily */
    atomic_int next, failed; /* failed: a status */
};

static int64_t part_count(const struct filling *f)
{
    return f->word_parts + 1 + f->packer.config->layers * LAYER_PARTS;
}

static status pack_part(struct filling *f, struct packer *p, int64_t part)
{
    int64_t layer;

    if (part < f->word_parts) return pack_words(p, f->out, part * word_rows(p->config));
    part -= f->word_parts;
    if (part == 0) return pack_embeddings(p, f->out);
    layer = (part - 1) / LAYER_PARTS;
    TRY(pack_layer(p, &f->out->layer[layer], layer, (int)((part - 1) % LAYER_PARTS)));
    if (p->source->drop && part % LAYER_PARTS == 0) p->source->drop(p->source->arg);
    return ST_OK;
}

/* The widest matrix of a layer. */
static int64_t matrix_floats(const struct model_config *c)
{
    return (c->feed_forward > 3 * c->hidden ? c->feed_forward : 3 * c->hidden) * c->hidden;
}

/* A thread's buffer for a matrix, in int8 also for its integers. */
static int64_t room_floats(const struct packer *p)
{
    return matrix_floats(p->config) * (is_int8(p->matmul) ? 2 : 1);
}

static void fill_job(void *arg, int thread, int threads)
{
    struct filling *f = arg;
    struct packer p = f->packer;
    int64_t n = room_floats(&p), part;
    status s = ST_OK;

    (void)threads;
    p.matrix = f->room + (f->room ? thread * n : 0);
    if (!f->room) s = mem_alloc((size_t)n, sizeof *p.matrix, &p.matrix);
    if (s == ST_OK && is_int8(p.matmul)) p.integers = p.matrix + matrix_floats(p.config);
    while (s == ST_OK && (part = atomic_fetch_add(&f->next, 1)) < part_count(f)) s = pack_part(f, &p, part);
    if (s != ST_OK) atomic_store(&f->failed, (int)s);
    if (!f->room) mem_free(p.matrix);
}

static status fill_parts(struct filling *f, struct pool *pool)
{
    const struct model_config *c = f->packer.config;

    f->word_parts = (c->vocab + word_rows(c) - 1) / word_rows(c);
    TRY(kernels_choose(ISA_AUTO, &f->packer.kernels));
    if (pool) pool_run(pool, fill_job, f);
    else fill_job(f, 0, 1);
    return (status)atomic_load(&f->failed);
}

status packed_weights_fill(const struct model_config *c, enum number precision, const struct matmul *m,
                           const struct packed_weights_source *source, struct pool *pool, void *memory)
{
    struct packed_weights w = {0};
    struct filling f = {.packer = {.config = c, .matmul = m, .source = source}, .out = &w};
    status s;

    TRY(attach(c, precision, m, memory, &w));
    s = fill_parts(&f, pool);
    if (s == ST_OK) header_make(memory, c, precision, m);
    packed_weights_fini(&w);
    return s;
}

status packed_weights_refill(struct packed_weights *w, const struct matmul *m,
                             const struct packed_weights_source *source, struct pool *pool)
{
    struct filling f = {.packer = {.config = &w->config, .matmul = m, .source = source}, .out = w};

    if (!w->room)
        TRY(mem_alloc((size_t)pool_threads(pool) * (size_t)room_floats(&f.packer), sizeof *w->room, &w->room));
    f.room = w->room;
    return fill_parts(&f, pool);
}

/* ---- sources ----------------------------------------------------------------------------------------------------- */

static status read_model(const void *arg, const char *name, int64_t first, int64_t rows, int64_t width, float *out)
{
    (void)width;
    return model_source_read_rows(arg, name, first, rows, out);
}

static void drop_model(const void *arg)
{
    model_source_drop(arg, NULL);
}

struct packed_weights_source packed_weights_from_model(const struct model_source *model)
{
    return (struct packed_weights_source){.read = read_model, .drop = drop_model, .arg = model};
}

static uint32_t name_hash(const char *name)
{
    uint32_t h = 2166136261u;

    for (; *name; name++) h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

static int ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

static status read_random(const void *arg, const char *name, int64_t first, int64_t rows, int64_t width, float *out)
{
    const struct random_key *root = arg;
    struct random_key key = random_derive(*root, name_hash(name), 0, 0, 0);

    for (int64_t i = 0; i < rows * width; i++) {
        uint64_t index = (uint64_t)(first * width + i);
        uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, 0}, word[4];
        double sum = 0;

        if (width == 1) {
            out[i] = ends_with(name, "LayerNorm.weight") ? 1.0f : 0.0f;
            continue;
        }
        /* The sum of eight uniform numbers is close enough to normal, and fast for hundreds of millions. */
        random_block(key, counter, word);
        for (int j = 0; j < 4; j++) sum += (double)(word[j] >> 16) + (double)(word[j] & 0xffffu);
        out[i] = (float)(0.02 * (sum / 65536.0 - 4.0) * 1.2247448713915890);
    }
    return ST_OK;
}

struct packed_weights_source packed_weights_from_random(const struct random_key *key)
{
    return (struct packed_weights_source){.read = read_random, .arg = key};
}
