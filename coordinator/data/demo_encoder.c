/* The demo's encoder: weights set by rule. */
#include "coordinator/data/demo_encoder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "coordinator/data/demo.h"
#include "worker/model/folder.h"

enum {
    HIDDEN = 128, LAYERS = 3, HEADS = 4, WIDE = HIDDEN / HEADS, FEED = 512, POSITIONS = 512, TYPES = 2,
    WORDS = 44, SLOT = 15, BACK2 = WORDS, BACK1 = BACK2 + SLOT, AHEAD1 = BACK1 + SLOT,
    SEPARATOR = AHEAD1 + SLOT, QUOTE, START, FLAGS, FLAG_COUNT = 12, SINES = FLAGS + FLAG_COUNT, WAVES = (HIDDEN - SINES) / 2,
    TENSORS = 5 + 16 * LAYERS, AWAY = 3    /* waves used to push a place away from itself */
};

/* Flags. */
enum { ALONE, ALONE2, MEAN, AFTER_SEPARATOR, BEFORE_SEPARATOR, QUOTE_SOON, LEFT, LEFT2, RIGHT, RIGHT2 };

struct table { char name[96]; float *at; int64_t count; };

struct maker {
    struct random_key key;
    uint64_t next;
    struct table table[TENSORS];
    int tables;
    double width;                          /* a component's size behind the embedding's LayerNorm */
    int vocab;
};

/* One head's rows of the projections and its columns of the output, by layer. */
struct head { float *query, *key, *value, *out, *query_bias; };

static double normal(struct maker *m)
{
    return random_normal(m->key, m->next++);
}

static status add(struct maker *m, int layer, const char *name, int64_t count, float fill)
{
    struct table *t = &m->table[m->tables++];

    if (layer < 0) snprintf(t->name, sizeof t->name, "embeddings.%s", name);
    else snprintf(t->name, sizeof t->name, "encoder.layer.%d.%s", layer, name);
    t->count = count;
    TRY(mem_alloc((size_t)count, sizeof *t->at, &t->at));
    for (int64_t i = 0; fill != 0 && i < count; i++) t->at[i] = fill;
    return ST_OK;
}

static float *find(struct maker *m, int layer, const char *name)
{
    char full[96];

    if (layer < 0) snprintf(full, sizeof full, "embeddings.%s", name);
    else snprintf(full, sizeof full, "encoder.layer.%d.%s", layer, name);
    for (int i = 0; i < m->tables; i++)
        if (strcmp(m->table[i].name, full) == 0) return m->table[i].at;
    return NULL;
}

static status make_tables(struct maker *m)
{
    static const struct { const char *name; int64_t count; float fill; } rows[16] = {
        {"attention.self.query.weight", HIDDEN * HIDDEN, 0}, {"attention.self.query.bias", HIDDEN, 0},
        {"attention.self.key.weight", HIDDEN * HIDDEN, 0}, {"attention.self.key.bias", HIDDEN, 0},
        {"attention.self.value.weight", HIDDEN * HIDDEN, 0}, {"attention.self.value.bias", HIDDEN, 0},
        {"attention.output.dense.weight", HIDDEN * HIDDEN, 0}, {"attention.output.dense.bias", HIDDEN, 0},
        {"attention.output.LayerNorm.weight", HIDDEN, 1}, {"attention.output.LayerNorm.bias", HIDDEN, 0},
        {"intermediate.dense.weight", HIDDEN * FEED, 0}, {"intermediate.dense.bias", FEED, 0},
        {"output.dense.weight", HIDDEN * FEED, 0}, {"output.dense.bias", HIDDEN, 0},
        {"output.LayerNorm.weight", HIDDEN, 1}, {"output.LayerNorm.bias", HIDDEN, 0},
    };

    TRY(add(m, -1, "word_embeddings.weight", (int64_t)m->vocab * HIDDEN, 0));
    TRY(add(m, -1, "position_embeddings.weight", POSITIONS * HIDDEN, 0));
    TRY(add(m, -1, "token_type_embeddings.weight", TYPES * HIDDEN, 0));
    TRY(add(m, -1, "LayerNorm.weight", HIDDEN, 1));
    TRY(add(m, -1, "LayerNorm.bias", HIDDEN, 0));
    for (int l = 0; l < LAYERS; l++)
        for (int i = 0; i < 16; i++) TRY(add(m, l, rows[i].name, rows[i].count, rows[i].fill));
    return ST_OK;
}

static double wave(int i)
{
    return exp(-log(300) * i / (WAVES - 1));
}

