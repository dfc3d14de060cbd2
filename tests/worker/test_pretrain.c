/* A step of two workers without messages between them: their phases called one after another, what travels copied by
 * hand. Losses and gradients are those of one worker that has everything, to the bit; the update of A, deferred to the
 * next compose, is the one that a flush carries out. */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "tests/support/model.h"
#include "worker/pretrain.h"

enum { TOKENS = 9, HIDDEN = 16, LAYERS = 2, D = 5, GROUPS = 2, BATCH = 5, LONGEST = 20, COLUMNS = TOKENS * HIDDEN };
enum { OWN_ROWS = GROUPS * LAYERS, BANK = LAYERS * COLUMNS, U = LAYERS * D };

static struct comm comm;

static struct world {
    char folder[256];
    struct replica replica;
    struct pretrain_shape shape;
    float u[GROUPS * U], head[GROUPS * 2 * HIDDEN];
} world;

static int open_world(void **state)
{
    struct world *w = &world;
    struct model_config config = test_model_config();
    struct model_source *model = NULL;
    struct random_key key = random_seed(4, RANDOM_INIT);
    struct replica_options ro = {.folder = w->folder,
                                 .spill = w->folder,
                                 .precision = PRECISION_F32,
                                 .engine = ENGINE_ONEDNN,
                                 .threads = 2,
                                 .exact = 1};

    (void)state;
    test_folder(w->folder, sizeof w->folder);
    test_model_write(w->folder, &config, TENSOR_F32, 0);
    assert_int_equal(model_source_open(w->folder, &model), ST_OK);
    assert_int_equal(replica_open(&comm, &ro, model, &w->replica), ST_OK);
    model_source_close(&model);
    w->shape = (struct pretrain_shape){.layers = LAYERS,
                                       .tokens = TOKENS,
                                       .hidden = HIDDEN,
                                       .modules = 3,
                                       .intrinsic = D,
                                       .tasks = 2,
                                       .groups = GROUPS,
                                       .batch = BATCH,
                                       .longest = LONGEST};
    pretrain_shape_complete(&w->shape);
    for (int i = 0; i < GROUPS * U; i++) w->u[i] = (float)(random_uniform(key, (uint64_t)i) - 0.5);
    for (int i = 0; i < GROUPS * 2 * HIDDEN; i++) w->head[i] = (float)(random_uniform(key, (uint64_t)(1000 + i)) - 0.5);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    replica_close(&world.replica);
    test_folder_remove(world.folder);
    return 0;
}

static struct pretrain_worker *worker_new(const struct blocks *blocks, int worker)
{
    const struct pretrain_worker_options o = {.shape = &world.shape,
                                              .replica = &world.replica,
                                              .blocks = blocks,
                                              .worker = worker,
                                              .seed = 11,
                                              .dropout = 1,
                                              .divide = BATCH * GROUPS,
                                              .unit_examples = 2,
                                              .unit_memory = 1 << 24};
    struct pretrain_worker *w;

    assert_int_equal(pretrain_worker_new(&o, &w), ST_OK);
    return w;
}

/* ---- what the coordinator would send ---- */

/* Of `workers` workers: all to one, or slots 0, 1 and 4 to the first, 2 and 3 to the second. */
static void make_deal(struct deal *d, int workers)
{
    deal_clear(d, GROUPS, BATCH, workers);
    for (int g = 0; g < GROUPS; g++) {
        assert_int_equal(deal_add(d, g, 0, (struct tree_node){0, workers == 1 ? 4 : 2}), ST_OK);
        if (workers == 2) assert_int_equal(deal_add(d, g, 1, (struct tree_node){2, 2}), ST_OK);
        assert_int_equal(deal_add(d, g, 0, (struct tree_node){4, 1}), ST_OK);
    }
}

static void receive(struct pretrain_worker *w, const struct deal *d, int worker)
{
    struct assignment_message m = {0};

    assert_int_equal(assignment_message_begin(&m, d), ST_OK);
    for (size_t b = 0; b < d->count; b++)
        for (int32_t i = 0; d->blocks[b].worker == worker && i < d->blocks[b].node.size; i++) {
            int32_t slot = d->blocks[b].node.first + i, group = d->blocks[b].group, ids[LONGEST];
            int32_t length = 12 + (3 * slot + group) % 8;
            struct answer_marks marks = {.context_last = length - 1, .none_first = -1, .none_last = -1};

            for (int32_t j = 0; j < length; j++) ids[j] = 5 + (7 * slot + 3 * group + j) % 50;
            assert_int_equal(
                assignment_message_add(&m, &(struct assignment_example){group, slot, length, 0, 2, 4, marks, ids}),
                ST_OK);
        }
    assert_true(m.count <= pretrain_assignment_most(&world.shape));
    memcpy(w->message, m.words, m.count * sizeof *m.words);
    assert_int_equal(pretrain_worker_receive(w, m.count), ST_OK);
    assignment_message_fini(&m);
}

/* ---- what travels between workers ---- */

/* Own columns of `from` into the whole prompts of `to`. */
static void give_prompts(const struct pretrain_worker *from, struct pretrain_worker *to)
{
    const struct columns *c = &from->columns;

    for (int64_t row = 0; row < OWN_ROWS; row++)
        memcpy(to->prompts + row * COLUMNS + c->first_column, from->own + row * c->local,
               (size_t)c->local * sizeof *from->own);
}

