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
    {"out", OPTION_TEXT, AT(out), NULL, 0, 0, AFFECTS_PLACEMENT, "", "folder to write", NULL},
    {"vocab", OPTION_TEXT, AT(vocab), NULL, 0, 0, AFFECTS_RESULT, "", "vocab.txt or folder, copied into the folder", NULL},
    {"layers", OPTION_INT, AT(layers), "2", 1, 1000, AFFECTS_RESULT, "", "layers", NULL},
    {"hidden", OPTION_INT, AT(hidden), "128", 1, 65536, AFFECTS_RESULT, "", "width", NULL},
    {"heads", OPTION_INT, AT(heads), "4", 1, 1024, AFFECTS_RESULT, "", "attention heads; divide the width", NULL},
    {"feed_forward", OPTION_INT, AT(feed_forward), "512", 1, 262144, AFFECTS_RESULT, "", "width of the feed-forward part", NULL},
    {"positions", OPTION_INT, AT(positions), "512", 8, 65536, AFFECTS_RESULT, "tokens", "longest input", NULL},
    {"deviation", OPTION_REAL, AT(deviation), "0.02", 0, 10, AFFECTS_RESULT, "", "of the random weights", NULL},
    {"dropout", OPTION_REAL, AT(dropout), "0.1", 0, 0.9, AFFECTS_RESULT, "", "dropout rates written into the configuration", NULL},
    {"seed", OPTION_INT, AT(seed), "1", 0, 9e15, AFFECTS_RESULT, "", "seed of the weights", NULL},
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

static status write_encoder(struct encoder_config *c)
{
    struct vocabulary *vocabulary;
    struct model_folder what = {.type = TENSOR_F32, .read = read_weight, .arg = c};
    status s;

    if (c->hidden % c->heads != 0)
        return fault(ST_INPUT, "heads: %lld do not divide the width %lld", (long long)c->heads, (long long)c->hidden);
    TRY(vocabulary_load(c->vocab, &vocabulary));
    what.config = (struct model_config){.layers = c->layers, .hidden = c->hidden, .heads = c->heads,
                                        .feed_forward = c->feed_forward, .positions = c->positions,
                                        .vocab = vocabulary_size(vocabulary), .types = 2, .eps = 1e-12,
                                        .hidden_dropout = c->dropout, .attention_dropout = c->dropout};
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
    struct encoder_config config = {0};
    struct options options;
    struct args args;
    status s;

    TRY(args_parse(argc, argv, 1, &args));
    s = options_load(table, ROWS, &config, args.word_count ? args.words[0] : NULL, args.sets, args.set_count, &options);
    if (s == ST_OK) {
        s = write_encoder(&config);
        options_fini(&options);
    }
    args_fini(&args);
    return s;
}

void cmd_encoder_help(void)
{
    options_help(table, ROWS, stdout);
}
