/* A journal segment of any bytes: opening, reading and cutting end with a status, and what opening left is read
 * whole. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/store/journal.h"

static char folder[64];

static void remove_folder(void)
{
    file_remove_tree(folder);
}

static const char *segment(void)
{
    static char path[128];

    if (path[0]) return path;
    /* In memory where possible: thousands of fsyncs would take minutes on a disk. */
    snprintf(folder, sizeof folder, "%s/mp2-fuzz-journal-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) abort();
    atexit(remove_folder);
    snprintf(path, sizeof path, "%s/segment-1.bin", folder);
    return path;
}

static void put(const uint8_t *data, size_t size)
{
    FILE *f = fopen(segment(), "wb");

    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0) abort();
}

static size_t read_all(status *end)
{
    struct journal_record record;
    struct journal_reader *r;
    size_t n = 0;

    *end = journal_reader_open(folder, 1, &r);
    if (*end != ST_OK) return 0;
    while ((*end = journal_reader_next(r, &record)) == ST_OK) {
        volatile unsigned char last = record.bytes ? ((const unsigned char *)record.payload)[record.bytes - 1] : 0;
        (void)last;
        n++;
    }
    journal_reader_close(&r);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal_options options = {.interval_ms = 1000000};
    struct journal *j;
    status end;
    size_t before;

    log_init('-', -1, LOG_SILENT);
    put(data, size);
    before = read_all(&end);
    if (journal_open(folder, 1, &options, &j) != ST_OK) return 0;
    if (end != ST_END || journal_append(j, UINT64_MAX, 1, "x", 1) != ST_OK || journal_close(&j) != ST_OK) abort();
    if (read_all(&end) != before + 1 || end != ST_END) abort();
    put(data, size);
    if (journal_cut_after(folder, 2) == ST_OK && (read_all(&end) > before || end != ST_END)) abort();
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    struct journal_options options = {0};
    struct journal *j;
    char *data;
    size_t size = 0;

    if (i > 0) return 0;
    unlink(segment());
    if (journal_open(folder, 1, &options, &j) != ST_OK) return 0;
    for (uint64_t step = 1; step <= 4; step++)
        if (journal_append(j, step, 2, "a small payload of a record", 20 + step) != ST_OK ||
            journal_wait_durable(j, step) != ST_OK)
            return 0;
    if (journal_close(&j) != ST_OK || file_read(segment(), room, &data, &size) != ST_OK) return 0;
    memcpy(out, data, size);
    free(data);
    return size;
}
