#include "coordinator/tune/tuning.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cblas.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stop.h"
#include "coordinator/data/few_shot.h"
#include "coordinator/data/task_info.h"
#include "coordinator/text/vocabulary.h"

/* ---- the coordinator reads ---- */

/* The form in which the prompts saw their inputs. */
static status find_form(struct tuning *t, const struct model_config *m)
{
    const struct state *s = &t->bank.state;
    const struct state_value *longest = state_find(s, "max_length"), *form = state_find(s, "form");

    t->form = (struct input_form){
        .prompt = t->bank.tokens, .first_placeholder = (int32_t)s->placeholders[0], .max_length = 512};
    if (longest && longest->type == STATE_WHOLE && longest->whole > 0 && longest->whole < m->positions)
        t->form.max_length = (int)longest->whole;
    else if (t->form.max_length > m->positions) t->form.max_length = (int)m->positions;
    if (form && form->type == STATE_WHOLE) t->form.reference = (int)form->whole;
    t->longest = t->form.max_length;
    return ST_OK;
}

static status check_encoder(const struct tuning *t, const struct bank *b, const char *path)
{
    const char *was = b->state.encoder_digest;

    if (!was[0] || strcmp(was, t->encoder_digest) == 0) return ST_OK;
    return fault(ST_INPUT, "%s: its prompts were trained over another encoder than %s", path, t->config->model);
}

static status open_single(struct tuning *t, const struct model_config *m)
{
    const struct tune_config *c = t->config;
    const struct bank *b = &t->single;

    if (!tune_has_method(c, METHOD_SINGLE)) return ST_OK;
    TRY(bank_open(c->single_prompts, m, &t->single));
    TRY(check_encoder(t, b, c->single_prompts));
    if (b->modules != 1)
        return fault(ST_INPUT, "single.prompts: %s has %d modules, expected 1 (mp2 pretrain with prompt.modules: 1)",
                     c->single_prompts, b->modules);
    if (b->tokens != t->bank.tokens || b->state.placeholders[0] != t->bank.state.placeholders[0])
        return fault(ST_INPUT, "single.prompts: %s has a prompt of %d tokens from id %u, expected %d from %u as in %s",
                     c->single_prompts, b->tokens, b->state.placeholders[0], t->bank.tokens,
                     t->bank.state.placeholders[0], c->prompts);
    return ST_OK;
}

/* Every task must have its examples: better reported now than after hours. */
static status check_tasks(struct tuning *t)
{
    int64_t seeds[TUNE_SEEDS_MOST];
    enum method methods[METHOD_COUNT];
    size_t count;

    TRY(tune_seeds(t->config, seeds, &count));
    TRY(tune_methods(t->config, methods, &count));
    for (int i = 0; i < dataset_tasks(t->data); i++) {
        struct few_shot draw;

        TRY(few_shot_draw(t->data, i, tuning_k(t, i), (uint64_t)seeds[0], &draw));
        few_shot_fini(&draw);
    }
    if (t->config->start[0] && strcmp(t->config->start, "seen") != 0 && strcmp(t->config->start, "best") != 0 &&
        bank_task(&t->bank, t->config->start) < 0)
        return fault(ST_INPUT, "start: %s was not among the tasks that %s was trained on", t->config->start,
                     t->config->prompts);
    return ST_OK;
}

static status read_inputs(struct tuning *t, struct model_source **model)
{
    const struct tune_config *c = t->config;
    const struct model_config *m;

    if (c->tasks.count == 0) return fault(ST_INPUT, "tasks: found none, expected at least one");
    TRY(model_source_open(c->model, model));
    m = model_source_config(*model);
    TRY(model_source_digest(*model, t->encoder_digest));
    model_source_drop(*model, NULL);
    TRY(bank_open(c->prompts, m, &t->bank));
    TRY(check_encoder(t, &t->bank, c->prompts));
    TRY(open_single(t, m));
    TRY(find_form(t, m));
    TRY(dataset_open(c->data, &c->tasks, &t->form, &t->data));
    if (t->bank.state.vocabulary_digest[0] &&
        strcmp(t->bank.state.vocabulary_digest, dataset_vocabulary_digest(t->data)) != 0)
        return fault(ST_INPUT, "%s: imported with another vocabulary than the data that %s was trained on", c->data,
                     c->prompts);
    TRY(vocabulary_expect(c->model, dataset_vocabulary_digest(t->data), c->data));
    return check_tasks(t);
}

static status open_run(struct tuning *t)
{
    /* What earlier runs said of their cells stays: a cell that goes on says its last steps again. */
    struct progress_options po = {
        .folder = t->config->run, .watch = t->config->watch, .resume = 1, .resume_step = UINT64_MAX};

    TRY(run_folder_open(t->config->run, RUN_FOLDER_EITHER, 3000, &t->folder));
    return progress_new(&po, &t->progress);
}

/* What is refused before leaves the folder's configuration as it was. */
static status save_config(struct tuning *t)
{
    char *text = strdup(t->resolved);
    status s = text ? machine_note(&t->replica, &text) : fault(ST_MEMORY, "out of memory: the configuration");

    if (s == ST_OK) s = run_folder_save_config(&t->folder, text, strlen(text));
    free(text);
    if (s == ST_OK && t->replica.choice[0])
        progress_event(t->progress, MP2__EVENT__LEVEL__INFO, "precision", 0, "%s", t->replica.choice);
    return s;
}

