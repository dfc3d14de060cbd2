/* A worker's part of a loss oracle: the parts hold every example once and fit; several workers together answer what one
 * does, and that is what each example alone gives; losses of candidates over kept activations are those of whole sets.
 * */
#include "worker/oracle.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/oracle.h"
#include "tests/support/support.h"

enum { EXAMPLES = 11, MEMBERS = 3, WORKERS = 3 };
enum { COLUMNS = ORACLE_COLUMNS, BANK = ORACLE_BANK, HEAD = 2 * ORACLE_HIDDEN };

struct world {
    char folder[256], model[512];
    struct replica replica;
    struct oracle_facts facts;
    struct oracle_worker *workers[WORKERS];
};

static void open_world(struct world *w, int workers, int gradients)
{
    const struct oracle_limits limits = {90, 4, MATMUL_GRAIN};

    memset(w, 0, sizeof *w);
    test_folder(w->folder, sizeof w->folder);
    snprintf(w->model, sizeof w->model, "%s/model", w->folder);
    oracle_model_write(w->model);
    oracle_replica_open(&w->replica, w->model, 2);
    oracle_examples_make(&w->facts, EXAMPLES, workers);
    for (int i = 0; i < workers; i++) {
        const struct oracle_worker_options o = {.replica = &w->replica,
                                                .worker = i,
                                                .unit_examples = 4,
                                                .unit_memory = 1 << 24,
                                                .longest = 40,
                                                .gradients = gradients};

        assert_int_equal(oracle_worker_open(&o, &w->facts, &w->workers[i]), ST_OK);
    }
    assert_int_equal(oracle_facts_cut(&w->facts, &limits), ST_OK);
    for (int i = 0; i < workers; i++) assert_int_equal(oracle_worker_begin(w->workers[i]), ST_OK);
}

static void close_world(struct world *w)
{
    for (int i = 0; i < WORKERS; i++) oracle_worker_close(&w->workers[i]);
    oracle_facts_fini(&w->facts);
    replica_close(&w->replica);
    test_folder_remove(w->folder);
}

static void test_cut(void **state)
{
    struct world w;
    int32_t next = 0;

    (void)state;
    open_world(&w, 1, 0);
    assert_true(w.facts.part_count > 2);
    for (int32_t i = 0; i < w.facts.part_count; i++) {
        const struct oracle_part *p = &w.facts.parts[i];
        int32_t rows = 0;

        assert_int_equal(p->first, next);
        for (next = p->first; next < p->first + p->count; next++)
            rows += assignment_example_rows(&w.facts.assignment.examples[next], MATMUL_GRAIN);
        assert_in_range(p->count, 1, 4);
        assert_in_range(rows, 1, 90);
    }
    assert_int_equal(next, EXAMPLES);
    close_world(&w);
}

/* Messages count alike on both sides: all workers' answers are all examples of all members, each once. */
static void test_pairs(void **state)
{
    const struct oracle_request requests[] = {{ORACLE_LOSS, 0, MEMBERS}, {ORACLE_LOSSES, 1, 1}, {ORACLE_LOSSES, 2, 20}};
    struct world w;

    (void)state;
    open_world(&w, WORKERS, 0);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const struct oracle_request *r = &requests[i];
        size_t sum = 0;

        for (int k = 0; k < WORKERS; k++) sum += oracle_answer_losses(&w.facts, r, k);
        assert_int_equal(sum, r->count * EXAMPLES);
        assert_int_equal(oracle_first_pair(&w.facts, r->count, 0), 0);
        assert_int_equal(oracle_first_pair(&w.facts, r->count, WORKERS), r->count * w.facts.part_count);
    }
    close_world(&w);
}

/* All workers' answers, pair after pair. */
static void ask(struct world *w, const struct oracle_request *r, const float *values, const float *head, double *losses)
{
    for (int i = 0; i < w->facts.workers; i++) {
        size_t n = oracle_answer_losses(&w->facts, r, i);

        assert_int_equal(oracle_worker_losses(w->workers[i], r, values, head), ST_OK);
        memcpy(losses, w->workers[i]->losses, n * sizeof *losses);
        losses += n;
    }
}

