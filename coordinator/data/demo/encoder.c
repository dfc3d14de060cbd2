/* The demo's encoder: weights set by rule. */
#include "coordinator/data/demo/encoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "coordinator/data/demo/demo.h"
#include "coordinator/text/vocabulary.h"
#include "worker/model/folder.h"

enum {
    HIDDEN = 128,
    LAYERS = 3,
    HEADS = 4,
    WIDE = HIDDEN / HEADS,
    FEED = 512,
    POSITIONS = 512,
    TYPES = 2,
    WORDS = 44,
    SLOT = 15,
    BACK2 = WORDS,
    BACK1 = BACK2 + SLOT,
    AHEAD1 = BACK1 + SLOT,
    SEPARATOR = AHEAD1 + SLOT,
    QUOTE,
    START,
    FLAGS,
    FLAG_COUNT = 14,
    SINES = FLAGS + FLAG_COUNT,
    WAVES = (HIDDEN - SINES) / 2,
    PLACE = SINES + 2 * (WAVES - 1), /* the slowest sine: how far from the beginning */
    TENSORS = 5 + 16 * LAYERS,
    AWAY = 4,
    NEAR = 5 /* waves used to push a place away from itself; to look at a neighbour */
};

/* Flags; NOTHING stays empty: what is read against it does not depend on what a LayerNorm subtracted. */
enum {
    ALONE,
    ALONE2,
    NEW,
    NEWS,
    AFTER_SEPARATOR,
    LAST_QUOTE,
    MEAN_QUOTE,
    BEHIND,
    SECOND,
    LEFT,
    LEFT2,
    RIGHT,
    RIGHT2,
    NOTHING
};

/* Sizes that components have after the LayerNorms, measured: a character's, a slot's, a row's place in the first
 * layer's feed-forward; [CLS]'s mark a step's flag in the second layer. */
static const double WORD_SIZE = 1.15, SLOT_SIZE = 1, PLACE_SIZE = 1.2, START_SIZE = 9.8, STEP_SIZE = 2,
                    WAVE_SIZE = 1.15;

struct encoder_table {
    char name[96];
    float *at;
    int64_t count;
};

struct encoder_maker {
    struct random_key key;
    uint64_t next;
    struct encoder_table table[TENSORS];
    int tables;
    double width; /* a component's size after the embedding's LayerNorm */
    int vocab;
};

/* One head's rows of the projections and its columns of the output, by layer. */
struct head {
    float *query, *key, *value, *out, *query_bias;
};

static double normal(struct encoder_maker *m)
{
    return random_normal(m->key, m->next++);
}

static status add_tensor(struct encoder_maker *m, int layer, const char *name, int64_t count, float fill)
{
    struct encoder_table *t = &m->table[m->tables++];

    if (layer < 0) snprintf(t->name, sizeof t->name, "embeddings.%s", name);
    else snprintf(t->name, sizeof t->name, "encoder.layer.%d.%s", layer, name);
    t->count = count;
    TRY(mem_alloc((size_t)count, sizeof *t->at, &t->at));
    for (int64_t i = 0; fill != 0 && i < count; i++) t->at[i] = fill;
    return ST_OK;
}

static float *find_tensor(struct encoder_maker *m, int layer, const char *name)
{
    char full[96];

    if (layer < 0) snprintf(full, sizeof full, "embeddings.%s", name);
    else snprintf(full, sizeof full, "encoder.layer.%d.%s", layer, name);
    for (int i = 0; i < m->tables; i++)
        if (strcmp(m->table[i].name, full) == 0) return m->table[i].at;
    abort(); /* no such table: a slip of this file's */
}

