/* mp2 mlm CONFIG.yaml [--set key=value …] [--resume | --new | --evaluate]: under mpirun, on every rank. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cluster/base/log.h"
#include "cluster/base/stop.h"
#include "cluster/comm/comm.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "coordinator/mlm/mlm.h"

static void print_result(const struct mlm *m, const struct loop_result *r)
{
    printf("mlm: step %lld%s", (long long)r->step, r->stopped ? ", stopped in order" : "");
    if (m->coordinator->heldout_loss > 0)
        printf(", held-out loss %.4f, perplexity %.2f, accuracy %.4f", m->coordinator->heldout_loss,
               exp(m->coordinator->heldout_loss), m->coordinator->heldout_accuracy);
    printf("\n");
}

static status evaluate(struct comm *c, struct mlm *m)
{
    struct job_eval unused;
    status s;

    s = mlm_evaluate_heldout(m, 0, 1, &(struct eval_watch){NULL, NULL}, &unused);
    if (s == ST_END && comm_is_coordinator(c)) printf("mlm: stopped in order, nothing was scored\n");
    if (s != ST_OK) return s == ST_END ? ST_OK : s;
    s = comm_is_coordinator(c) && m->config->batches[0] ? mlm_batches_write(m, m->config->batches) : ST_OK;
    if (s == ST_OK && comm_is_coordinator(c))
        printf(
            "mlm: held-out loss %.4f, perplexity %.2f, accuracy %.4f (%lld of %lld masked tokens in %lld sequences)\n",
            m->coordinator->heldout_loss, exp(m->coordinator->heldout_loss), m->coordinator->heldout_accuracy,
            (long long)m->coordinator->correct, (long long)m->coordinator->targets,
            (long long)token_text_sequences(&m->heldout, m->settings.length));
    return comm_agree(c, s);
}

static status train(struct comm *c, struct mlm *m, char **text, struct run_folder *folder)
{
    struct job job = mlm_job(m);
    struct loop_options lo;
    struct loop_result result;

    TRY(comm_agree(c, comm_is_coordinator(c) ? machine_note(&m->replica, text) : ST_OK));
    lo = mlm_loop_options(m, *text, folder);
    TRY(loop_run(c, &job, &lo, &result));
    if (comm_is_coordinator(c)) print_result(m, &result);
    return result.stopped ? ST_OK : mlm_write(m);
}

static status mlm_run(struct comm *c, const struct args *a)
{
    struct run_folder folder = {.lock = -1};
    struct mlm_config config = {0};
    struct options options;
    struct mlm mlm;
    char *text = NULL;
    status s = ST_OK;

    TRY(args_load(c, a, a->words[0], mlm_options, mlm_option_count, &config, &options, &text));
    log_init(comm_is_coordinator(c) ? 'C' : 'W', c->rank, (enum log_level)config.log);
    if (!config.evaluate) s = loop_take_folder(c, config.run, a->resume, &folder);
    if (s == ST_OK) s = args_recall(c, config.run, &config.machine);
    if (s == ST_OK) s = mlm_open(c, &config, &options, &mlm);
    if (s == ST_OK) {
        s = config.evaluate ? evaluate(c, &mlm) : train(c, &mlm, &text, &folder);
        mlm_close(&mlm);
    }
    if (s == ST_END) {
        if (comm_is_coordinator(c)) printf("mlm: stopped in order while the text was made into tokens\n");
        s = ST_OK;
    }
    run_folder_close(&folder);
    free(text);
    options_fini(&options);
    return s;
}

status cmd_mlm(int argc, char **argv)
{
    TRY(stop_install()); /* a stop that is asked for while the run is being loaded is one, too */
    return args_run_ranks(argc, argv, &(struct args_words){.most = 1}, mlm_run);
}

size_t cmd_mlm_options(const struct option **rows)
{
    *rows = mlm_options;
    return mlm_option_count;
}
