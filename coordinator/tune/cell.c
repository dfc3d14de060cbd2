/* The spine of a cell: what is done before, between and after the dialogues with the oracle. What is tuned and how is
 * cell_tune.c's. */
#include "coordinator/tune/cell.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/digest.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/tune/cell_state.h"
#include "coordinator/tune/made_with.h"
#include "coordinator/tune/tuned.h"

status cell_folder(const char *run, const char *task, enum method method, int64_t seed, char *out, size_t room)
{
    int n = snprintf(out, room, "%s/cells/%s/%s/%lld", run, task, method_text(method), (long long)seed);

    return n > 0 && (size_t)n < room ? ST_OK : fault(ST_INPUT, "%s: a path too long", run);
}

/* What a result must match to be used again. */
static status make_digest(const struct cell_work *w, char out[33])
{
    const struct tuning *t = w->t;
    char options[33], data[33], text[512];
    int n;

    TRY(tune_method_digest(t->options, w->cell->method, options));
    TRY(dataset_task_digest(t->data, w->cell->task, data));
    n = snprintf(text, sizeof text, "%s %s %s %s %s %d %d %d", options, data, t->encoder_digest, t->bank.digest,
                 w->cell->method == METHOD_SINGLE ? t->single.digest : "", w->k,
                 (int)(t->replica.facts.int8 ? NUMBER_U8 : t->replica.facts.precision), t->form.max_length);
    digest_bytes(text, (size_t)n, out);
    return ST_OK;
}

/* ---- before ---- */

/* What all ranks must know. */
struct brief {
    int32_t cached, layers, tokens, gradients, full;
    int64_t count;
};

/* Is it done already? A result of another configuration is not looked at. */
static status find_cached(struct cell_work *w, int *cached)
{
    status s = cell_load(w->folder, w->result);

    *cached = 0;
    if (s == ST_END) return ST_OK;
    TRY(s);
    *cached = strcmp(w->result->config_digest, w->digest) == 0;
    if (*cached) {
        w->result->cached = 1;
        return ST_OK;
    }
    log_warn("cell-anew", "path=%s why=\"its result is of another configuration\"", w->folder);
    cell_result_fini(w->result);
    return ST_OK;
}

/* The names of the result in it, so that a cell that is run anew is not taken for done half way. */
static status forget_result(const struct cell_work *w)
{
    char path[4096 + 16];

    TRY(file_make_folder(w->folder));
    snprintf(path, sizeof path, "%s/result.json", w->folder);
    if (file_exists(path) && unlink(path) != 0) return fault(ST_IO, "%s: cannot be removed", path);
    return ST_OK;
}

/* What a cell needs while it is under way, and not any more. */
static status clean(const struct cell_work *w)
{
    char path[4096 + 32];

    snprintf(path, sizeof path, "%s/snapshot.safetensors", w->folder);
    if (file_exists(path) && unlink(path) != 0) return fault(ST_IO, "%s: cannot be removed", path);
    snprintf(path, sizeof path, "%s/snapshot", w->folder);
    TRY(file_remove_tree(path));
    snprintf(path, sizeof path, "%s/journal", w->folder);
    TRY(file_remove_tree(path));
    return made_with_remove(w->folder);
}

/* A killed cell left something to go on from. */
static int is_begun(const struct cell_work *w)
{
    static const char *const left[] = {"snapshot.safetensors", "snapshot", "journal"};
    char path[4096 + 32];
    int begun = 0;

    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        snprintf(path, sizeof path, "%s/%s", w->folder, left[i]);
        begun |= file_exists(path);
    }
    return begun;
}

static status check_made_with(const struct cell_work *w)
{
    const struct made_with is = {w->digest, isa_name(w->t->replica.facts.isa), w->t->about};
    int anew;

    TRY(made_with_check(w->folder, is_begun(w), &is, &anew));
    if (!anew) return ST_OK;
    log_warn("cell-anew", "path=%s why=\"it does not say what it was computed with\"", w->folder);
    TRY(clean(w));
    return made_with_check(w->folder, 0, &is, &anew);
}

