/* Opening: the coordinator checks that task, encoder and vocabulary belong together; every worker gets prompts and
 * head. */
#include "coordinator/predict/predict.h"

#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

/* What all ranks must know before they open their encoders. */
struct facts {
    int32_t layers, tokens, hidden, longest;
};

static status load_vocabulary(struct predict *p)
{
    const struct tuned *t = p->source.tuned;

    TRY(vocabulary_load(p->source.model, &p->vocabulary));
    if (strcmp(vocabulary_digest(p->vocabulary), t->vocabulary_digest) == 0) return ST_OK;
    return fault(ST_INPUT, "%s: another vocabulary (%s) than the task was tuned with (%s)",
                 vocabulary_path(p->vocabulary), vocabulary_digest(p->vocabulary), t->vocabulary_digest);
}

static status check_encoder(const struct predict *p, const struct model_source *model)
{
    const struct tuned *t = p->source.tuned;
    const struct input_form *form = &p->source.task->form;
    const struct model_config *m = model_source_config(model);
    char digest[33];

    if (m->layers != t->encoder_layers || m->hidden != t->hidden)
        return fault(ST_INPUT, "%s: an encoder of %lld layers, %lld wide; the task was tuned over one of %d, %d",
                     p->source.model, (long long)m->layers, (long long)m->hidden, t->encoder_layers, t->hidden);
    TRY(model_source_digest(model, digest));
    model_source_drop(model, NULL);
    if (strcmp(digest, t->encoder_digest) != 0)
        return fault(ST_INPUT, "%s: another encoder (%s) than the task was tuned over (%s)", p->source.model, digest,
                     t->encoder_digest);
    if (form->max_length > m->positions || form->first_placeholder + form->prompt > m->vocab ||
        p->source.task->meta.vocabulary_size > m->vocab)
        return fault(ST_INPUT, "task %s: inputs of %d tokens with placeholders from %d do not fit this encoder",
                     p->source.task->meta.id, form->max_length, form->first_placeholder);
    return ST_OK;
}

static status read_source(struct predict *p, struct model_source **model, struct facts *facts)
{
    const struct tuned_task *task = p->source.task;

    TRY(load_vocabulary(p));
    TRY(model_source_open(p->source.model, model));
    TRY(check_encoder(p, *model));
    *facts = (struct facts){task->layers, task->form.prompt, p->source.tuned->hidden, task->form.max_length};
    return ST_OK;
}

static status broadcast_prompts(struct predict *p)
{
    size_t bank = (size_t)p->layers * (size_t)p->tokens * (size_t)p->hidden, head = 2 * (size_t)p->hidden;
    status s = mem_alloc(bank, sizeof *p->prompts, &p->prompts);

    if (s == ST_OK) s = mem_alloc(head, sizeof *p->head, &p->head);
    TRY(comm_agree(p->comm, s));
    if (comm_is_coordinator(p->comm)) {
        if (bank > 0) memcpy(p->prompts, p->source.task->prompt, bank * sizeof *p->prompts);
        memcpy(p->head, p->source.task->head, head * sizeof *p->head);
    }
    TRY(comm_broadcast(p->comm, p->prompts, bank * sizeof *p->prompts, 0));
    return comm_broadcast(p->comm, p->head, head * sizeof *p->head, 0);
}

static status open_worker(struct predict *p)
{
    const struct machine_config *m = &p->config->machine;
    struct compute_options o = {.groups = 1,
                                .batch = 1,
                                .divide = 1,
                                .unit_examples = (int32_t)m->unit_examples,
                                .longest = p->longest,
                                .prompt_tokens = p->tokens,
                                .memory = (size_t)m->unit_memory,
                                .threads = pool_threads(p->replica.pool),
                                .use = UNIT_EVALUATE};

    return compute_open(p->replica.encoder, p->replica.pool, &o, &p->compute);
}

static status open_all(struct predict *p, struct model_source **model)
{
    char folder[4096] = "";
    struct facts facts = {0};
    status s = ST_OK;

    if (comm_is_coordinator(p->comm)) {
        s = file_keep_path(folder, sizeof folder, p->source.model);
        if (s == ST_OK) s = read_source(p, model, &facts);
    }
    TRY(comm_agree(p->comm, s));
    TRY(comm_broadcast(p->comm, &facts, sizeof facts, 0));
    TRY(comm_broadcast(p->comm, folder, sizeof folder, 0));
    p->layers = facts.layers;
    p->tokens = facts.tokens;
    p->hidden = facts.hidden;
    p->longest = facts.longest;
    TRY(machine_open(p->comm, &p->config->machine, &(struct machine_encoder){folder, "/tmp", *model}, &p->replica));
    TRY(broadcast_prompts(p));
    return comm_agree(p->comm, comm_is_worker(p->comm) ? open_worker(p) : ST_OK);
}

status predict_open(struct comm *c, const struct predict_config *config, const struct predict_source *source,
                    struct predict *p)
{
    struct model_source *model = NULL;
    status s;

    *p = (struct predict){.comm = c, .config = config};
    if (source) p->source = *source;
    s = open_all(p, &model);
    model_source_close(&model);
    if (s != ST_OK) predict_close(p);
    return s;
}

void predict_close(struct predict *p)
{
    compute_close(&p->compute);
    replica_close(&p->replica);
    vocabulary_destroy(&p->vocabulary);
    mem_free(p->message);
    mem_free(p->prompts);
    mem_free(p->head);
    memset(p, 0, sizeof *p);
}