static void set_embeddings(struct maker *m)
{
    float *word = find(m, -1, "word_embeddings.weight"), *position = find(m, -1, "position_embeddings.weight");
    double mark = .7 * sqrt(WORDS);

    for (int v = 0; v < m->vocab; v++) {
        double square = 0;

        for (int i = 0; i < WORDS; i++) {
            double x = normal(m);

            word[v * HIDDEN + i] = (float)x;
            square += x * x;
        }
        for (int i = 0; i < WORDS; i++) word[v * HIDDEN + i] *= (float)sqrt(WORDS / square);
    }
    memset(word + DEMO_CLS * HIDDEN, 0, HIDDEN * sizeof *word);
    word[DEMO_CLS * HIDDEN + START] = (float)sqrt(WORDS);
    word[DEMO_SEP * HIDDEN + SEPARATOR] = (float)mark;
    word[demo_vocabulary_id("，") * HIDDEN + SEPARATOR] = word[demo_vocabulary_id("：") * HIDDEN + SEPARATOR] = (float)mark;
    word[demo_vocabulary_id("\"") * HIDDEN + QUOTE] = (float)mark;
    for (int p = 0; p < POSITIONS; p++)
        for (int i = 0; i < WAVES; i++) {
            position[p * HIDDEN + SINES + 2 * i] = (float)sin(p * wave(i));
            position[p * HIDDEN + SINES + 2 * i + 1] = (float)cos(p * wave(i));
        }
    m->width = sqrt((double)HIDDEN / (WORDS + WAVES));
}

static struct head head_at(struct maker *m, int layer, int h)
{
    struct head head = {find(m, layer, "attention.self.query.weight") + h * WIDE * HIDDEN,
                        find(m, layer, "attention.self.key.weight") + h * WIDE * HIDDEN,
                        find(m, layer, "attention.self.value.weight") + h * WIDE * HIDDEN,
                        find(m, layer, "attention.output.dense.weight") + h * WIDE,
                        find(m, layer, "attention.self.query.bias") + h * WIDE};
    return head;
}

/* The head's row `row` carries dimension `from` of what it sees to dimension `to`. */
static void carry(struct head h, int row, int from, int to, double gain)
{
    h.value[row * HIDDEN + from] = 1;
    h.out[to * HIDDEN + row] = (float)gain;
}

/* The head's first rows carry what character it sees to a slot, by a random projection. */
static void carry_word(struct maker *m, struct head h, int to)
{
    for (int r = 0; r < SLOT; r++) {
        for (int i = 0; i < WORDS; i++) h.value[r * HIDDEN + i] = (float)(normal(m) / sqrt(WORDS));
        h.out[(to + r) * HIDDEN + r] = 1;
    }
}

/* Look at the place `offset` ahead; waves from `first` on: the later, the broader. */
static void look(struct maker *m, struct head h, int offset, int first)
{
    double g = sqrt(12 * sqrt(WIDE) / WAVES) / m->width;

    for (int i = first; i < WAVES; i++) {
        int s = SINES + 2 * i, c = s + 1;
        double turn = wave(i) * offset;

        h.key[2 * i * HIDDEN + s] = h.key[(2 * i + 1) * HIDDEN + c] = (float)g;
        h.query[2 * i * HIDDEN + s] = h.query[(2 * i + 1) * HIDDEN + c] = (float)(cos(turn) * g);
        h.query[2 * i * HIDDEN + c] = (float)(sin(turn) * g);
        h.query[(2 * i + 1) * HIDDEN + s] = (float)(-sin(turn) * g);
    }
}

/* rows orthonormal rows of n numbers (Gram-Schmidt). */
static void orthonormal(struct maker *m, int rows, int n, double *out)
{
    for (int r = 0; r < rows; r++) {
        double *x = out + r * n, square = 0;

        for (int i = 0; i < n; i++) x[i] = normal(m);
        for (int k = 0; k < r; k++) {
            double dot = 0;

            for (int i = 0; i < n; i++) dot += x[i] * out[k * n + i];
            for (int i = 0; i < n; i++) x[i] -= dot * out[k * n + i];
        }
        for (int i = 0; i < n; i++) square += x[i] * x[i];
        for (int i = 0; i < n; i++) x[i] /= sqrt(square);
    }
}

/* Look for a place with the same content in dimensions from … from+n-1, this one apart; [CLS] when there is none, which
 * raises the flag. size: of the content's components. */
static void match(struct maker *m, struct head h, int from, int n, double size, int flag, double gain)
{
    double projection[WIDE * WORDS], g, away = sqrt(3 * sqrt(WIDE) / AWAY) / m->width;
    int rows = WIDE - 2 * AWAY - 1 < n ? WIDE - 2 * AWAY - 1 : n;

    orthonormal(m, rows, n, projection);
    g = sqrt(9 * sqrt(WIDE) / rows) / size;
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < n; i++) h.query[r * HIDDEN + from + i] = h.key[r * HIDDEN + from + i] = (float)(projection[r * n + i] * g);
    for (int i = 0; i < 2 * AWAY; i++) {
        h.query[(rows + i) * HIDDEN + SINES + i] = (float)away;
        h.key[(rows + i) * HIDDEN + SINES + i] = (float)-away;
    }
    h.query_bias[WIDE - 1] = 1;
    h.key[(WIDE - 1) * HIDDEN + START] = (float)(6.5 * sqrt(WIDE) / (sqrt(WORDS) * m->width));
    carry(h, 0, START, FLAGS + flag, gain);
}