static status prepare_cell(struct cell_work *w, struct brief *brief)
{
    struct tuning *t = w->t;

    w->task = dataset_task(t->data, w->cell->task);
    w->k = tuning_k(t, w->cell->task);
    TRY(cell_folder(t->config->run, w->task->id, w->cell->method, w->cell->seed, w->folder, sizeof w->folder));
    TRY(make_digest(w, w->digest));
    TRY(find_cached(w, &brief->cached));
    if (brief->cached) return ST_OK;
    TRY(check_made_with(w));
    TRY(forget_result(w));
    TRY(few_shot_draw(t->data, w->cell->task, w->k, (uint64_t)w->cell->seed, &w->draw));
    TRY(cell_save_examples(w->folder, &w->draw));
    TRY(cell_choose(w));
    *brief = (struct brief){.layers = w->bank->layers,
                            .tokens = w->bank->tokens,
                            .count = w->draw.train_count,
                            .gradients = w->cell->method != METHOD_BLACK_BOX,
                            .full = w->cell->method == METHOD_FULL};
    return ST_OK;
}

/* ---- after ---- */

/* The test rows: published ones; of tasks without, the dev split, which tuning has not seen (its few dev examples are
 * drawn from train or pool). */
static enum split test_split(const struct cell_work *w)
{
    return dataset_rows(w->t->data, w->cell->task, SPLIT_TEST) > 0 ? SPLIT_TEST : SPLIT_DEV;
}

/* Coordinator, inside a dialogue. */
static status test(struct cell_work *w, struct oracle *oracle)
{
    struct cell_result *r = w->result;
    enum split split = test_split(w);
    struct eval_result e;
    int64_t mark = 0;
    status s;

    r->test = r->test_loss = NAN;
    if (dataset_rows(w->t->data, w->cell->task, split) == 0) return ST_OK;
    if (w->t->progress) mark = progress_mark(w->t->progress);
    tuning_tell(w->t, MP2__RUN__STATE__EVALUATING, w->dev_curve.phase);
    s = oracle_score(oracle, split, NULL, w->t->config->test_rows, w->dev_curve.best_prompts, w->dev_curve.best_head,
                     NULL, NULL, &e);
    if (s == ST_END && w->t->progress) TRY(progress_take_back(w->t->progress, mark));
    TRY(s);
    r->test = e.score;
    r->test_loss = e.loss;
    r->test_rows = e.rows;
    r->majority = dataset_majority(w->t->data, w->cell->task, split);
    snprintf(r->test_split, sizeof r->test_split, "%s", split_text(split));
    return ST_OK;
}

static status fill_result(struct cell_work *w)
{
    const struct dev_curve *c = &w->dev_curve;
    struct cell_result *r = w->result;

    snprintf(r->task, sizeof r->task, "%s", w->task->id);
    snprintf(r->method, sizeof r->method, "%s", method_text(w->cell->method));
    snprintf(r->metric, sizeof r->metric, "%s", task_metric_text(w->task->metric));
    snprintf(r->best_stage, sizeof r->best_stage, "%s", c->best.stage);
    snprintf(r->config_digest, sizeof r->config_digest, "%s", w->digest);
    r->seed = w->cell->seed;
    r->k = w->k;
    r->dev = c->best.dev;
    r->dev_loss = c->best.dev_loss;
    r->train_loss = c->best.loss;
    r->untuned_dev = c->untuned_dev;
    r->best_at = c->best.evaluations > 0 ? c->best.evaluations : c->best.step;
    r->ranks = w->t->comm->size;
    if (w->full) r->seconds = full_seconds(w->full);
    if (w->bank->modules < 2) return ST_OK;
    r->layers = w->bank->layers;
    r->modules = w->bank->modules;
    TRY(mem_alloc(c->gate_count, sizeof *r->router, &r->router));
    memcpy(r->router, c->best_gates, c->gate_count * sizeof *r->router);
    return ST_OK;
}