static status open_encoder(struct tuning *t, const struct model_source *model)
{
    const struct machine_encoder encoder = {.folder = t->config->model, .spill = t->config->run, .model = model};
    struct machine_config machine = t->config->machine;
    char path[RUN_FOLDER_PATH_BYTES + 32];

    snprintf(path, sizeof path, "%s/config.resolved.yaml", t->config->run);
    TRY(machine_recall(t->comm, path, &machine));
    TRY(machine_open(t->comm, &machine, &encoder, &t->replica));
    return comm_agree(t->comm, comm_is_coordinator(t->comm) ? save_config(t) : ST_OK);
}

/* Workers multiply with the first, the coordinator searches with the second. */
static status say_libraries(struct tuning *t)
{
    char product[80] = "";

    if (t->replica.encoder) snprintf(product, sizeof product, "%s", matmul_about(t->replica.encoder->matmul));
    /* The last worker is one in any case; a coordinator may have no encoder. */
    TRY(comm_broadcast(t->comm, product, sizeof product, t->comm->size - 1));
    snprintf(t->about, sizeof t->about, "%s, %.80s %.20s, glibc %.20s", product, openblas_get_config(),
             openblas_get_corename(), gnu_get_libc_version());
    return ST_OK;
}

static status open_all(struct tuning *t, struct model_source **model)
{
    status s = stop_install();

    if (s == ST_OK && comm_is_coordinator(t->comm)) {
        s = open_run(t);
        if (s == ST_OK) s = read_inputs(t, model);
    }
    TRY(comm_agree(t->comm, s));
    TRY(comm_broadcast(t->comm, &t->longest, sizeof t->longest, 0));
    TRY(open_encoder(t, *model));
    return say_libraries(t);
}

status tuning_open(struct comm *c, const struct tune_config *config, const struct options *options,
                   const char *resolved, const char *command, struct tuning *t)
{
    struct model_source *model = NULL;
    status s;

    memset(t, 0, sizeof *t);
    t->comm = c;
    t->config = config;
    t->options = options;
    t->command = command;
    t->resolved = resolved;
    t->folder.lock = -1;
    s = open_all(t, &model);
    model_source_close(&model);
    if (s == ST_OK && comm_is_coordinator(c)) tuning_tell(t, MP2__RUN__STATE__STARTING, "");
    if (s != ST_OK) tuning_close(t, s);
    return s;
}

void tuning_close(struct tuning *t, status ended)
{
    if (t->progress && t->total > 0)
        tuning_tell(t,
                    ended == ST_OK    ? MP2__RUN__STATE__FINISHED
                    : ended == ST_END ? MP2__RUN__STATE__STOPPED
                                      : MP2__RUN__STATE__FAILED,
                    "");
    progress_destroy(&t->progress);
    run_folder_close(&t->folder);
    dataset_close(&t->data);
    bank_close(&t->single);
    bank_close(&t->bank);
    replica_close(&t->replica);
    memset(t, 0, sizeof *t);
    t->folder.lock = -1;
}

int tuning_k(const struct tuning *t, int task)
{
    const struct task *which = dataset_task(t->data, task);

    return t->config->k > 0 ? (int)t->config->k : few_shot_standard(which, t->config->reference.few_shot);
}

/* ---- what is told ---- */

static void describe_run(const struct tuning *t, Mp2__Run *run)
{
    run->command = (char *)(uintptr_t)t->command;
    run->precision = (char *)(uintptr_t)replica_precision(&t->replica.facts);
    run->instruction_set = (char *)(uintptr_t)isa_name(t->replica.facts.isa);
    run->libraries = (char *)(uintptr_t)t->about;
    run->layers = (uint32_t)t->bank.layers;
    run->modules = (uint32_t)t->bank.modules;
    run->prompt_length = (uint32_t)t->bank.tokens;
    run->hidden = (uint32_t)t->bank.hidden;
    run->intrinsic = (uint32_t)t->bank.intrinsic;
    run->workers = (uint32_t)t->comm->workers;
    run->done = (uint64_t)t->done;
    run->total = (uint64_t)t->total;
    run->unit = (char *)(uintptr_t) "steps";
}

static status tell_with_tasks(struct tuning *t, Mp2__Run *run)
{
    size_t n = (size_t)dataset_tasks(t->data);
    Mp2__TaskInfo *infos = NULL, **pointers = NULL;
    status s = mem_alloc(n, sizeof *infos, &infos);

    if (s == ST_OK) s = mem_alloc(n, sizeof *pointers, &pointers);
    for (size_t i = 0; i < n && s == ST_OK; i++) {
        task_info_fill(t->data, (int)i, &infos[i]);
        pointers[i] = &infos[i];
    }
    if (s == ST_OK) {
        run->n_tasks = n;
        run->tasks = pointers;
        run->config = (char *)(uintptr_t)t->resolved;
        progress_post(t->progress, &run->base);
    }
    mem_free(infos);
    mem_free(pointers);
    return s;
}

void tuning_tell(struct tuning *t, Mp2__Run__State state, const char *phase)
{
    Mp2__Run run = MP2__RUN__INIT;
    char host[256] = "";

    if (!t->progress) return;
    gethostname(host, sizeof host - 1);
    describe_run(t, &run);
    run.host = host;
    run.state = state;
    run.phase = (char *)(uintptr_t)phase;
    if (state == MP2__RUN__STATE__STARTING && tell_with_tasks(t, &run) == ST_OK) return;
    progress_post(t->progress, &run.base);
}