/* An example by itself, with nothing of the oracle. */
static double loss_alone(const struct world *w, int32_t slot, const float *prompts, const float *head)
{
    const struct assignment_example *e = &w->facts.assignment.examples[slot];
    int32_t align = encoder_row_align(w->replica.encoder), rows = unit_batch_rows(e->length, align);
    struct unit_batch b;
    struct unit_inputs in = {
        .batch = &b, .prompts = {ORACLE_LAYERS, ORACLE_TOKENS, prompts}, .head = head, .batch_examples = 1};
    struct unit *u;
    double loss;
    struct unit_outputs out = {.loss = &loss};

    assert_int_equal(unit_batch_init(&b, 1, rows, align), ST_OK);
    unit_batch_clear(&b, slot);
    assert_true(unit_batch_add(&b, e->ids, e->length, 0, e->start, e->end));
    assert_int_equal(unit_new(w->replica.encoder, rows, 1, ORACLE_TOKENS, 2, UNIT_EVALUATE, &u), ST_OK);
    assert_int_equal(unit_evaluate(u, w->replica.encoder, w->replica.pool, &in, &out), ST_OK);
    unit_destroy(&u);
    unit_batch_fini(&b);
    return loss;
}

static void test_losses(void **state)
{
    const struct oracle_request r = {ORACLE_LOSS, 0, MEMBERS};
    float sets[MEMBERS * BANK], head[HEAD];
    double one[MEMBERS * EXAMPLES], several[MEMBERS * EXAMPLES];
    struct world w;
    int at = 0;

    (void)state;
    oracle_floats(sets, MEMBERS * BANK, 1);
    oracle_floats(head, HEAD, 2);
    open_world(&w, WORKERS, 0);
    ask(&w, &r, sets, head, several);
    close_world(&w);
    open_world(&w, 1, 0);
    ask(&w, &r, sets, head, one);
    assert_memory_equal(one, several, sizeof one);
    for (int32_t p = 0; p < w.facts.part_count; p++)
        for (int m = 0; m < MEMBERS; m++)
            for (int32_t i = 0; i < w.facts.parts[p].count; i++, at++)
                assert_true(one[at] == loss_alone(&w, w.facts.parts[p].first + i, sets + m * BANK, head));
    close_world(&w);
}

/* Up through the layers, down again, the same layer twice; each time a candidate becomes the prompt of that layer, or
 * of one below it, which what is kept has seen. */
static void test_candidates(void **state)
{
    static const struct {
        int asked, fixed;
    } order[] = {{0, 0}, {1, 1}, {2, 2}, {0, 0}, {2, 0}, {2, 1}, {2, 2}, {1, 1}, {1, 1}};
    float placed[BANK], head[HEAD], candidates[MEMBERS * COLUMNS], sets[MEMBERS * BANK];
    double kept[MEMBERS * EXAMPLES], whole[MEMBERS * EXAMPLES];
    struct world w;

    (void)state;
    open_world(&w, WORKERS, 0);
    oracle_floats(placed, BANK, 1);
    oracle_floats(head, HEAD, 2);
    for (int i = 0; i < WORKERS; i++) oracle_worker_place(w.workers[i], placed, head);
    for (unsigned k = 0; k < sizeof order / sizeof *order; k++) {
        int asked = order[k].asked, fixed = order[k].fixed;

        oracle_floats(candidates, MEMBERS * COLUMNS, 3 + k);
        for (int m = 0; m < MEMBERS; m++) {
            memcpy(sets + m * BANK, placed, sizeof placed);
            memcpy(sets + m * BANK + asked * COLUMNS, candidates + m * COLUMNS, COLUMNS * sizeof *sets);
        }
        ask(&w, &(struct oracle_request){ORACLE_LOSSES, asked, MEMBERS}, candidates, NULL, kept);
        ask(&w, &(struct oracle_request){ORACLE_LOSS, 0, MEMBERS}, sets, head, whole);
        assert_memory_equal(kept, whole, sizeof kept);
        memcpy(placed + fixed * COLUMNS, candidates, COLUMNS * sizeof *placed);
        for (int i = 0; i < WORKERS; i++) oracle_worker_fix(w.workers[i], fixed, candidates);
    }
    close_world(&w);
}

