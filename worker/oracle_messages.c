/* How the training examples are cut into parts, and the lengths of messages: coordinator and workers must compute the
 * same. */
#include "worker/oracle_messages.h"

#include "cluster/base/memory.h"

status oracle_facts_read(struct oracle_facts *f)
{
    TRY(assignment_read(&f->assignment, f->words, f->word_count));
    f->examples = (int32_t)f->assignment.count;
    return ST_OK;
}

void oracle_facts_fini(struct oracle_facts *f)
{
    assignment_fini(&f->assignment);
    mem_free(f->words);
    mem_free(f->parts);
    *f = (struct oracle_facts){0};
}

status oracle_facts_cut(struct oracle_facts *f, const struct oracle_limits *limits)
{
    int32_t rows = 0;

    TRY(mem_alloc((size_t)f->examples, sizeof *f->parts, &f->parts));
    for (int32_t slot = 0; slot < f->examples; slot++) {
        int32_t here = assignment_example_rows(&f->assignment.examples[slot], limits->align);
        struct oracle_part *p = f->part_count > 0 ? &f->parts[f->part_count - 1] : NULL;

        if (!p || p->count == limits->examples || rows + here > limits->rows) {
            p = &f->parts[f->part_count++];
            p->first = slot;
            rows = 0;
        }
        p->count++;
        rows += here;
    }
    return ST_OK;
}

size_t oracle_values(const struct oracle_facts *f, const struct oracle_request *r)
{
    switch ((enum oracle_op)r->op) {
    case ORACLE_GRADIENT:
    case ORACLE_PLACE:
    case ORACLE_SCORE: return oracle_bank(f);
    case ORACLE_LOSS: return (size_t)r->count * oracle_bank(f);
    case ORACLE_LOSSES: return (size_t)r->count * oracle_columns(f);
    case ORACLE_FIX: return oracle_columns(f);
    case ORACLE_DISMISS: break;
    }
    return 0;
}

size_t oracle_head_values(const struct oracle_facts *f, const struct oracle_request *r)
{
    return r->op == ORACLE_DISMISS || r->op == ORACLE_LOSSES || r->op == ORACLE_FIX ? 0 : oracle_head(f);
}

int64_t oracle_first_pair(const struct oracle_facts *f, int64_t members, int worker)
{
    return members * f->part_count * worker / f->workers;
}

size_t oracle_answer_losses(const struct oracle_facts *f, const struct oracle_request *r, int worker)
{
    size_t sum = 0;

    if (r->op == ORACLE_GRADIENT) return (size_t)f->examples;
    if (r->op != ORACLE_LOSS && r->op != ORACLE_LOSSES) return 0;
    for (int64_t i = oracle_first_pair(f, r->count, worker); i < oracle_first_pair(f, r->count, worker + 1); i++)
        sum += (size_t)f->parts[i / r->count].count;
    return sum;
}
