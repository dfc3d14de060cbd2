/* mp2 encoder: a random BERT encoder as a Hugging Face folder: to try things on, and where pre-training starts from. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/options.h"
#include "cluster/base/random.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "coordinator/text/vocabulary.h"
#include "worker/model/folder.h"

struct encoder_config {
    const char *out, *vocab;
    int64_t layers, hidden, heads, feed_forward, positions, seed;
    double deviation, dropout;
};

#define AT(field) offsetof(struct encoder_config, field)
static const struct option table[] = {
    TEXT_OPTION("out", AT(out), NULL, PLACEMENT, "folder to write"),
    TEXT_OPTION("vocab", AT(vocab), NULL, RESULT, "vocab.txt or folder, copied into the folder"),
    INT_OPTION("layers", AT(layers), "2", 1, 1000, RESULT, "", "layers"),
    INT_OPTION("hidden", AT(hidden), "128", 1, 65536, RESULT, "", "width"),
    INT_OPTION("heads", AT(heads), "4", 1, 1024, RESULT, "", "attention heads; divide the width"),
    INT_OPTION("feed_forward", AT(feed_forward), "512", 1, 262144, RESULT, "", "width of the feed-forward part"),
    INT_OPTION("positions", AT(positions), "512", 8, 65536, RESULT, "tokens", "longest input"),
    REAL_OPTION("deviation", AT(deviation), "0.02", 0, 10, RESULT, "", "of the random weights"),
    REAL_OPTION("dropout", AT(dropout), "0.1", 0, 0.9, RESULT, "", "dropout rates written into the configuration"),
    INT_OPTION("seed", AT(seed), "1", 0, 9e15, RESULT, "", "seed of the weights"),
};
enum { ROWS = sizeof table / sizeof *table };

/* Weights are functions of (seed, tensor's name, element): normal matrices, LayerNorm 1 and 0, biases 0. */
static status read_weight(void *arg, const char *name, int64_t first, int64_t count, float *out)
{
    const struct encoder_config *c = arg;
    struct random_key key = random_seed((uint64_t)c->seed, RANDOM_INIT);
    int scale = strstr(name, "LayerNorm.weight") != NULL, bias = strstr(name, ".bias") != NULL;
    uint32_t hash = 2166136261u;

    for (const unsigned char *p = (const unsigned char *)name; *p; p++) hash = (hash ^ *p) * 16777619u;
    key = random_derive(key, 'e', hash, 0, 0);
    for (int64_t i = 0; i < count; i++)
        out[i] = scale ? 1.0f : bias ? 0.0f : (float)(c->deviation * random_normal(key, (uint64_t)(first + i)));
    return ST_OK;
}

static status write_encoder(const struct args *args, void *config)
{
    struct encoder_config *c = config;
    struct vocabulary *vocabulary;
    struct model_folder what = {.type = TENSOR_F32, .read = read_weight, .arg = c};
    status s;

    (void)args;
    if (c->hidden % c->heads != 0)
        return fault(ST_INPUT, "heads: %lld do not divide the width %lld", (long long)c->heads, (long long)c->hidden);
    TRY(vocabulary_load(c->vocab, &vocabulary));
    what.config = (struct model_config){.layers = c->layers,
                                        .hidden = c->hidden,
                                        .heads = c->heads,
                                        .feed_forward = c->feed_forward,
                                        .positions = c->positions,
                                        .vocab = vocabulary_size(vocabulary),
                                        .types = 2,
                                        .eps = 1e-12,
                                        .hidden_dropout = c->dropout,
                                        .attention_dropout = c->dropout};
    s = vocabulary_write(vocabulary, c->out, c->positions);
    vocabulary_destroy(&vocabulary);
    TRY(s);
    TRY(model_folder_write(c->out, &what));
    printf("encoder: %lld layers, %lld wide, %lld words, random: %s\n", (long long)c->layers, (long long)c->hidden,
           (long long)what.config.vocab, c->out);
    return ST_OK;
}

status cmd_encoder(int argc, char **argv)
{
    const struct args_form form = {.words = {.most = 1}, .file = 1, .table = table, .count = ROWS};
    struct encoder_config config = {0};

    return args_run(argc, argv, &form, &config, write_encoder);
}

size_t cmd_encoder_options(const struct option **rows)
{
    *rows = table;
    return ROWS;
}
