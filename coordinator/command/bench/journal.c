/* mp2 bench journal [FOLDER]: how fast steps can be committed, each append made durable before the next, beside what
 * the same disk does in the same run with plain write and fdatasync of the same sizes. Runs of both alternate, and
 * the median of each is printed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/bench/commands.h"
#include "coordinator/command/bench/figure.h"
#include "cluster/store/journal.h"
#include "cluster/store/record.h"

enum { ROUNDS = 5, PATH_BYTES = 4096 };

struct load {
    const char *what;
    size_t bytes; /* of a record */
    int records;  /* a round */
};

/* CPT-large, deep: u (24,300), G (24,51200), g (24,300) double; tiny: 2 layers of 4 x 64. */
static const struct load loads[] = {{"cpt-large deep, 5 MB a step", 4952000, 12}, {"small steps, 4 KB", 4096, 150}};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

/* Seconds for a round of durable appends. */
static status journal_round(const char *folder, const struct load *load, const void *payload, int interval_ms,
                            double *seconds)
{
    struct journal_options options = {.interval_ms = interval_ms};
    struct journal *j;
    double start;
    status s = ST_OK;

    TRY(file_remove_tree(folder));
    TRY(journal_open(folder, 1, &options, &j));
    start = clock_now();
    for (int i = 1; s == ST_OK && i <= load->records; i++) {
        s = journal_append(j, (uint64_t)i, RECORD_STEP, payload, load->bytes);
        if (s == ST_OK && interval_ms == 0) s = journal_wait_durable(j, (uint64_t)i);
    }
    if (s == ST_OK) s = journal_wait_durable(j, (uint64_t)load->records);
    *seconds = clock_now() - start;
    if (s != ST_OK) {
        journal_close(&j);
        return s;
    }
    return journal_close(&j);
}

/* The same bytes by the plainest means. each: fdatasync after every write. */
static status disk_round(const char *path, const struct load *load, const void *payload, int each, double *seconds)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), failed = 0;
    double start = clock_now();

    if (fd < 0) return fault(ST_IO, "%s: cannot be created: %s", path, strerror(errno));
    for (int i = 0; !failed && i < load->records; i++) {
        failed = file_write_fully(fd, payload, load->bytes) != ST_OK;
        if (!failed && (each || i + 1 == load->records)) failed = fdatasync(fd) != 0;
    }
    *seconds = clock_now() - start;
    if (failed) fault(ST_IO, "%s: cannot be written: %s", path, strerror(errno));
    close(fd);
    return failed ? ST_IO : ST_OK;
}

static status measure(const char *folder, const struct load *load, const void *payload, int interval_ms)
{
    char journal[PATH_BYTES], plain[PATH_BYTES], what[128];
    double ours[ROUNDS], disk[ROUNDS], rate, limit;
    struct bench_figure figure;

    TRY(file_join(journal, sizeof journal, folder, "journal"));
    TRY(file_join(plain, sizeof plain, folder, "plain"));
    for (int r = 0; r < ROUNDS; r++) {
        TRY(journal_round(journal, load, payload, interval_ms, &ours[r]));
        TRY(disk_round(plain, load, payload, interval_ms == 0, &disk[r]));
    }
    rate = load->records / median(ours);
    limit = load->records / median(disk);
    snprintf(what, sizeof what, "%s, sync: %s", load->what, interval_ms == 0 ? "step" : "interval");
    figure = (struct bench_figure){"journal", what, rate * (double)load->bytes, limit * (double)load->bytes, "byte/s"};
    return bench_print(&figure, "\"records_per_second\":%.5g,\"limit_records_per_second\":%.5g,\"record_bytes\":%zu",
                       rate, limit, load->bytes);
}

static status bench_in(const char *folder)
{
    unsigned char *payload;
    status s = ST_OK;

    TRY(mem_alloc(loads[0].bytes, 1, &payload));
    for (size_t i = 0; i < loads[0].bytes; i++) payload[i] = (unsigned char)(i * 2654435761u >> 13);
    for (size_t i = 0; s == ST_OK && i < sizeof loads / sizeof *loads; i++) {
        s = measure(folder, &loads[i], payload, 0);
        if (s == ST_OK) s = measure(folder, &loads[i], payload, 1000);
    }
    mem_free(payload);
    return s;
}

status cmd_bench_journal(int argc, char **argv)
{
    char folder[PATH_BYTES];
    status s;

    if (argc > 2) return fault(ST_USAGE, "usage: mp2 bench journal [FOLDER]");
    TRY(file_join(folder, sizeof folder, argc > 1 ? argv[1] : ".", "mp2-bench-journal-XXXXXX"));
    if (!mkdtemp(folder)) return fault(ST_IO, "%s: cannot be made: %s", folder, strerror(errno));
    s = bench_in(folder);
    if (file_remove_tree(folder) != ST_OK && s == ST_OK) s = ST_IO;
    return s;
}
