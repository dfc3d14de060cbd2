/* Draw tasks and rows, order slots, predict cost, deal the slots, fill the messages. */
#include "coordinator/pretrain/plan.h"

#include "cluster/base/log.h"
#include "coordinator/loop/dealing.h"
#include "coordinator/score/example_marks.h"

/* Words of a worker's message if the slots are dealt about evenly: this much is allocated from the start. */
static size_t message_words(const struct planner *p)
{
    const struct pretrain_shape *s = p->shape;
    size_t even = 2 * (s->slots / (size_t)p->workers + 1);

    return assignment_message_most(s->slots, 0) +
           (even < s->slots ? even : s->slots) * assignment_example_most((int32_t)s->longest);
}

static status open_step(struct planner *p, struct planned_step *plan)
{
    const struct pretrain_shape *s = p->shape;

    TRY(mem_keep_new(&p->keep, (size_t)s->groups, sizeof *plan->groups, &plan->groups));
    TRY(mem_keep_new(&p->keep, (size_t)p->workers, sizeof *plan->messages, &plan->messages));
    TRY(mem_keep_new(&p->keep, (size_t)p->workers, sizeof *plan->cost, &plan->cost));
    for (int w = 0; w < p->workers; w++)
        TRY(mem_grow(&plan->messages[w].words, &plan->messages[w].room, message_words(p), sizeof(int32_t)));
    for (int g = 0; g < s->groups; g++) {
        TRY(mem_keep_new(&p->keep, (size_t)s->batch, sizeof(int64_t), &plan->groups[g].rows));
        TRY(mem_keep_new(&p->keep, (size_t)s->batch, sizeof(int32_t), &plan->groups[g].lengths));
        TRY(mem_keep_new(&p->keep, (size_t)s->batch, sizeof(int32_t), &plan->groups[g].read));
    }
    return ST_OK;
}

static void close_step(struct planner *p, struct planned_step *plan)
{
    for (int w = 0; plan->messages && w < p->workers; w++) assignment_message_fini(&plan->messages[w]);
    deal_fini(&plan->deal);
}

static status open_all(struct planner *p)
{
    const struct pretrain_shape *s = p->shape;
    size_t batch = (size_t)s->batch;

    TRY(mem_keep_new(&p->keep, (size_t)s->tasks, sizeof *p->rows_of_task, &p->rows_of_task));
    for (int t = 0; t < s->tasks; t++) p->rows_of_task[t] = dataset_rows(p->data, t, SPLIT_TRAIN);
    TRY(schedule_new((uint64_t)p->config->seed, (int)s->tasks, (int)s->groups, (int)s->batch, p->rows_of_task,
                     &p->schedule));
    TRY(mem_keep_new(&p->keep, batch, sizeof *p->drawn_rows, &p->drawn_rows));
    TRY(mem_keep_new(&p->keep, batch, sizeof *p->drawn_lengths, &p->drawn_lengths));
    TRY(mem_keep_new(&p->keep, batch, sizeof *p->order, &p->order));
    TRY(mem_keep_new(&p->keep, (size_t)s->groups, sizeof *p->slot_cost, &p->slot_cost));
    TRY(mem_keep_new(&p->keep, (size_t)p->workers, sizeof *p->speed, &p->speed));
    TRY(mem_keep_new(&p->keep, (size_t)p->workers, sizeof *p->measured, &p->measured));
    TRY(open_step(p, &p->now));
    return open_step(p, &p->next);
}

status planner_new(const struct pretrain_config *config, const struct pretrain_shape *shape, int workers,
                   struct dataset *data, struct planner **out)
{
    status s;

    TRY(mem_alloc(1, sizeof **out, out));
    **out = (struct planner){.config = config, .shape = shape, .workers = workers, .data = data};
    s = open_all(*out);
    if (s != ST_OK) planner_destroy(out);
    return s;
}

void planner_destroy(struct planner **out)
{
    struct planner *p = *out;

    if (!p) return;
    close_step(p, &p->now);
    close_step(p, &p->next);
    schedule_destroy(&p->schedule);
    example_buffer_fini(&p->buffer);
    mem_keep_free(&p->keep);
    mem_free(p);
    *out = NULL;
}

/* Matrix products cost per token, attention per token pair; in units of one token's products of width H. */
static double example_cost(const struct pretrain_shape *shape, int32_t length)
{
    return (double)length * (1.0 + (double)length / (6.0 * (double)shape->hidden));
}

