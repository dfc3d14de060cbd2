/* `plain`: BERT's own, normal numbers of deviation 0.02. `neighbours`: a small encoder that starts so sits for
 * thousands of steps at the loss of single words' frequencies until some head finds the tokens beside; here the first
 * layer's first four heads begin there. Positions are sines in the last quarter of the dimensions, words live in the
 * rest; a head's key is the position, its query the position rotated by the offset, value and output nearly
 * orthogonal. The folder is an ordinary BERT. */
#include "coordinator/mlm/start.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/random.h"
#include "worker/model/flat.h"
#include "worker/model/folder.h"

static const int offsets[] = {-2, -1, 1, 2};
enum { OFFSETS = sizeof offsets / sizeof *offsets };

static const double gain = 2, fastest = 3, slowest = 0.03, deviation = 0.02;

struct start_place {
    int64_t first, pairs;
}; /* of the sines in a row */

static struct start_place place_of(const struct model_config *c)
{
    int64_t width = c->hidden / c->heads, room = c->hidden / 4 < width ? c->hidden / 4 : width;

    return (struct start_place){c->hidden - c->hidden / 4, room / 2};
}

static double frequency(const struct start_place *p, int64_t pair)
{
    return fastest * pow(slowest / fastest, (double)pair / (double)p->pairs);
}

static void set_embeddings(const struct flat *f, const struct start_place *p, float *values)
{
    const struct model_config *c = &f->config;
    float *word = values + f->offset[NAME_WORD], *position = values + f->offset[NAME_POSITION];
    float *type = values + f->offset[NAME_TYPE];

    for (int64_t i = 0; i < c->vocab; i++)
        memset(word + i * c->hidden + p->first, 0, (size_t)(c->hidden - p->first) * sizeof *word);
    memset(type, 0, (size_t)f->size[NAME_TYPE] * sizeof *type);
    memset(position, 0, (size_t)f->size[NAME_POSITION] * sizeof *position);
    for (int64_t i = 0; i < c->positions; i++)
        for (int64_t j = 0; j < p->pairs; j++) {
            float *at = position + i * c->hidden + p->first + 2 * j;

            at[0] = (float)(deviation * sqrt(2) * sin((double)i * frequency(p, j)));
            at[1] = (float)(deviation * sqrt(2) * cos((double)i * frequency(p, j)));
        }
}

static void set_head(const struct flat *f, const struct start_place *p, int head, struct random_key key, float *values)
{
    int64_t h = f->config.hidden, width = h / f->config.heads, row = head * width;
    float *query = values + flat_layer(f, 0, FLAT_QUERY) + row * h,
          *key_weight = values + flat_layer(f, 0, FLAT_KEY) + row * h;
    float *value = values + flat_layer(f, 0, FLAT_VALUE) + row * h, *out = values + flat_layer(f, 0, FLAT_OUT);

    memset(query, 0, (size_t)(width * h) * sizeof *query);
    memset(key_weight, 0, (size_t)(width * h) * sizeof *key_weight);
    for (int64_t j = 0; j < p->pairs; j++) {
        double angle = offsets[head] * frequency(p, j);
        int64_t column = p->first + 2 * j;

        query[2 * j * h + column] = query[(2 * j + 1) * h + column + 1] = (float)(gain * cos(angle));
        query[2 * j * h + column + 1] = (float)(gain * sin(angle));
        query[(2 * j + 1) * h + column] = (float)(-gain * sin(angle));
        key_weight[2 * j * h + column] = key_weight[(2 * j + 1) * h + column + 1] = 1;
    }
    for (int64_t i = 0; i < width; i++)
        for (int64_t j = 0; j < h; j++) {
            float x = j < p->first ? (float)(random_normal(key, (uint64_t)((row + i) * h + j)) / sqrt((double)h)) : 0;

            value[i * h + j] = x;
            out[j * h + row + i] = x;
        }
}

static status read_values(void *arg, const char *name, int64_t first, int64_t count, float *out)
{
    return flat_copy(arg, name, first, count, out);
}

static status check_start(const struct mlm_config *c)
{
    const struct mlm_sizes_config *e = &c->encoder;

    if (e->hidden % e->heads != 0)
        return fault(ST_INPUT, "encoder.hidden: found %lld, expected a multiple of encoder.heads, %lld",
                     (long long)e->hidden, (long long)e->heads);
    if (c->start == START_NEIGHBOURS && (e->heads < OFFSETS || e->hidden / e->heads < 4))
        return fault(ST_INPUT, "encoder.start: neighbours, expected at least %d heads of 4 dimensions", OFFSETS);
    return ST_OK;
}

status mlm_start_write(const struct mlm_config *config, const struct vocabulary *vocabulary, const char *folder)
{
    const struct mlm_sizes_config *e = &config->encoder;
    struct random_key key = random_seed((uint64_t)config->seed, RANDOM_INIT);
    struct model_config c = {.layers = e->layers,
                             .hidden = e->hidden,
                             .heads = e->heads,
                             .feed_forward = e->feed_forward,
                             .positions = e->positions,
                             .vocab = vocabulary_size(vocabulary),
                             .types = 2,
                             .eps = 1e-12,
                             .hidden_dropout = e->dropout,
                             .attention_dropout = e->dropout};
    struct packed_weights_source random = packed_weights_from_random(&key);
    struct flat_view view;
    struct flat flat;
    float *values = NULL;
    status s;

    TRY(check_start(config));
    TRY(flat_init(&flat, &c));
    s = mem_alloc((size_t)flat.count, sizeof *values, &values);
    if (s == ST_OK) s = flat_read(&flat, &random, 1, values);
    if (s == ST_OK && config->start == START_NEIGHBOURS) {
        struct start_place p = place_of(&c);

        set_embeddings(&flat, &p, values);
        for (int i = 0; i < OFFSETS; i++) set_head(&flat, &p, i, random_derive(key, 1, 0, 0, 0), values);
    }
    if (s == ST_OK) s = vocabulary_write(vocabulary, folder, c.positions);
    if (s == ST_OK) {
        struct model_folder what = {.config = c, .type = TENSOR_F32, .head = 1, .read = read_values, .arg = &view};

        view = (struct flat_view){&flat, values};
        s = model_folder_write(folder, &what);
    }
    mem_free(values);
    flat_fini(&flat);
    return s;
}
