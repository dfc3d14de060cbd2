/* Requests: the method, path, Host header and query of the monitor's web server, and addresses as users write them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/watch/address.h"
#include "cluster/watch/monitor/http.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/evil_run.h"

/* One run for all inputs: a thread and a file each would take minutes. */
static struct runs *evil_runs(void)
{
    static struct runs *runs;
    char folder[] = "/tmp/mp2-fuzz-XXXXXX", path[64];
    const char *specs[1] = {folder};

    if (runs) return runs;
    if (!mkdtemp(folder)) abort();
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    if (file_replace(path, evil_run, sizeof evil_run - 1) != ST_OK || runs_new(specs, 1, NULL, &runs) != ST_OK) abort();
    if (file_remove_tree(folder) != ST_OK) abort();
    return runs;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *parts[5] = {"GET", "/", NULL, NULL, NULL};
    struct http_response answer;
    struct address address;
    char text[4096], *p = text;

    if (size >= sizeof text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    /* Lines: method, path, Host, after, picture. */
    for (int i = 0; i < 5 && p; i++) {
        char *end = strchr(p, '\n');
        parts[i] = p;
        if (end) *end++ = 0;
        p = end;
    }
    struct http_request q = {parts[0], parts[1], parts[2], parts[3], parts[4], size % 2 == 0};
    http_answer(evil_runs(), &q, &answer);
    if (answer.code < 200 || answer.code > 599 || !answer.type || (!answer.body && !answer.fixed && answer.size))
        abort();
    free(answer.body);
    if (address_parse("fuzz", parts[1], &address) == ST_OK) address_format(&address, 1, (char[600]){0}, 600);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static const char *const seeds[] = {"GET\n/api/runs/0/messages\nlocalhost:8080\n0\n1",
                                        "GET\n/api/runs\n127.0.0.1",
                                        "HEAD\n/api/runs/0/config\n[::1]:80",
                                        "GET\n/metrics\nlocalhost",
                                        "GET\n/../../etc/passwd\nlocalhost",
                                        "GET\n[::1]:4000\nx"};

    if (i >= 6 || strlen(seeds[i]) > room) return 0;
    memcpy(out, seeds[i], strlen(seeds[i]));
    return strlen(seeds[i]);
}