/* Where an answer can be any token, a loss over answers is one over all tokens; where it can be fewer, the loss is
 * smaller, since the others' share is gone. */
static void test_answers(void **state)
{
    const struct oracle_request r = {ORACLE_LOSS, 0, 1};
    float set[BANK], head[HEAD];
    double all[EXAMPLES], any[EXAMPLES], fewer[EXAMPLES];
    struct world w;

    (void)state;
    oracle_floats(set, BANK, 1);
    oracle_floats(head, HEAD, 2);
    open_world(&w, 1, 0);
    w.workers[0]->o.loss = LOSS_ALL;
    ask(&w, &r, set, head, all);
    close_world(&w);
    for (int narrow = 0; narrow < 2; narrow++) {
        open_world(&w, 1, 0);
        w.workers[0]->o.loss = LOSS_ANSWERS;
        for (int i = 0; i < EXAMPLES && narrow; i++) w.facts.assignment.examples[i].marks.context_last = 7;
        ask(&w, &r, set, head, narrow ? fewer : any);
        close_world(&w);
    }
    for (int i = 0; i < EXAMPLES; i++) {
        assert_true(fabs(any[i] - all[i]) <= 1e-6 * all[i]);
        assert_true(fewer[i] > 0 && fewer[i] <= any[i] * (1 + 1e-6));
    }
    assert_true(fewer[1] < any[1]);
}

/* Nodes of all workers along the batch's tree: the gradient of one worker, to the bit. */
static void gradient_of(int workers, const float *prompts, const float *head, float *grad_prompts, double *loss)
{
    struct tree_sum sum;
    struct world w;

    open_world(&w, workers, 1);
    tree_sum_init(&sum, EXAMPLES, TREE_FLOAT, BANK);
    for (int i = 0; i < workers; i++) {
        const struct tree_sum *own = w.workers[i]->compute.prompt_list[0];

        assert_int_equal(oracle_worker_gradient(w.workers[i], prompts, head), ST_OK);
        for (size_t n = 0; n < own->count; n++) {
            void *vector;

            assert_int_equal(tree_sum_take(&sum, &vector), ST_OK);
            memcpy(vector, own->vectors[n], BANK * sizeof(float));
            assert_int_equal(tree_sum_add(&sum, own->nodes[n], vector), ST_OK);
        }
        for (int slot = 0; slot < EXAMPLES; slot++)
            if (slot % workers == i) loss[slot] = w.workers[i]->compute.loss[slot];
    }
    assert_non_null(tree_sum_root(&sum));
    memcpy(grad_prompts, tree_sum_root(&sum), BANK * sizeof *grad_prompts);
    tree_sum_fini(&sum);
    close_world(&w);
}

static void test_gradient(void **state)
{
    float prompts[BANK], head[HEAD], one[BANK], several[BANK];
    double loss[EXAMPLES], again[EXAMPLES];

    (void)state;
    oracle_floats(prompts, BANK, 1);
    oracle_floats(head, HEAD, 2);
    gradient_of(1, prompts, head, one, loss);
    gradient_of(WORKERS, prompts, head, several, again);
    assert_memory_equal(loss, again, sizeof loss);
    assert_memory_equal(one, several, sizeof one);
    assert_true(fabs((double)one[0]) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cut),     cmocka_unit_test(test_pairs),
                                       cmocka_unit_test(test_losses),  cmocka_unit_test(test_candidates),
                                       cmocka_unit_test(test_answers), cmocka_unit_test(test_gradient)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
