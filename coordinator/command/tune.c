/* mp2 tune CONFIG.yaml [--set key=value …]: under mpirun, on every rank. Cells one after the other, each on all ranks.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cluster/base/log.h"
#include "cluster/base/stop.h"
#include "cluster/base/memory.h"
#include "cluster/comm/comm.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "coordinator/tune/grid.h"

static void print_head(void)
{
    printf("%-16s %-12s %5s %4s  %8s %8s %8s %7s  %-8s %8s %8s %s\n", "task", "method", "seed", "k", "untuned", "dev",
           "test", "rows", "metric", "majority", "seconds", "best at");
}

static void print_score(double x)
{
    if (isfinite(x)) printf(" %8.4f", x);
    else printf(" %8s", "-");
}

static void print_result(void *arg, const struct cell_result *r)
{
    (void)arg;
    printf("%-16s %-12s %5lld %4d ", r->task, r->method, (long long)r->seed, r->k);
    print_score(r->untuned_dev);
    print_score(r->dev);
    print_score(r->test);
    printf(" %7lld  %-8s", (long long)r->test_rows, r->metric);
    print_score(r->majority > 0 ? r->majority : NAN);
    printf(" %8.1f %s %lld%s\n", r->seconds, r->best_stage, (long long)r->best_at, r->cached ? " (was done)" : "");
    fflush(stdout);
}

static status tune_run(struct comm *c, const struct args *a)
{
    struct tune_config config = {0};
    struct options options;
    struct tuning tuning;
    struct grid grid;
    char *text = NULL;
    status s;

    TRY(args_load(c, a, a->words[0], tune_options, tune_option_count, &config, &options, &text));
    log_init(comm_is_coordinator(c) ? 'C' : 'W', c->rank, (enum log_level)config.log);
    s = comm_is_coordinator(c) ? grid_make(&config, &grid) : ST_OK;
    s = comm_agree(c, s);
    if (s == ST_OK) s = tuning_open(c, &config, &options, text, "tune", &tuning);
    if (s == ST_OK) {
        if (comm_is_coordinator(c)) print_head();
        s = grid_run(&tuning, &grid, print_result, NULL);
        if (s == ST_END && comm_is_coordinator(c))
            printf("tune: stopped in order; started again, it goes on from there\n");
        tuning_close(&tuning, s);
    }
    free(text);
    options_fini(&options);
    return s == ST_END ? ST_OK : s;
}

status cmd_tune(int argc, char **argv)
{
    TRY(stop_install()); /* a stop that is asked for while the run is being loaded is one, too */
    return args_run_ranks(argc, argv, &(struct args_words){.most = 1}, tune_run);
}

size_t cmd_tune_options(const struct option **rows)
{
    *rows = tune_options;
    return tune_option_count;
}
