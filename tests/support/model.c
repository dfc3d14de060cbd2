#include "tests/support/model.h"

#include <stdint.h>
#include <string.h>

#include <xxhash.h>

#include "cluster/base/random.h"
#include "tests/support/support.h"

struct model_config test_model_config(void)
{
    return (struct model_config){.layers = 2,
                                 .hidden = 16,
                                 .heads = 2,
                                 .feed_forward = 24,
                                 .positions = 20,
                                 .vocab = 60,
                                 .types = 2,
                                 .eps = 1e-12,
                                 .hidden_dropout = 0.1,
                                 .attention_dropout = 0.1};
}

status test_model_read(void *arg, const char *name, int64_t first, int64_t count, float *out)
{
    struct random_key key = random_seed(XXH64(name, strlen(name), 0), RANDOM_INIT);
    float middle = strstr(name, "LayerNorm.weight") ? 1.0f : 0.0f;

    (void)arg;
    /* Multiples of 2^-7 up to .5 have at most 8 significant bits also when added to 1. */
    for (int64_t i = 0; i < count; i++)
        out[i] = middle + ((float)random_below(key, (uint64_t)(first + i), 41) - 20.0f) / 128.0f;
    return ST_OK;
}

void test_model_write(const char *folder, const struct model_config *config, enum tensor_type type, int head)
{
    struct model_folder what = {.config = *config, .type = type, .head = head, .read = test_model_read};

    assert_int_equal(model_folder_write(folder, &what), ST_OK);
}
