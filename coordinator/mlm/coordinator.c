#include "coordinator/mlm/coordinator.h"

#include <math.h>

status mlm_coordinator_new(const struct deal *deal, int workers, struct mlm_coordinator **out)
{
    struct mlm_coordinator *c;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *c, &c));
    s = mem_keep_new(&c->keep, (size_t)workers, sizeof *c->reports, &c->reports);
    if (s == ST_OK) s = mem_keep_new(&c->keep, (size_t)workers, sizeof *c->units, &c->units);
    if (s != ST_OK) {
        mlm_coordinator_destroy(&c);
        return s;
    }
    for (size_t i = 0; i < deal->count; i++) c->units[deal->blocks[i].worker]++;
    mp2__step__init(&c->message);
    *out = c;
    return ST_OK;
}

void mlm_coordinator_destroy(struct mlm_coordinator **out)
{
    struct mlm_coordinator *c = *out;

    if (!c) return;
    mem_keep_free(&c->keep);
    mem_free(c);
    *out = NULL;
}

void mlm_coordinator_conclude(struct mlm_coordinator *c, const struct mlm_config *config, const struct mlm_settings *s,
                              const struct flat *flat, int64_t step, const struct mlm_reports *reports, double norm,
                              const struct mlm_times *times, struct job_step *out)
{
    struct mlm_score score = mlm_reports_total(reports);
    Mp2__Step *m = &c->message;

    m->loss = score.targets > 0 ? score.loss / (double)score.targets : 0;
    m->accuracy = score.targets > 0 ? (double)score.correct / (double)score.targets : 0;
    m->examples = (uint64_t)s->micros * (uint64_t)s->sequences;
    m->tokens = m->examples * (uint64_t)s->length;
    m->flops = mlm_flops(&flat->config, (int64_t)m->examples, s->length, score.targets);
    m->learning_rate = config->train.rate * train_rate_factor(&config->train, step - 1);
    m->gradient_norm = norm;
    m->compute_seconds = 0;
    for (int w = 0; w < reports->workers; w++) {
        struct member_report *r = &c->reports[w];

        mlm_reports_worker(reports, w, &r->seconds, &r->sent, &r->memory);
        m->compute_seconds = fmax(m->compute_seconds, r->seconds);
    }
    m->wait_seconds = times->wait;
    m->reduce_seconds = times->reduce;
    *out = (struct job_step){
        .skipped = !isfinite(score.loss) || !isfinite(norm), .message = m, .reports = c->reports, .units = c->units};
}

void mlm_coordinator_eval(struct mlm_coordinator *c, const struct mlm_reports *reports, int64_t rows, int subset,
                          double seconds, struct job_eval *out)
{
    struct mlm_score score = mlm_reports_total(reports);

    c->heldout_loss = score.loss / (double)score.targets;
    c->heldout_accuracy = (double)score.correct / (double)score.targets;
    c->targets = score.targets;
    c->correct = score.correct;
    c->task = (struct record_eval_task){0, (uint64_t)rows, c->heldout_accuracy, c->heldout_loss};
    mp2__score__init(&c->score);
    c->score.task = (char *)(uintptr_t) "heldout";
    c->score.metric = (char *)(uintptr_t) "perplexity";
    c->score.score = exp(c->heldout_loss);
    c->score.loss = c->heldout_loss;
    c->score.rows = (uint64_t)rows;
    c->scores[0] = &c->score;
    mp2__eval__init(&c->eval);
    c->eval.split = (char *)(uintptr_t) "dev";
    c->eval.mean = c->heldout_loss;
    c->eval.seconds = seconds;
    c->eval.subset = subset;
    c->eval.n_scores = 1;
    c->eval.scores = c->scores;
    *out = (struct job_eval){.record = {.task_count = 1, .tasks = &c->task, .mean = c->heldout_loss, .subset = subset},
                             .message = &c->eval};
}