/* An encoder of its own, beside the tuned file. */
static status save_encoder(const struct cell_work *w, struct tuned *tuned)
{
    char folder[4096 + 16];

    snprintf(folder, sizeof folder, "%s/encoder", w->folder);
    tuned->encoder = "encoder";
    return full_write(w->full, folder, tuned->encoder_digest);
}

static status save_tuned(const struct cell_work *w)
{
    const struct dev_curve *c = &w->dev_curve;
    struct tuned_task task = {.form = w->t->form,
                              .product = w->t->config->reference.product,
                              .method = method_text(w->cell->method),
                              .seed = w->cell->seed,
                              .k = w->k,
                              .dev = c->best.dev,
                              .layers = w->bank->layers,
                              .prompt = c->best_prompts,
                              .head = c->best_head};
    struct tuned tuned = {.encoder_layers = (int32_t)w->t->replica.facts.config.layers,
                          .hidden = w->bank->hidden,
                          .count = 1,
                          .task = &task};
    float *gates;
    char path[4096 + 16];
    status s;

    task.description = dataset_description(w->t->data, w->cell->task, &task.description_bytes);
    snprintf(tuned.encoder_digest, sizeof tuned.encoder_digest, "%s", w->t->encoder_digest);
    snprintf(tuned.vocabulary_digest, sizeof tuned.vocabulary_digest, "%s", dataset_vocabulary_digest(w->t->data));
    TRY(mem_alloc(c->gate_count, sizeof *gates, &gates));
    for (size_t i = 0; i < c->gate_count; i++) gates[i] = (float)c->best_gates[i];
    if (w->bank->modules > 1) {
        task.modules = w->bank->modules;
        task.router = gates;
    }
    s = w->full ? save_encoder(w, &tuned) : ST_OK;
    snprintf(path, sizeof path, "%s/tuned", w->folder);
    if (s == ST_OK) s = tuned_save(path, &tuned);
    mem_free(gates);
    return s;
}

static void tell_done(const struct cell_work *w)
{
    const struct cell_result *r = w->result;

    if (!w->t->progress) return;
    progress_event(w->t->progress, MP2__EVENT__LEVEL__INFO, "cell-done", (uint64_t)w->t->done,
                   "%s: dev %.4f, %s %.4f over %lld rows, %.1f s", w->dev_curve.phase, r->dev,
                   r->test_split[0] ? r->test_split : "no test", r->test, (long long)r->test_rows, r->seconds);
}

/* ---- the coordinator's parts ---- */

static status begin_cell(struct cell_work *w, struct oracle *oracle)
{
    const struct dev_curve_sizes sizes = {w->bank->layers, w->bank->tokens, w->bank->hidden, w->bank->modules};
    struct tuning *t = w->t;

    w->dev_curve = (struct dev_curve){.oracle = oracle,
                                      .task = w->task->id,
                                      .method = method_text(w->cell->method),
                                      .metric = task_metric_text(w->task->metric),
                                      .seed = w->cell->seed,
                                      .draw = &w->draw,
                                      .watch = {t->progress, &t->bar, &t->folder, t->done}};
    TRY(dev_curve_open(&w->dev_curve, &sizes, w->folder));
    tuning_tell(t, MP2__RUN__STATE__RUNNING, w->dev_curve.phase);
    if (t->progress)
        progress_event(t->progress, MP2__EVENT__LEVEL__INFO, "cell-start", (uint64_t)t->done, "%s", w->dev_curve.phase);
    return w->full ? cell_begin_full(w) : ST_OK;
}

static status finish_cell(struct cell_work *w, struct oracle *oracle)
{
    (void)oracle;
    TRY(fill_result(w));
    TRY(save_tuned(w));
    TRY(cell_save(w->folder, w->result));
    tell_done(w);
    return clean(w);
}

