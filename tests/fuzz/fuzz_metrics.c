/* A metrics.jsonl from anywhere: lines as JSON, in and out again. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/watch/message_json.h"
#include "proto/progress.pb-c.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ProtobufCMessage *m, *again;
    char *line;
    size_t n;

    if (json_message("fuzz:1", (const char *)data, size, &mp2__progress__descriptor, &m) != ST_OK) return 0;
    if (json_line(m, &line, &n) != ST_OK) abort();
    /* What we wrote ourselves is always readable (but for whole numbers over 2^63, which JSON's readers do not have).
     */
    if (json_message("fuzz:2", line, n, &mp2__progress__descriptor, &again) == ST_OK)
        protobuf_c_message_free_unpacked(again, NULL);
    mem_free(line);
    protobuf_c_message_free_unpacked(m, NULL);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const char *const lines[] = {
        "{\"version\":1,\"name\":\"r\",\"epoch\":12,\"sequence\":1,\"time\":1.5,\"step\":{\"step\":3,\"loss\":\"NaN\","
        "\"groups\":[{\"task\":"
        "\"a\",\"loss\":0.5}],\"skipped\":true}}",
        "{\"router\":{\"layers\":1,\"modules\":2,\"tasks\":[\"a\",\"\\u4e2d\\u6587\"],\"probability\":[0.5,1,1e-3,\"-"
        "Infinity\"]}}",
        "{\"worker\":{\"rank\":2,\"state\":\"LOST\",\"host\":\"n\\\"\\\\\",\"lag\":1e300},\"unknown\":{\"a\":[[]]}}"};

    if (i >= 3 || strlen(lines[i]) > room) return 0;
    memcpy(out, lines[i], strlen(lines[i]));
    return strlen(lines[i]);
}