static void randomize(struct maker *m, struct head h)
{
    for (int r = 0; r < WIDE; r++)
        for (int i = 0; i < HIDDEN; i++) {
            h.query[r * HIDDEN + i] = (float)(normal(m) / sqrt(HIDDEN));
            h.key[r * HIDDEN + i] = (float)(normal(m) / sqrt(HIDDEN));
            h.value[r * HIDDEN + i] = (float)(normal(m) / sqrt(HIDDEN));
            h.out[i * HIDDEN + r] = (float)(normal(m) / sqrt(HIDDEN));
        }
}

static void set_heads(struct maker *m)
{
    struct head h = head_at(m, 0, 0);

    look(m, h, -2, 0);
    carry_word(m, h, BACK2);
    look(m, h = head_at(m, 0, 1), -1, 0);
    carry_word(m, h, BACK1);
    carry(h, SLOT, SEPARATOR, FLAGS + AFTER_SEPARATOR, .5);
    look(m, h = head_at(m, 0, 2), 1, 0);
    carry_word(m, h, AHEAD1);
    carry(h, SLOT, SEPARATOR, FLAGS + BEFORE_SEPARATOR, .5);
    match(m, head_at(m, 0, 3), 0, WORDS, m->width, ALONE, .7);

    match(m, head_at(m, 1, 0), BACK2, SLOT, 1, ALONE2, .5);
    look(m, h = head_at(m, 1, 1), 9, 4);
    carry(h, 0, QUOTE, FLAGS + QUOTE_SOON, 4);
    carry(head_at(m, 1, 2), 0, FLAGS + ALONE, FLAGS + MEAN, 6);
    randomize(m, head_at(m, 1, 3));

    look(m, h = head_at(m, 2, 0), -1, 0);
    carry(h, 0, FLAGS + ALONE, FLAGS + LEFT, 1);
    carry(h, 1, FLAGS + ALONE2, FLAGS + LEFT2, 1);
    look(m, h = head_at(m, 2, 1), 1, 0);
    carry(h, 0, FLAGS + ALONE, FLAGS + RIGHT, 1);
    carry(h, 1, FLAGS + ALONE2, FLAGS + RIGHT2, 1);
    randomize(m, head_at(m, 2, 2));
    randomize(m, head_at(m, 2, 3));
}

static void set_feed_forward(struct maker *m)
{
    float *last = find(m, LAYERS - 1, "output.LayerNorm.weight");

    for (int l = 0; l < LAYERS; l++) {
        float *in = find(m, l, "intermediate.dense.weight"), *out = find(m, l, "output.dense.weight");

        for (int i = 0; i < HIDDEN * FEED; i++) in[i] = (float)(normal(m) / sqrt(HIDDEN));
        for (int i = 0; i < HIDDEN * FEED; i++) out[i] = (float)(.5 * normal(m) / sqrt(FEED));
    }
    for (int i = 0; i < HIDDEN; i++) last[i] = i >= FLAGS && i < SINES ? 15 : 3.5f;   /* loud: the head learns fast; flags loudest */
}

static status read_table(void *arg, const char *name, int64_t first, int64_t count, float *out)
{
    struct maker *m = arg;

    for (int i = 0; i < m->tables; i++)
        if (strcmp(m->table[i].name, name) == 0) memcpy(out, m->table[i].at + first, (size_t)count * sizeof *out);
    return ST_OK;
}

status demo_encoder_write(const char *dir, struct random_key key, const char *vocab)
{
    struct maker m = {.key = key, .vocab = demo_vocabulary_size()};
    struct model_folder folder = {
        .config = {.layers = LAYERS, .hidden = HIDDEN, .heads = HEADS, .feed_forward = FEED, .positions = POSITIONS,
                   .vocab = m.vocab, .types = TYPES, .eps = 1e-12},
        .type = TENSOR_F32, .vocab = vocab, .read = read_table, .arg = &m,
    };
    status s = make_tables(&m);

    if (s == ST_OK) {
        set_embeddings(&m);
        set_heads(&m);
        set_feed_forward(&m);
        s = model_folder_write(dir, &folder);
    }
    for (int i = 0; i < m.tables; i++) mem_free(m.table[i].at);
    return s;
}
