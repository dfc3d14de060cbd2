/* What a checkpoint keeps: every parameter by its name with both moments, each worker's range; and what a resumed run
 * must share with the one that wrote it. */
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/mlm/mlm.h"

/* own: the worker's range of parameters or moments; a rank that is no worker has no part. */
static struct part own_part(const struct mlm *m, int64_t slot, float *own)
{
    const struct mlm_worker *w = m->worker;
    int64_t begin = m->flat.offset[slot], end = begin + m->flat.size[slot], first, last;

    if (!own) return part_none(m->flat.size[slot]);
    first = begin > w->first ? begin : w->first;
    last = end < w->last ? end : w->last;
    if (first >= last) return part_none(m->flat.size[slot]);
    return part_range(m->flat.size[slot], first - begin, last - first, own + (first - w->first));
}

status mlm_tensors(void *self, const struct checkpoint_tensor **list, size_t *count)
{
    static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "optimizer.safetensors"};
    static const char *const ends[] = {"", ".m", ".v"};
    struct mlm *m = self;
    const struct mlm_worker *w = m->worker;
    float *const own[] = {w ? w->own : NULL, w ? w->m : NULL, w ? w->v : NULL};

    for (int64_t i = 0; i < 3 * m->flat.slots; i++) {
        struct checkpoint_tensor *t = &m->tensors[i];
        int64_t slot = i % m->flat.slots, which = i / m->flat.slots;
        char name[64];

        memset(t, 0, sizeof *t);
        snprintf(m->names[i], sizeof m->names[i], "%s%s", names_text(slot, m->flat.config.layers, name, sizeof name),
                 ends[which]);
        t->file = files[which];
        t->spec.name = m->names[i];
        t->spec.type = TENSOR_F32;
        t->spec.rank = names_shape(slot, &m->flat.config, t->spec.shape);
        t->part = own_part(m, slot, own[which]);
    }
    *list = m->tensors;
    *count = (size_t)(3 * m->flat.slots);
    return ST_OK;
}

status mlm_state(void *self, struct state *out)
{
    struct mlm *m = self;
    const struct model_config *c = &m->flat.config;
    struct state_value *values = m->coordinator->state_values;

    values[0] = (struct state_value){.name = "applied", .type = STATE_WHOLE, .whole = m->applied};
    values[1] = (struct state_value){.name = "text_digest", .type = STATE_TEXT, .text = m->facts.text_digest};
    *out = (struct state){.kind = "mlm",
                          .seed = (uint64_t)m->config->seed,
                          .config_digest = m->config_digest,
                          .vocabulary_digest = m->facts.vocabulary_digest,
                          .encoder_digest = m->facts.encoder_digest,
                          .precision = replica_precision(&m->replica.facts),
                          .instruction_set = isa_name(m->replica.facts.isa),
                          .libraries = m->about,
                          .layers = (uint32_t)c->layers,
                          .hidden = (uint32_t)c->hidden,
                          .value_count = sizeof m->coordinator->state_values / sizeof *values,
                          .values = values};
    return ST_OK;
}

static status check_same(const struct mlm *m, const char *what, const char *was, const char *is)
{
    if (strcmp(was, is) == 0) return ST_OK;
    if (!m->coordinator) return ST_INPUT;
    return fault(ST_INPUT, "%s: cannot be resumed: %s was %s, now %s", m->config->run, what, was, is);
}

status mlm_restore(void *self, const struct state *state)
{
    struct mlm *m = self;
    const struct state_value *applied = state_find(state, "applied"), *text = state_find(state, "text_digest");

    TRY(check_same(m, "the configuration (options that affect the result)", state->config_digest, m->config_digest));
    TRY(check_same(m, "the encoder it started from", state->encoder_digest, m->facts.encoder_digest));
    TRY(check_same(m, "the vocabulary", state->vocabulary_digest, m->facts.vocabulary_digest));
    TRY(check_same(m, "the text", text && text->type == STATE_TEXT ? text->text : "", m->facts.text_digest));
    TRY(check_same(m, "the precision", state->precision, replica_precision(&m->replica.facts)));
    TRY(check_same(m, "the instruction set", state->instruction_set, isa_name(m->replica.facts.isa)));
    TRY(check_same(m, "the libraries", state->libraries, m->about));
    if (!applied || applied->type != STATE_WHOLE || applied->whole < 0)
        return fault(ST_INPUT, "%s: a checkpoint without its count of updates", m->config->run);
    m->applied = applied->whole;
    m->stale = 1;
    return ST_OK;
}

void mlm_describe(void *self, Mp2__Run *run)
{
    struct mlm *m = self;

    run->precision = (char *)(uintptr_t)replica_precision(&m->replica.facts);
    run->instruction_set = (char *)(uintptr_t)isa_name(m->replica.facts.isa);
    run->libraries = m->about;
    run->seed = (uint64_t)m->config->seed;
    run->layers = (uint32_t)m->flat.config.layers;
    run->hidden = (uint32_t)m->flat.config.hidden;
    for (int64_t i = 0; i < m->flat.slots; i++) run->parameters += (uint64_t)m->flat.size[i];
}

void mlm_introduce(void *self, struct worker_info *card)
{
    struct mlm *m = self;

    if (!m->worker) return;
    card->threads = pool_threads(m->replica.pool);
    card->first_column = m->worker->first;
    card->columns = m->worker->last - m->worker->first;
}