static void plan_group(struct planner *p, int group, struct planned_group *out)
{
    const struct pretrain_shape *shape = p->shape;

    out->task = schedule_rows(p->schedule, group, p->drawn_rows);
    out->visit = p->schedule->visits[out->task];
    for (int g = 0; g < group; g++) out->visit += schedule_task(p->schedule, p->schedule->step, g) == out->task;
    for (int i = 0; i < shape->batch; i++)
        p->drawn_lengths[i] = dataset_length(p->data, out->task, SPLIT_TRAIN, p->drawn_rows[i]);
    dealing_order((int)shape->batch, p->drawn_lengths, p->order);
    out->tokens = 0;
    for (int s = 0; s < shape->batch; s++) {
        out->rows[s] = p->drawn_rows[p->order[s]];
        out->lengths[s] = p->drawn_lengths[p->order[s]];
        out->tokens += out->lengths[s];
    }
}

/* Add the examples of a dealt block to the message of its worker. */
static status add_block(struct planner *p, const struct deal_block *block, struct planned_step *plan)
{
    const struct pretrain_shape *shape = p->shape;
    const struct planned_group *group = &plan->groups[block->group];
    const struct reference_config *r = &p->config->reference;
    int all = train_loss(p->config->loss, r->loss) == LOSS_ALL;
    int32_t width = 0;

    for (int s = 0; r->padding && s < shape->batch; s++)
        if (group->lengths[s] > width) width = group->lengths[s];
    for (int32_t slot = block->node.first; slot < block->node.first + block->node.size; slot++) {
        struct answer_marks marks;
        struct example e;

        TRY(dataset_example(p->data, group->task, SPLIT_TRAIN, group->rows[slot], &p->buffer, &e));
        marks = example_marks(&e, r->product, r->form != FORM_RIGHT);
        TRY(assignment_message_add(
            &plan->messages[block->worker],
            &(struct assignment_example){block->group, slot, e.length, width, e.start, e.end, marks, e.ids}));
        group->read[slot] = all ? e.length : marks_tokens(&marks, e.length);
        plan->cost[block->worker] += example_cost(shape, width ? width : e.length);
    }
    return ST_OK;
}

/* Check that the message fits a worker's buffers. */
static status check_message(const struct planner *p, const struct assignment_message *m)
{
    if (m->count <= pretrain_assignment_most(p->shape)) return ST_OK;
    return fault(ST_SYSTEM, "internal error: an assignment of %zu words, expected at most %zu", m->count,
                 pretrain_assignment_most(p->shape));
}

/* Whoever has had no slots yet is taken for as quick as the others are on average. */
static void assume_speeds(struct planner *p)
{
    double sum = 0;
    int known = 0;

    for (int w = 0; w < p->workers; w++)
        if (p->measured[w] > 0) {
            sum += p->measured[w];
            known++;
        }
    for (int w = 0; w < p->workers; w++)
        p->speed[w] = p->measured[w] > 0 ? p->measured[w] : known > 0 ? sum / known : 1.0;
}

static status plan_step(struct planner *p, int64_t step, struct planned_step *plan)
{
    const struct pretrain_shape *shape = p->shape;

    plan->step = 0;
    schedule_seek(p->schedule, step - 1);
    for (int g = 0; g < shape->groups; g++) {
        plan_group(p, g, &plan->groups[g]);
        p->slot_cost[g] = 0;
        for (int s = 0; s < shape->batch; s++) p->slot_cost[g] += example_cost(shape, plan->groups[g].lengths[s]);
        p->slot_cost[g] /= shape->batch;
    }
    assume_speeds(p);
    TRY(dealing_assign(&plan->deal, (int)shape->groups, (int)shape->batch, p->workers, p->slot_cost, p->speed));
    for (int w = 0; w < p->workers; w++) {
        TRY(assignment_message_begin(&plan->messages[w], &plan->deal));
        plan->cost[w] = 0;
    }
    for (size_t b = 0; b < plan->deal.count; b++) TRY(add_block(p, &plan->deal.blocks[b], plan));
    for (int w = 0; w < p->workers; w++) TRY(check_message(p, &plan->messages[w]));
    plan->step = step;
    return ST_OK;
}

status planner_begin(struct planner *p, int64_t step)
{
    struct planned_step swap = p->now;

    if (p->next.step != step) return plan_step(p, step, &p->now);
    p->now = p->next;
    p->next = swap;
    return ST_OK;
}

status planner_plan_next(struct planner *p, int64_t step)
{
    return plan_step(p, step, &p->next);
}

void planner_update_speed(struct planner *p, int w, double seconds)
{
    double cost = p->now.cost[w];

    if (cost <= 0 || seconds <= 0) return;
    if (p->measured[w] <= 0) p->measured[w] = cost / seconds;
    else p->measured[w] += 0.05 * (cost / seconds - p->measured[w]);
}