/* The root of a group's gradients over both workers' partial sums, length numbers. */
static void add_up(struct tree_sum *const *partial[2], int workers, int g, size_t length, float *out)
{
    struct tree_sum sum;

    tree_sum_init(&sum, BATCH, TREE_FLOAT, length);
    for (int w = 0; w < workers; w++)
        for (size_t n = 0; n < partial[w][g]->count; n++) {
            void *vector;

            assert_int_equal(tree_sum_take(&sum, &vector), ST_OK);
            memcpy(vector, partial[w][g]->vectors[n], length * sizeof *out);
            assert_int_equal(tree_sum_add(&sum, partial[w][g]->nodes[n], vector), ST_OK);
        }
    assert_non_null(tree_sum_root(&sum));
    memcpy(out, tree_sum_root(&sum), length * sizeof *out);
    tree_sum_fini(&sum);
}

/* ---- a step of one worker, or two ---- */

struct found {
    double loss[GROUPS * BATCH];
    float prompts[GROUPS * BANK], grad[GROUPS * BANK], grad_head[GROUPS * 2 * HIDDEN];
};

static void keep_report(struct pretrain_worker *w, struct found *out)
{
    const struct member_report member = {.seconds = 2, .sent = 3, .memory = 4};

    pretrain_worker_report(w, &member);
    assert_memory_equal(&w->report->member, &member, sizeof member);
    for (int i = 0; i < GROUPS * BATCH; i++)
        if (!isnan(w->report->slots[i].loss)) out->loss[i] = w->report->slots[i].loss;
}

static void run_step(int workers, struct found *out)
{
    struct blocks blocks = blocks_make(COLUMNS, workers);
    struct tree_sum *const *prompts[2], *const *heads[2];
    struct pretrain_worker *w[2];
    struct deal deal = {0};

    make_deal(&deal, workers);
    for (int i = 0; i < workers; i++) {
        w[i] = worker_new(&blocks, i);
        receive(w[i], &deal, i);
        pretrain_worker_compose(w[i], GROUPS, world.u);
    }
    for (int i = 0; i < workers; i++)
        for (int j = 0; j < workers; j++) give_prompts(w[i], w[j]);
    for (int i = 0; i < workers; i++) {
        assert_int_equal(pretrain_worker_compute(w[i], 7, world.head), ST_OK);
        keep_report(w[i], out);
        prompts[i] = w[i]->compute.prompt_list;
        heads[i] = w[i]->compute.head_list;
    }
    memcpy(out->prompts, w[0]->prompts, sizeof out->prompts);
    for (int g = 0; g < GROUPS; g++) {
        add_up(prompts, workers, g, BANK, out->grad + g * BANK);
        add_up(heads, workers, g, 2 * HIDDEN, out->grad_head + g * 2 * HIDDEN);
    }
    for (int i = 0; i < workers; i++) pretrain_worker_destroy(&w[i]);
    deal_fini(&deal);
}

static void test_two_are_as_one(void **state)
{
    static struct found one, two;

    (void)state;
    run_step(1, &one);
    run_step(2, &two);
    assert_memory_equal(one.prompts, two.prompts, sizeof one.prompts);
    assert_memory_equal(one.loss, two.loss, sizeof one.loss);
    assert_memory_equal(one.grad, two.grad, sizeof one.grad);
    assert_memory_equal(one.grad_head, two.grad_head, sizeof one.grad_head);
    for (int i = 0; i < GROUPS * BATCH; i++) assert_true(one.loss[i] > 0);
}

/* The prompts are u A. */
static void test_compose(void **state)
{
    struct blocks blocks = blocks_make(COLUMNS, 1);
    struct pretrain_worker *w = worker_new(&blocks, 0);

    (void)state;
    pretrain_worker_compose(w, GROUPS, world.u);
    for (int g = 0; g < GROUPS; g++)
        for (int l = 0; l < LAYERS; l++)
            for (int c = 0; c < COLUMNS; c++) {
                const float *a = columns_block(&w->columns, l, c / BLOCK_COLUMNS) + c % BLOCK_COLUMNS;
                double sum = 0;

                for (int i = 0; i < D; i++)
                    sum += (double)world.u[(g * LAYERS + l) * D + i] * (double)a[i * BLOCK_COLUMNS];
                assert_true(fabs(sum - (double)w->own[(g * LAYERS + l) * COLUMNS + c]) < 1e-6);
            }
    pretrain_worker_destroy(&w);
}

/* Deferred to the next compose, or flushed before it: the same A, the same prompts, and A has moved. */
static void test_update(void **state)
{
    const struct adamw adamw = adamw_at(1e-2, &(struct adamw_options){.beta1 = .9, .beta2 = .999, .eps = 1e-8}, 1);
    struct blocks blocks = blocks_make(COLUMNS, 1);
    const double ones[GROUPS] = {1.0, 1.0};
    struct pretrain_worker *w[3];
    size_t bytes = columns_bytes(&blocks, 0, LAYERS, D);

    (void)state;
    for (int i = 0; i < 3; i++) {
        w[i] = worker_new(&blocks, 0);
        for (int j = 0; j < OWN_ROWS * COLUMNS; j++) w[i]->grad[j] = (float)(j % 7 - 3);
        if (i < 2) pretrain_worker_update(w[i], world.u, ones, &adamw);
        if (i < 1) pretrain_worker_flush(w[i]);
        pretrain_worker_compose(w[i], GROUPS, world.u);
    }
    assert_memory_equal(w[0]->columns.data, w[1]->columns.data, bytes);
    assert_memory_equal(w[0]->own, w[1]->own, OWN_ROWS * COLUMNS * sizeof(float));
    assert_memory_not_equal(w[0]->own, w[2]->own, OWN_ROWS * COLUMNS * sizeof(float));
    for (int i = 0; i < 3; i++) pretrain_worker_destroy(&w[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_compose), cmocka_unit_test(test_two_are_as_one),
                                       cmocka_unit_test(test_update)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, open_world, close_world);
    comm_fini(&comm, ST_OK);
    return failed;
}
