/* Whatever the text: a config is refused, or its sizes are within bounds and fit each other. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/model/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = malloc(size ? size : 1);
    struct model_config c;

    if (!exact) return 0;
    memcpy(exact, data, size);
    if (model_config_parse("fuzz", exact, size, &c) == ST_OK &&
        (c.layers < 1 || c.layers > 1024 || c.hidden < 1 || c.heads < 1 || c.hidden % c.heads != 0 || c.types < 2 ||
         !(c.eps > 0) || !(c.hidden_dropout < 1) || !(c.attention_dropout < 1)))
        abort();
    free(exact);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const char *const seeds[] = {
        "{\"hidden_size\":16,\"num_hidden_layers\":2,\"num_attention_heads\":2,\"intermediate_size\":24,\"vocab_size\":"
        "60,"
        "\"hidden_act\":\"gelu\",\"layer_norm_eps\":1e-12,\"hidden_dropout_prob\":0.1,\"attention_probs_dropout_prob\":"
        "0.1,"
        "\"type_vocab_size\":2,\"position_embedding_type\":\"absolute\",\"is_decoder\":false,\"model_type\":\"bert\"}",
        "{\"d_model\":16,\"encoder_layers\":2,\"encoder_attention_heads\":4,\"encoder_ffn_dim\":24,\"vocab_size\":60,"
        "\"activation_dropout\":0.1,\"attention_dropout\":0.1,\"model_type\":\"bart\"}"};
    size_t n;

    if (i >= 2 || (n = strlen(seeds[i])) > room) return 0;
    memcpy(out, seeds[i], n);
    return n;
}
