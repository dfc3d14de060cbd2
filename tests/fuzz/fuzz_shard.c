/* Shards: header, description, rows, and the inputs made of them. Check sums are put right first, so that what is behind
 * them is reached. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "cluster/base/log.h"
#include "coordinator/data/input.h"

enum { HEADER = 128, DIGEST_AT = 88, CHECK_AT = 120 };

static const char meta[] =
    "{\"context\":-1,\"downstream\":0,\"few_shot\":2,\"fields\":[{\"name\":\"a\",\"shorten\":1}],\"id\":\"x\",\"kind\":\"labels\","
    "\"name\":\"X\",\"rows_labels\":2,\"source\":\"\",\"special\":{\"cls\":2,\"comma\":5,\"sep\":3},\"upstream\":0,"
    "\"vocabulary\":{\"digest\":\"00000000000000000000000000000000\",\"size\":60},\"wordings\":[W,W,W]}";
static const char wording[] = "{\"label_set\":\"x/1\",\"labels\":[{\"characters\":1,\"ids\":[9],\"word\":\"y\"},{\"characters\":1,\"ids\":[8],"
                              "\"word\":\"n\"}],\"template\":[[7],0,[6]]}";
static const char find[] =
    "{\"context\":0,\"downstream\":0,\"few_shot\":2,\"fields\":[{\"name\":\"context\",\"shorten\":1}],\"id\":\"x\",\"kind\":\"extractive\","
    "\"name\":\"X\",\"rows_labels\":0,\"source\":\"\",\"special\":{\"cls\":2,\"comma\":5,\"sep\":3},\"upstream\":0,"
    "\"vocabulary\":{\"digest\":\"00000000000000000000000000000000\",\"size\":60},\"wordings\":[W,W,W]}";
static const char find_wording[] = "{\"none\":[0,1],\"template\":[[7,8],0,[6]]}";

static void make_inputs(const struct shard *shard, const struct meta *m)
{
    const struct input_form forms[] = {{4, 5, 40, 0}, {4, 5, 40, 1}};
    struct example_buffer buffer = {0};

    for (int f = 0; f < 2; f++) {
        struct input_rule rule;
        if (input_rule_init(m, &forms[f], &rule) != ST_OK) continue;
        for (int64_t i = 0; i < shard->rows && i < 64; i++) {
            struct shard_row row;
            struct input_cut cut;
            struct example e;
            shard_row(shard, i, &row);
            input_cut(&rule, &row, &cut);
            for (int w = -1; cut.length > 0 && w < cut.windows && w < 8; w++) {
                if (input_make(&rule, &row, i, w, &buffer, &e) != ST_OK) abort();
                if (e.length > 40 || e.end >= e.length || e.start >= e.length || e.context_last >= e.length) abort();
            }
        }
    }
    example_buffer_fini(&buffer);
}

static void put_right(uint8_t *data, size_t size)
{
    XXH128_canonical_t digest;
    XXH64_hash_t check;

    XXH128_canonicalFromHash(&digest, XXH3_128bits(data + HEADER, size - HEADER));
    memcpy(data + DIGEST_AT, digest.digest, 16);
    check = XXH3_64bits(data, CHECK_AT);
    memcpy(data + CHECK_AT, &check, sizeof check);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[64];
    uint8_t *copy = malloc(size + 1);
    struct shard shard;
    struct meta m;
    FILE *f;

    log_init('-', -1, LOG_SILENT);
    if (!path[0]) snprintf(path, sizeof path, "/tmp/mp2-fuzz-shard-%d", (int)getpid());
    if (!copy || !(f = fopen(path, "wb"))) abort();
    if (size > 0) memcpy(copy, data, size);
    if (size >= HEADER) put_right(copy, size);
    if (fwrite(copy, 1, size, f) != size || fclose(f) != 0) abort();
    free(copy);
    if (shard_open(path, &shard) == ST_OK) {
        if (meta_parse(path, shard.meta, shard.meta_bytes, &m) == ST_OK) {
            if (shard_check(&shard, path, &m) == ST_OK) make_inputs(&shard, &m);
            meta_fini(&m);
        }
        shard_close(&shard);
    }
    remove(path);
    return 0;
}

static size_t describe(const char *task, const char *w, char *out)
{
    size_t n = 0;

    for (const char *p = task; *p; p++) {
        if (*p != 'W') out[n++] = *p;
        else n += (size_t)sprintf(out + n, "%s", w);
    }
    return n;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const int32_t label_row[] = {1, 3, 0, 20, 21, 22}, find_row[] = {-1, 50, 1, 2, 3, 2};
    int32_t words[64] = {0};
    struct shard_words rows[2] = {{label_row, 6}, {label_row, 6}};
    const unsigned char set[16] = {0};
    char text[4096], path[64];
    size_t n, got;
    FILE *f;

    if (i > 1) return 0;
    if (i == 1) {
        memcpy(words, find_row, sizeof find_row);
        for (int k = 6; k < 58; k++) words[k] = k;
        rows[0] = rows[1] = (struct shard_words){words, 58};
    }
    n = i ? describe(find, find_wording, text) : describe(meta, wording, text);
    snprintf(path, sizeof path, "/tmp/mp2-fuzz-seed-%d", (int)getpid());
    if (shard_write(path, SPLIT_TRAIN, 1, text, n, rows, 2, set) != ST_OK || !(f = fopen(path, "rb"))) abort();
    got = fread(out, 1, room, f);
    fclose(f);
    remove(path);
    return got;
}
