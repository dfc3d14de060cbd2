/* mp2 pretrain CONFIG.yaml [--set key=value …] [--resume | --new]: under mpirun, on every rank. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/comm/comm.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "coordinator/score/scorer.h"
#include "coordinator/loop/loop.h"
#include "coordinator/pretrain/pretrain.h"

static struct loop_options loop_options_of(const struct pretrain *p, const struct pretrain_config *c, const char *text,
                                           int resume)
{
    size_t group = p->shape.bank * sizeof(float) + (size_t)p->shape.layers * (size_t)p->shape.intrinsic * 12;

    return (struct loop_options){.run = c->run, .resume = resume, .config = text, .config_digest = p->config_digest,
                                 .steps = c->train.steps, .eval_every = c->eval.every, .eval_subset = c->eval.rows > 0,
                                 .eval_final = c->eval.final, .checkpoint_every = c->keep.every,
                                 .checkpoints_kept = (int)c->keep.count, .sync_ms = (int)c->keep.sync_ms,
                                 .skips = c->train.skips, .accept_break = c->machine.accept_break, .record_bytes = group * (size_t)p->shape.groups + 4096,
                                 .watch = c->watch};
}

static void print_result(const struct pretrain *p, const struct loop_result *r)
{
    printf("pretrain: step %lld%s", (long long)r->step, r->stopped ? ", stopped in order" : "");
    if (r->best_step > 0) printf(", best dev mean %.4f at step %lld", r->best, (long long)r->best_step);
    printf("\n");
    if (p->eval_message) evaluate_print(p, SPLIT_DEV, stdout);
}

static status run(struct comm *c, const struct args *a)
{
    struct pretrain_config config;
    struct options options;
    struct pretrain pretrain;
    struct loop_result result;
    struct loop_options lo;
    struct job job;
    char *text = NULL;
    status s;

    TRY(args_load(c, a, a->words[0], pretrain_options, pretrain_option_count, &config, &options, &text));
    log_init(comm_is_coordinator(c) ? 'C' : 'W', c->rank, (enum log_level)config.log);
    s = pretrain_open(c, &config, &options, text, &pretrain);
    if (s == ST_OK) {
        job = pretrain_job(&pretrain);
        lo = loop_options_of(&pretrain, &config, text, a->resume);
        s = loop_run(c, &job, &lo, &result);
        if (s == ST_OK && comm_is_coordinator(c)) print_result(&pretrain, &result);
        pretrain_close(&pretrain);
    }
    free(text);
    options_fini(&options);
    return s;
}

status cmd_pretrain(int argc, char **argv)
{
    return args_run_ranks(argc, argv, &(struct args_words){.most = 1}, run);
}

void cmd_pretrain_help(void)
{
    puts("Multi-task pre-training of modular prompts over a frozen encoder. Start it with mpirun: rank 0 coordinates, the others\n"
         "compute (with -n 1 it does both). Goes on where the run's folder stands; --resume insists on that, --new on an\n"
         "empty folder. `mp2 stop RUN` or SIGUSR1 end it in order.\n\nOptions (CONFIG.yaml or --set name=value):");
    options_help(pretrain_options, pretrain_option_count, stdout);
}
