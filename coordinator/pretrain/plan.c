/* The plan of a step: task, rows and slots come from the schedule and the rows' lengths alone (they are part of the result);
 * who computes which slots follows predicted cost and measured speed (it is not). */
#include "coordinator/pretrain/pretrain.h"

#include <string.h>

#include "cluster/base/memory.h"
#include "coordinator/loop/dealing.h"
#include "coordinator/score/example_marks.h"

/* Words that a worker's message may take when the deal is anything like even: so much is there from the start. */
static size_t message_words(const struct shape *shape, int workers)
{
    size_t slots = (size_t)shape->groups * (size_t)shape->batch, even = 2 * (slots / (size_t)workers + 1);

    return 4 * (slots + 1) + (even < slots ? even : slots) * share_message_most(shape->longest);
}

static status planned_open(const struct shape *shape, int workers, struct planned_step *plan)
{
    TRY(mem_alloc((size_t)shape->groups, sizeof *plan->groups, &plan->groups));
    TRY(mem_alloc((size_t)workers, sizeof *plan->messages, &plan->messages));
    TRY(mem_alloc((size_t)workers, sizeof *plan->cost, &plan->cost));
    for (int w = 0; w < workers; w++)
        TRY(mem_grow(&plan->messages[w].words, &plan->messages[w].room, message_words(shape, workers), sizeof(int32_t)));
    for (int g = 0; g < shape->groups; g++) {
        TRY(mem_alloc((size_t)shape->batch, sizeof(int64_t), &plan->groups[g].rows));
        TRY(mem_alloc((size_t)shape->batch, sizeof(int32_t), &plan->groups[g].lengths));
        TRY(mem_alloc((size_t)shape->batch, sizeof(int32_t), &plan->groups[g].read));
    }
    return ST_OK;
}

static void planned_close(struct planned_step *plan, const struct shape *shape, int workers)
{
    for (int g = 0; plan->groups && g < shape->groups; g++) {
        mem_free(plan->groups[g].rows);
        mem_free(plan->groups[g].lengths);
        mem_free(plan->groups[g].read);
    }
    for (int w = 0; plan->messages && w < workers; w++) assignment_message_fini(&plan->messages[w]);
    mem_free(plan->groups);
    mem_free(plan->messages);
    mem_free(plan->cost);
    deal_fini(&plan->deal);
}

status planner_open(const struct pretrain_config *config, const struct shape *shape, int workers, struct dataset *data,
                    struct planner *p)
{
    *p = (struct planner){.data = data};
    TRY(mem_alloc((size_t)shape->tasks, sizeof *p->rows_of_task, &p->rows_of_task));
    for (int t = 0; t < shape->tasks; t++) p->rows_of_task[t] = dataset_rows(data, t, SPLIT_TRAIN);
    TRY(schedule_new((uint64_t)config->seed, shape->tasks, shape->groups, shape->batch, p->rows_of_task, &p->schedule));
    TRY(mem_alloc((size_t)shape->batch, sizeof *p->drawn_rows, &p->drawn_rows));
    TRY(mem_alloc((size_t)shape->batch, sizeof *p->drawn_lengths, &p->drawn_lengths));
    TRY(mem_alloc((size_t)shape->batch, sizeof *p->order, &p->order));
    TRY(mem_alloc((size_t)workers, sizeof *p->speed, &p->speed));
    for (int w = 0; w < workers; w++) p->speed[w] = 1.0;
    TRY(planned_open(shape, workers, &p->now));
    return planned_open(shape, workers, &p->next);
}

void planner_close(struct planner *p, const struct shape *shape, int workers)
{
    planned_close(&p->now, shape, workers);
    planned_close(&p->next, shape, workers);
    schedule_destroy(&p->schedule);
    example_buffer_fini(&p->buffer);
    mem_free(p->rows_of_task);
    mem_free(p->drawn_rows);
    mem_free(p->drawn_lengths);
    mem_free(p->order);
    mem_free(p->speed);
    *p = (struct planner){0};
}

/* Products cost by the token, attention by the token pair; in units of a token's products of width H. */
static double example_cost(const struct shape *shape, int32_t length)
{
    return (double)length * (1.0 + (double)length / (6.0 * (double)shape->hidden));
}

static void plan_group(struct planner *p, const struct shape *shape, int group, struct planned_group *out)
{
    out->task = schedule_rows(p->schedule, group, p->drawn_rows);
    out->visit = p->schedule->visits[out->task];
    for (int g = 0; g < group; g++) out->visit += schedule_task(p->schedule, p->schedule->step, g) == out->task;
    for (int i = 0; i < shape->batch; i++)
        p->drawn_lengths[i] = dataset_length(p->data, out->task, SPLIT_TRAIN, p->drawn_rows[i]);
    dealing_order(shape->batch, p->drawn_lengths, p->order);
    out->tokens = 0;
    for (int s = 0; s < shape->batch; s++) {
        out->rows[s] = p->drawn_rows[p->order[s]];
        out->lengths[s] = p->drawn_lengths[p->order[s]];
        out->tokens += out->lengths[s];
    }
}

static status add_block(struct planner *p, const struct pretrain_config *config, const struct shape *shape,
                        const struct deal_block *block, struct planned_step *plan)
{
    const struct planned_group *group = &plan->groups[block->group];
    int all = train_loss(config->train.loss, config->reference.loss) == LOSS_ALL;
    int32_t width = 0;

    for (int s = 0; config->reference.padding && s < shape->batch; s++)
        if (group->lengths[s] > width) width = group->lengths[s];
    for (int32_t slot = block->node.first; slot < block->node.first + block->node.size; slot++) {
        struct answer_marks marks;
        struct example e;

        TRY(dataset_example(p->data, group->task, SPLIT_TRAIN, group->rows[slot], &p->buffer, &e));
        marks = example_marks(&e, config->reference.product, config->reference.form != FORM_RIGHT);
        TRY(assignment_message_add(&plan->messages[block->worker],
                              &(struct assignment_example){block->group, slot, e.length, width, e.start, e.end, marks,
                                                      e.ids}));
        group->read[slot] = all ? e.length : marks_tokens(&marks, e.length);
        plan->cost[block->worker] += example_cost(shape, width ? width : e.length);
    }
    return ST_OK;
}

status planner_plan(struct planner *p, const struct pretrain_config *config, const struct shape *shape, int workers,
                    int64_t step, struct planned_step *plan)
{
    double cost[1024];

    plan->step = 0;
    schedule_seek(p->schedule, step - 1);
    for (int g = 0; g < shape->groups; g++) {
        plan_group(p, shape, g, &plan->groups[g]);
        cost[g] = 0;
        for (int s = 0; s < shape->batch; s++) cost[g] += example_cost(shape, plan->groups[g].lengths[s]);
        cost[g] /= shape->batch;
    }
    TRY(dealing_assign(&plan->deal, shape->groups, shape->batch, workers, cost, p->speed));
    for (int w = 0; w < workers; w++) {
        TRY(assignment_message_begin(&plan->messages[w], &plan->deal));
        plan->cost[w] = 0;
    }
    for (size_t b = 0; b < plan->deal.count; b++) TRY(add_block(p, config, shape, &plan->deal.blocks[b], plan));
    plan->step = step;
    return ST_OK;
}