static status make_tables(struct encoder_maker *m)
{
    static const struct {
        const char *name;
        int64_t count;
        float fill;
    } rows[16] = {
        {"attention.self.query.weight", HIDDEN * HIDDEN, 0},
        {"attention.self.query.bias", HIDDEN, 0},
        {"attention.self.key.weight", HIDDEN * HIDDEN, 0},
        {"attention.self.key.bias", HIDDEN, 0},
        {"attention.self.value.weight", HIDDEN * HIDDEN, 0},
        {"attention.self.value.bias", HIDDEN, 0},
        {"attention.output.dense.weight", HIDDEN * HIDDEN, 0},
        {"attention.output.dense.bias", HIDDEN, 0},
        {"attention.output.LayerNorm.weight", HIDDEN, 1},
        {"attention.output.LayerNorm.bias", HIDDEN, 0},
        {"intermediate.dense.weight", HIDDEN * FEED, 0},
        {"intermediate.dense.bias", FEED, 0},
        {"output.dense.weight", HIDDEN * FEED, 0},
        {"output.dense.bias", HIDDEN, 0},
        {"output.LayerNorm.weight", HIDDEN, 1},
        {"output.LayerNorm.bias", HIDDEN, 0},
    };

    TRY(add_tensor(m, -1, "word_embeddings.weight", (int64_t)m->vocab * HIDDEN, 0));
    TRY(add_tensor(m, -1, "position_embeddings.weight", POSITIONS * HIDDEN, 0));
    TRY(add_tensor(m, -1, "token_type_embeddings.weight", TYPES * HIDDEN, 0));
    TRY(add_tensor(m, -1, "LayerNorm.weight", HIDDEN, 1));
    TRY(add_tensor(m, -1, "LayerNorm.bias", HIDDEN, 0));
    for (int l = 0; l < LAYERS; l++)
        for (int i = 0; i < 16; i++) TRY(add_tensor(m, l, rows[i].name, rows[i].count, rows[i].fill));
    return ST_OK;
}

static double wave(int i)
{
    return exp(-log(300) * i / (WAVES - 1));
}

static void set_embeddings(struct encoder_maker *m)
{
    float *word = find_tensor(m, -1, "word_embeddings.weight"),
          *position = find_tensor(m, -1, "position_embeddings.weight");
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
    word[demo_vocabulary_id("，") * HIDDEN + SEPARATOR] = word[demo_vocabulary_id("：") * HIDDEN + SEPARATOR] = (float)
        mark;
    word[demo_vocabulary_id("\"") * HIDDEN + QUOTE] = (float)mark;
    for (int p = 0; p < POSITIONS; p++)
        for (int i = 0; i < WAVES; i++) {
            position[p * HIDDEN + SINES + 2 * i] = (float)sin(p * wave(i));
            position[p * HIDDEN + SINES + 2 * i + 1] = (float)cos(p * wave(i));
        }
    m->width = sqrt((double)HIDDEN / (WORDS + WAVES));
}

static struct head head_at(struct encoder_maker *m, int layer, int h)
{
    struct head head = {find_tensor(m, layer, "attention.self.query.weight") + h * WIDE * HIDDEN,
                        find_tensor(m, layer, "attention.self.key.weight") + h * WIDE * HIDDEN,
                        find_tensor(m, layer, "attention.self.value.weight") + h * WIDE * HIDDEN,
                        find_tensor(m, layer, "attention.output.dense.weight") + h * WIDE,
                        find_tensor(m, layer, "attention.self.query.bias") + h * WIDE};
    return head;
}

/* The head's row `row` carries dimension `from` of what it sees to dimension `to`. */
static void carry(struct head h, int row, int from, int to, double gain)
{
    h.value[row * HIDDEN + from] = 1;
    h.out[to * HIDDEN + row] = (float)gain;
}

/* The head's first rows carry what character it sees to a slot, by a random projection. */
static void carry_word(struct encoder_maker *m, struct head h, int to)
{
    for (int r = 0; r < SLOT; r++) {
        for (int i = 0; i < WORDS; i++) h.value[r * HIDDEN + i] = (float)(normal(m) / sqrt(WORDS));
        h.out[(to + r) * HIDDEN + r] = 1;
    }
}

/* Look at the place `offset` ahead, by the fast waves. size: of the waves' components. */
static void look_at_offset(struct head h, int offset, double size)
{
    double g = sqrt(24 * sqrt(WIDE) / NEAR) / size;

    for (int i = 0; i < NEAR; i++) {
        int s = SINES + 2 * i, c = s + 1;
        double turn = wave(i) * offset;

        h.key[2 * i * HIDDEN + s] = h.key[(2 * i + 1) * HIDDEN + c] = (float)g;
        h.query[2 * i * HIDDEN + s] = h.query[(2 * i + 1) * HIDDEN + c] = (float)(cos(turn) * g);
        h.query[2 * i * HIDDEN + c] = (float)(sin(turn) * g);
        h.query[(2 * i + 1) * HIDDEN + s] = (float)(-sin(turn) * g);
    }
}

/* rows orthonormal rows of n numbers (Gram-Schmidt). */
static void orthonormal(struct encoder_maker *m, int rows, int n, double *out)
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

/* What a head that looks for the same looks at: dimensions from … from+n-1, whose components have that size; at places
 * where a flag is up (sign 1) or down (-1); not too near (apart). */
struct sought {
    int from, n;
    double size;
    int where, sign, apart;
};