/* ---- all ranks ---- */

typedef status part_of_cell(struct cell_work *w, struct oracle *oracle);

/* The coordinator alone. */
static status on_coordinator(struct cell_work *w, struct oracle *oracle, part_of_cell *part)
{
    struct comm *c = w->t->comm;

    return comm_agree(c, comm_is_coordinator(c) ? part(w, oracle) : ST_OK);
}

/* The coordinator asks, the workers serve. */
static status in_dialogue(struct cell_work *w, struct oracle *oracle, part_of_cell *part)
{
    if (comm_is_coordinator(w->t->comm)) return oracle_dismiss(oracle, part(w, oracle));
    return oracle_serve(oracle);
}

static status run_parts(struct cell_work *w, struct oracle *oracle)
{
    TRY(on_coordinator(w, oracle, begin_cell));
    TRY(w->full ? full_run(w->full) : in_dialogue(w, oracle, cell_tune));
    TRY(in_dialogue(w, oracle, test));
    if (w->full) TRY(full_collect(w->full));
    return on_coordinator(w, oracle, finish_cell);
}

static status open_full(struct cell_work *w, struct oracle *oracle)
{
    const struct tune_config *c = w->t->config;
    const struct full_options o = {.comm = w->t->comm,
                                   .replica = &w->t->replica,
                                   .model = c->model,
                                   .oracle = oracle,
                                   .epochs = c->full.epochs,
                                   .check_every = c->dev_every,
                                   .rate = c->full.rate,
                                   .decay = c->weight_decay,
                                   .loss = train_loss(c->loss, c->reference.loss)};

    return full_open(&o, &w->full);
}

static status run_cell(struct cell_work *w, const struct brief *b)
{
    struct tuning *t = w->t;
    int check_int8 = t->replica.facts.int8 && b->gradients && !t->int8_checked;
    const struct tune_config *c = t->config;
    const struct oracle_options o = {.comm = t->comm,
                                     .replica = &t->replica,
                                     .layers = b->layers,
                                     .tokens = b->tokens,
                                     .longest = t->longest,
                                     .gradients = b->gradients,
                                     .check_int8 = check_int8 ? c->model : NULL,
                                     .loss = train_loss(c->loss, c->reference.loss),
                                     .machine = &c->machine,
                                     .rules = {.padding = c->reference.padding,
                                               .product = c->reference.product,
                                               .independent = t->form.reference != FORM_RIGHT,
                                               .batch_tokens = c->batch_tokens},
                                     .folder = comm_is_coordinator(t->comm) ? &w->t->folder : NULL,
                                     .data = t->data,
                                     .task = w->cell->task,
                                     .split = w->draw.split,
                                     .rows = w->draw.train,
                                     .count = b->count};
    struct oracle *oracle;
    status s;

    t->int8_checked |= check_int8;
    TRY(oracle_open(&o, &oracle));
    s = b->full ? open_full(w, oracle) : ST_OK;
    if (s == ST_OK) s = run_parts(w, oracle);
    full_close(&w->full);
    oracle_close(&oracle);
    return s;
}

status cell_run(struct tuning *t, const struct cell *cell, struct cell_result *out)
{
    struct cell_work w = {.t = t, .cell = cell, .result = out};
    struct brief brief = {0};
    status s = ST_OK;

    memset(out, 0, sizeof *out);
    if (comm_is_coordinator(t->comm)) s = prepare_cell(&w, &brief);
    s = comm_agree(t->comm, s);
    if (s == ST_OK) s = comm_broadcast(t->comm, &brief, sizeof brief, 0);
    if (s == ST_OK && !brief.cached) s = run_cell(&w, &brief);
    if (s == ST_OK && comm_is_coordinator(t->comm)) t->done += cell_steps(t, cell->method);
    dev_curve_close(&w.dev_curve);
    few_shot_fini(&w.draw);
    return s;
}
