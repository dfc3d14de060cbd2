/* mp2 pretrain CONFIG.yaml [--set key=value …] [--resume | --new]: under mpirun, on every rank. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/stop.h"
#include "cluster/base/memory.h"
#include "cluster/comm/comm.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "coordinator/loop/loop.h"
#include "coordinator/pretrain/pretrain.h"

static void print_result(const struct pretrain *p, const struct loop_result *r)
{
    printf("pretrain: step %lld%s", (long long)r->step, r->stopped ? ", stopped in order" : "");
    if (r->best_step > 0) printf(", best dev mean %.4f at step %lld", r->best, (long long)r->best_step);
    printf("\n");
    pretrain_print_scores(p, SPLIT_DEV, stdout);
}

static status train(struct comm *c, struct pretrain *p, char **text, struct run_folder *folder)
{
    struct job job = pretrain_job(p);
    struct loop_options lo;
    struct loop_result result;

    TRY(comm_agree(c, comm_is_coordinator(c) ? machine_note(&p->replica, text) : ST_OK));
    lo = pretrain_loop_options(p, *text, folder);
    TRY(loop_run(c, &job, &lo, &result));
    if (comm_is_coordinator(c)) print_result(p, &result);
    return ST_OK;
}

static status pretrain_run(struct comm *c, const struct args *a)
{
    struct pretrain_config config = {0};
    struct run_folder folder;
    struct options options;
    struct pretrain pretrain;
    char *text = NULL;
    status s;

    TRY(args_load(c, a, a->words[0], pretrain_options, pretrain_option_count, &config, &options, &text));
    log_init(comm_is_coordinator(c) ? 'C' : 'W', c->rank, (enum log_level)config.log);
    s = loop_take_folder(c, config.run, a->resume, &folder);
    if (s == ST_OK) s = args_recall(c, config.run, &config.machine);
    if (s == ST_OK) s = pretrain_open(c, &config, &options, &pretrain);
    if (s == ST_OK) {
        s = train(c, &pretrain, &text, &folder);
        pretrain_close(&pretrain);
    }
    run_folder_close(&folder);
    free(text);
    options_fini(&options);
    return s;
}

status cmd_pretrain(int argc, char **argv)
{
    TRY(stop_install()); /* a stop that is asked for while the run is being loaded is one, too */
    return args_run_ranks(argc, argv, &(struct args_words){.most = 1}, pretrain_run);
}

size_t cmd_pretrain_options(const struct option **rows)
{
    *rows = pretrain_options;
    return pretrain_option_count;
}