/* Row `row` of the head: places where the flag is up are preferred by so much. */
static void prefer(struct head h, int row, int flag, double much)
{
    h.query_bias[row] = 1;
    h.key[row * HIDDEN + FLAGS + flag] = (float)(much * sqrt(WIDE) / STEP_SIZE);
    h.key[row * HIDDEN + FLAGS + NOTHING] = (float)(-much * sqrt(WIDE) / STEP_SIZE);
}

/* Look for the same; at [CLS] when there is none, which raises the flag. */
static void match(struct encoder_maker *m, struct head h, const struct sought *what, int flag, double gain)
{
    double projection[WIDE * WORDS], peak = 24, away = sqrt(peak / 2 * sqrt(WIDE) / AWAY) / WAVE_SIZE, g;
    int most = WIDE - 2 - (what->apart ? 2 * AWAY : 0), rows = most < what->n ? most : what->n;

    orthonormal(m, rows, what->n, projection);
    g = sqrt(peak * sqrt(WIDE) / rows) / what->size;
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < what->n; i++)
            h.query[r * HIDDEN + what->from + i] = h.key[r * HIDDEN + what->from + i] =
                (float)(projection[r * what->n + i] * g);
    for (int i = 0; i < 2 * AWAY && what->apart; i++) {
        h.query[(rows + i) * HIDDEN + SINES + i] = (float)away;
        h.key[(rows + i) * HIDDEN + SINES + i] = (float)-away;
    }
    prefer(h, WIDE - 2, what->where, what->sign * peak);
    h.query_bias[WIDE - 1] = 1;
    h.key[(WIDE - 1) * HIDDEN + START] = (float)(2 * peak / 3 * sqrt(WIDE) / START_SIZE);
    carry(h, 0, START, FLAGS + flag, gain);
}

static void randomize(struct encoder_maker *m, struct head h)
{
    for (int r = 0; r < WIDE; r++)
        for (int i = 0; i < HIDDEN; i++) {
            h.query[r * HIDDEN + i] = (float)(normal(m) / sqrt(HIDDEN));
            h.key[r * HIDDEN + i] = (float)(normal(m) / sqrt(HIDDEN));
            h.value[r * HIDDEN + i] = (float)(normal(m) / sqrt(HIDDEN));
            h.out[i * HIDDEN + r] = (float)(normal(m) / sqrt(HIDDEN));
        }
}

/* Look at the quotation marks, all alike or (last) at the last one, and carry where that is. */
static void look_for_quotes(struct encoder_maker *m, struct head h, int last, int flag)
{
    double quote = sqrt((double)HIDDEN / (WORDS * 1.49 + WAVES)); /* a component's size in its row */

    h.query_bias[0] = h.query_bias[1] = 1;
    h.key[QUOTE] = (float)(70 * sqrt(WIDE) / (.7 * sqrt(WORDS) * quote));
    h.key[HIDDEN + PLACE] = last ? (float)(.2 * sqrt(WIDE) / (wave(WAVES - 1) * quote)) : 0;
    carry(h, 0, PLACE, FLAGS + flag, m->width / quote);
    h.value[FLAGS + NOTHING] = -1;
}

static void set_heads(struct encoder_maker *m)
{
    struct head h = head_at(m, 0, 0);

    look_at_offset(h, -2, m->width);
    carry_word(m, h, BACK2);
    look_at_offset(h = head_at(m, 0, 1), -1, m->width);
    carry_word(m, h, BACK1);
    carry(h, SLOT, SEPARATOR, FLAGS + AFTER_SEPARATOR, .5);
    look_for_quotes(m, head_at(m, 0, 2), 1, LAST_QUOTE);
    look_for_quotes(m, head_at(m, 0, 3), 0, MEAN_QUOTE);

    match(m, head_at(m, 1, 0), &(struct sought){0, WORDS, WORD_SIZE, BEHIND, -1, 0}, ALONE, .7);
    match(m, head_at(m, 1, 1), &(struct sought){BACK2, SLOT, SLOT_SIZE, BEHIND, 1, 1}, ALONE2, .5);
    match(m, head_at(m, 1, 2), &(struct sought){0, WORDS, WORD_SIZE, SECOND, -1, 0}, NEW, .7);
    look_at_offset(h = head_at(m, 1, 3), 1, WAVE_SIZE);
    carry_word(m, h, AHEAD1);

    look_at_offset(h = head_at(m, 2, 0), -1, WAVE_SIZE);
    carry(h, 0, FLAGS + ALONE, FLAGS + LEFT, 1);
    carry(h, 1, FLAGS + ALONE2, FLAGS + LEFT2, 1);
    look_at_offset(h = head_at(m, 2, 1), 1, WAVE_SIZE);
    carry(h, 0, FLAGS + ALONE, FLAGS + RIGHT, 1);
    carry(h, 1, FLAGS + ALONE2, FLAGS + RIGHT2, 1);
    h = head_at(m, 2, 2); /* the mean over the second part of what is quoted */
    prefer(h, 0, SECOND, 8);
    prefer(h, 1, BEHIND, -16);
    carry(h, 2, FLAGS + NEW, FLAGS + NEWS, 3);
    randomize(m, head_at(m, 2, 3));
}

