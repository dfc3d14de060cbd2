/* mp2 report CONFIG.yaml [--set key=value …]: the comparison of methods: runs the cells that are missing (under
 * mpirun, on every rank, through the same function as mp2 tune), then writes report.md, report.html and two CSV files.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/stop.h"
#include "cluster/base/memory.h"
#include "cluster/comm/comm.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "coordinator/report/report.h"
#include "coordinator/tune/grid.h"

/* tune's options first: a cell is the same whoever runs it. */
struct report_config {
    struct tune_config tune;
    int run_missing;
    const char *out;
};

static const struct option own_options[] = {
    BOOL_OPTION("report.run_missing", offsetof(struct report_config, run_missing), "true", PLACEMENT,
                "run the cells that are missing; false: report on those that are there"),
    TEXT_OPTION("report.out", offsetof(struct report_config, out), "", PLACEMENT,
                "folder for report.md, report.html, report.csv, cells.csv; empty: the run's"),
};
enum { OWN_OPTIONS = sizeof own_options / sizeof *own_options };

static status make_table(struct option **table, size_t *count)
{
    *count = tune_option_count + OWN_OPTIONS;
    TRY(mem_alloc(*count, sizeof **table, table));
    memcpy(*table, tune_options, tune_option_count * sizeof **table);
    memcpy(*table + tune_option_count, own_options, sizeof own_options);
    return ST_OK;
}

/* A task whose files the user lacks is left out with a notice, not an error. list: room for all. */
static status keep_imported(struct tune_config *c, const char **list)
{
    struct option_list kept = {0, list};
    char path[4096], name[128];

    for (size_t i = 0; i < c->tasks.count; i++) {
        snprintf(name, sizeof name, "%.64s/train.shard", c->tasks.items[i]);
        TRY(file_join(path, sizeof path, c->data, name));
        if (file_exists(path)) list[kept.count++] = c->tasks.items[i];
        else printf("%s: is not imported in %s, left out\n", c->tasks.items[i], c->data);
    }
    if (kept.count == 0) return fault(ST_INPUT, "%s: none of the tasks is imported there", c->data);
    c->tasks = kept;
    return ST_OK;
}

/* ---- writing ---- */

static status write_all(const struct report *r, const char *folder)
{
    static const struct {
        const char *name;
        status (*write)(const struct report *r, const char *path);
    } files[] = {{"report.md", report_write_markdown},
                 {"report.csv", report_write_csv},
                 {"cells.csv", report_write_cells_csv},
                 {"report.html", report_write_html}};
    char path[4096];

    TRY(file_make_folder(folder));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        TRY(file_join(path, sizeof path, folder, files[i].name));
        TRY(files[i].write(r, path));
    }
    return ST_OK;
}

static void print_methods(const struct report *r)
{
    printf("%-34s %12s %6s %6s\n", "method", "mean score", "tasks", "cells");
    for (size_t m = 0; m < r->methods; m++) {
        struct method_stat s = report_method_stat(r, m);

        printf("%-34s", method_title(r->method[m]));
        if (s.score.n > 1) printf("  %5.1f ±%4.1f", 100 * s.score.mean, 100 * s.score.sd);
        else if (s.score.n == 1) printf("  %5.1f      ", 100 * s.score.mean);
        else printf("  %11s", "-");
        printf(" %6zu %6zu\n", s.tasks, s.cells);
    }
}

static status write_report(const struct report_config *c, const struct grid *g)
{
    const char *folder = c->out[0] ? c->out : c->tune.run;
    struct report r;
    status s;

    TRY(report_collect(c->tune.run, &c->tune.tasks, g->methods, g->method_count, g->seeds, g->seed_count, &r));
    s = r.found > 0 ? write_all(&r, folder)
                    : fault(ST_INPUT, "%s: none of the %zu cells is there", c->tune.run, r.tasks * r.methods * r.seeds);
    if (s == ST_OK) {
        print_methods(&r);
        printf("%s/report.html: %zu of %zu cells\n", folder, r.found, r.tasks * r.methods * r.seeds);
    }
    report_fini(&r);
    return s;
}

/* ---- the command ---- */

static void print_cell(void *arg, const struct cell_result *r)
{
    (void)arg;
    if (r->cached) return;
    printf("%s %s %lld: dev %.4f, test ", r->task, r->method, (long long)r->seed, r->dev);
    if (isfinite(r->test)) printf("%.4f over %lld rows", r->test, (long long)r->test_rows);
    else putchar('-');
    printf(", %.1f s\n", r->seconds);
    fflush(stdout);
}

/* The run's configuration is that of its cells, so that mp2 tune can go on with it: without the report's own options,
 * which come after tune's. */
static status run_cells(struct comm *c, const struct report_config *config, const struct options *options,
                        struct grid *grid)
{
    struct options cells = *options;
    struct tuning tuning;
    char *text;
    status s;

    cells.count = tune_option_count;
    TRY(comm_agree(c, options_text(&cells, &text)));
    s = tuning_open(c, &config->tune, &cells, text, "report", &tuning);
    if (s == ST_OK) {
        s = grid_run(&tuning, grid, print_cell, NULL);
        tuning_close(&tuning, s);
    }
    free(text);
    return s;
}

static status run_with(struct comm *c, const struct args *a, const struct option *table, size_t count)
{
    struct report_config config = {0};
    struct options options;
    struct grid grid = {0};
    const char **kept = NULL;
    char *text = NULL;
    status s;

    TRY(args_load(c, a, a->words[0], table, count, &config, &options, &text));
    log_init(comm_is_coordinator(c) ? 'C' : 'W', c->rank, (enum log_level)config.tune.log);
    s = mem_alloc(config.tune.tasks.count, sizeof *kept, &kept);
    if (s == ST_OK && comm_is_coordinator(c) && config.run_missing) s = keep_imported(&config.tune, kept);
    if (s == ST_OK && comm_is_coordinator(c)) s = grid_make(&config.tune, &grid);
    s = comm_agree(c, s);
    if (s == ST_OK && config.run_missing) s = run_cells(c, &config, &options, &grid);
    if (s == ST_END && comm_is_coordinator(c))
        printf("report: stopped in order; started again, it goes on from there\n");
    if (s == ST_OK && comm_is_coordinator(c)) s = write_report(&config, &grid);
    mem_free(kept);
    free(text);
    options_fini(&options);
    return s == ST_END ? ST_OK : comm_agree(c, s);
}

static status report_run(struct comm *c, const struct args *a)
{
    struct option *table = NULL;
    size_t count;
    status s = comm_agree(c, make_table(&table, &count));

    if (s == ST_OK) s = run_with(c, a, table, count);
    mem_free(table);
    return s;
}

status cmd_report(int argc, char **argv)
{
    TRY(stop_install()); /* a stop that is asked for while the run is being loaded is one, too */
    return args_run_ranks(argc, argv, &(struct args_words){.most = 1}, report_run);
}

size_t cmd_report_options(const struct option **rows)
{
    *rows = own_options;
    return OWN_OPTIONS;
}
