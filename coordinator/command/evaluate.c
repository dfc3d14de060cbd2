/* mp2 evaluate RUN [--set key=value …]: scores of a run's checkpoint on every row of a split, on all ranks of mpirun.
 * RUN is a run's folder (its newest checkpoint) or one of its checkpoints; the configuration is the one the run left
 * after. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stop.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "cluster/store/checkpoint.h"
#include "coordinator/pretrain/pretrain.h"

struct target {
    char checkpoint[CHECKPOINT_PATH_BYTES], config[CHECKPOINT_PATH_BYTES];
    enum split split;
};

/* RUN and, after it, the split (dev when none is named). */
static status find_target(const struct args *a, struct target *t)
{
    t->split = SPLIT_DEV;
    if (a->words[1] && split_parse(a->words[1], &t->split) != 0)
        return fault(ST_USAGE, "mp2 evaluate: found \"%.40s\", expected train, dev, test or pool", a->words[1]);
    TRY(checkpoint_resolve(a->words[0], t->checkpoint));
    return checkpoint_config(t->checkpoint, t->config);
}

static status score(struct comm *c, const struct target *t, struct pretrain *p)
{
    int64_t step;
    status s;

    /* Said before anything is loaded or computed. */
    TRY(comm_agree(c, comm_is_coordinator(c) ? pretrain_check_rows(p, t->split, t->checkpoint) : ST_OK));
    TRY(pretrain_load(p, t->checkpoint, &step));
    if (comm_is_coordinator(c)) printf("%s: step %lld\n", t->checkpoint, (long long)step);
    s = pretrain_evaluate_split(p, t->split);
    if ((s == ST_OK || s == ST_END) && comm_is_coordinator(c)) pretrain_print_scores(p, t->split, stdout);
    if (s == ST_END && comm_is_coordinator(c))
        printf("evaluate: stopped in order; tasks that are not listed were not scored\n");
    return s == ST_END ? ST_OK : s;
}

static status evaluate_run(struct comm *c, const struct args *a)
{
    struct target target;
    struct pretrain_config config = {0};
    struct options options;
    struct pretrain pretrain;
    char *text = NULL;
    status s = comm_is_coordinator(c) ? find_target(a, &target) : ST_OK;

    TRY(comm_agree(c, s));
    TRY(comm_broadcast(c, &target, sizeof target, 0));
    TRY(args_load(c, a, target.config, pretrain_options, pretrain_option_count, &config, &options, &text));
    log_init(comm_is_coordinator(c) ? 'C' : 'W', c->rank, (enum log_level)config.log);
    s = machine_recall(c, target.config, &config.machine);
    if (s == ST_OK) s = pretrain_open(c, &config, &options, &pretrain);
    if (s == ST_OK) {
        s = score(c, &target, &pretrain);
        pretrain_close(&pretrain);
    }
    free(text);
    options_fini(&options);
    return s;
}

status cmd_evaluate(int argc, char **argv)
{
    TRY(stop_install());
    return args_run_ranks(argc, argv, &(struct args_words){1, 2, "mp2 evaluate RUN [train|dev|test|pool] …"},
                          evaluate_run);
}