/* Two units of the first layer's feed-forward make a step: a flag goes up where a place lies after a carried one. */
static void set_step(struct encoder_maker *m, int unit, int carried, int flag)
{
    float *in = find_tensor(m, 0, "intermediate.dense.weight"), *bias = find_tensor(m, 0, "intermediate.dense.bias"),
          *out = find_tensor(m, 0, "output.dense.weight");
    double token = wave(WAVES - 1) * PLACE_SIZE, sharp = 4;

    for (int i = unit; i < unit + 2; i++) {
        memset(in + i * HIDDEN, 0, HIDDEN * sizeof *in);
        in[i * HIDDEN + PLACE] = (float)(sharp / token);
        in[i * HIDDEN + FLAGS + carried] = -in[i * HIDDEN + PLACE];
        bias[i] = (float)(-sharp * (.5 + i - unit));
        for (int to = 0; to < HIDDEN; to++)
            out[to * FEED + i] = to == FLAGS + flag ? (float)((i == unit ? 2 : -2) / sharp) : 0;
    }
}

static void set_feed_forward(struct encoder_maker *m)
{
    static const double loud[LAYERS] = {.15, .15, .5};
    float *last = find_tensor(m, LAYERS - 1, "output.LayerNorm.weight");

    for (int l = 0; l < LAYERS; l++) {
        float *in = find_tensor(m, l, "intermediate.dense.weight"), *out = find_tensor(m, l, "output.dense.weight");

        for (int i = 0; i < HIDDEN * FEED; i++) in[i] = (float)(normal(m) / sqrt(HIDDEN));
        for (int i = 0; i < HIDDEN * FEED; i++) out[i] = (float)(loud[l] * normal(m) / sqrt(FEED));
        if (l < LAYERS - 1) memset(out + FLAGS * FEED, 0, FLAG_COUNT * FEED * sizeof *out);
        for (int i = 0; i < FEED && l == LAYERS - 1; i++) in[i * HIDDEN + FLAGS + NEWS] *= 6;
    }
    set_step(m, 0, LAST_QUOTE, BEHIND);
    set_step(m, 2, MEAN_QUOTE, SECOND);
    for (int i = 0; i < HIDDEN; i++)
        last[i] = i >= FLAGS && i < SINES ? 15 : 3.5f; /* loud: the head learns fast; flags loudest */
}

static status read_table(void *arg, const char *name, int64_t first, int64_t count, float *out)
{
    struct encoder_maker *m = arg;

    for (int i = 0; i < m->tables; i++)
        if (strcmp(m->table[i].name, name) == 0) memcpy(out, m->table[i].at + first, (size_t)count * sizeof *out);
    return ST_OK;
}

static status write_words(const char *vocab, const char *dir)
{
    struct vocabulary *v;
    status s;

    TRY(vocabulary_load(vocab, &v));
    s = vocabulary_write(v, dir, POSITIONS);
    vocabulary_destroy(&v);
    return s;
}

status demo_encoder_write(const char *dir, struct random_key key, const char *vocab)
{
    struct encoder_maker m = {.key = key, .vocab = demo_vocabulary_size()};
    struct model_folder folder = {
        .config = {.layers = LAYERS,
                   .hidden = HIDDEN,
                   .heads = HEADS,
                   .feed_forward = FEED,
                   .positions = POSITIONS,
                   .vocab = m.vocab,
                   .types = TYPES,
                   .eps = 1e-12},
        .type = TENSOR_F32,
        .read = read_table,
        .arg = &m,
    };
    status s = make_tables(&m);

    if (s == ST_OK) {
        set_embeddings(&m);
        set_heads(&m);
        set_feed_forward(&m);
        s = write_words(vocab, dir);
        if (s == ST_OK) s = model_folder_write(dir, &folder);
    }
    for (int i = 0; i < m.tables; i++) mem_free(m.table[i].at);
    return s;
}
