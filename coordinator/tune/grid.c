#include "coordinator/tune/grid.h"

status grid_make(const struct tune_config *c, struct grid *g)
{
    TRY(tune_methods(c, g->methods, &g->method_count));
    TRY(tune_seeds(c, g->seeds, &g->seed_count));
    g->tasks = c->tasks.count;
    return ST_OK;
}

/* Every rank goes through the same cells; what a rank's own table of tasks lacks, the index stands for. */
static status run_cells(struct tuning *t, const struct grid *g,
                        void (*each)(void *arg, const struct cell_result *result), void *arg)
{
    for (size_t task = 0; task < g->tasks; task++)
        for (size_t m = 0; m < g->method_count; m++)
            for (size_t i = 0; i < g->seed_count; i++) {
                struct cell cell = {(int)task, g->methods[m], g->seeds[i]};
                struct cell_result result;

                TRY(cell_run(t, &cell, &result));
                if (comm_is_coordinator(t->comm) && each) each(arg, &result);
                cell_result_fini(&result);
            }
    return ST_OK;
}

status grid_run(struct tuning *t, struct grid *g, void (*each)(void *arg, const struct cell_result *result), void *arg)
{
    int first = comm_is_coordinator(t->comm);
    status s;

    TRY(comm_broadcast(t->comm, g, sizeof *g, 0));
    for (size_t m = 0; first && m < g->method_count; m++)
        t->total += (int64_t)(g->tasks * g->seed_count) * cell_steps(t, g->methods[m]);
    if (first) bar_open(&t->bar, t->command, (uint64_t)t->total, "steps");
    s = run_cells(t, g, each, arg);
    if (first) bar_close(&t->bar, 0);
    return s;
}
