/* The oracle's answers: losses of candidates over kept activations are those of whole sets, to the bit, in any order of layers;
 * gradients agree with finite differences of the losses; scores are the same whoever asks; failures reach everybody. */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/data/few_shot.h"
#include "coordinator/tune/oracle.h"
#include "tests/support/model.h"
#include "tests/support/tasks.h"

enum { LAYERS = 3, TOKENS = 2, HIDDEN = 16, COLUMNS = TOKENS * HIDDEN, BANK = LAYERS * COLUMNS, MEMBERS = 3, EXAMPLES = 14 };

static struct comm comm;

static const char entry[] = "name: X\nkind: labels\nupstream: 0\ntemplate: '“{a}”？'\nlabels: [是, 否]\nsplit: {dev: 0}\nsources:\n"
                            "  - folder: x\n    format: table\n    files: {train: f}\n    columns: [a, y]\n    fields: {a: a}\n    label: y\n";
static const struct input_form form = {TOKENS, TASKS_PLACEHOLDER, 64, 0};

struct world {
    struct tasks tasks;
    struct dataset *data;
    struct few_shot draw;
    struct replica replica;
    struct machine_config machine;
    struct oracle *oracle;
};

/* Rows of very different lengths. */
static void make_data(struct world *w)
{
    char text[16384];
    size_t n = 0;

    tasks_entry(&w->tasks, "x", entry);
    for (int i = 0; i < 60; i++) {
        for (int j = 0; j <= i % 11; j++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", tasks_characters[6 + (i * 5 + j * 3) % 16]);
        n += (size_t)snprintf(text + n, sizeof text - n, "%d\t%s\n", i % 10, i % 2 ? "是" : "否");
    }
    tasks_raw(&w->tasks, "f", text);
    assert_int_equal(tasks_import(&w->tasks, 0, NULL), ST_OK);
    assert_int_equal(tasks_dataset(&w->tasks, "x", &form, &w->data), ST_OK);
    assert_int_equal(few_shot_draw(w->data, 0, EXAMPLES / 2, 8, &w->draw), ST_OK);
}

static void open_world(struct world *w, int gradients, int int8)
{
    struct model_config config = test_model_config();
    struct model_source *model = NULL;
    struct replica_options ro = {.precision = PRECISION_F32, .engine = ENGINE_ONEDNN, .threads = 1 + comm.rank % 2, .exact = 1,
                                 .int8 = int8};
    struct oracle_options o = {.comm = &comm, .replica = &w->replica, .layers = LAYERS, .tokens = TOKENS, .longest = 64,
                             .gradients = gradients, .int8 = int8, .machine = &w->machine, .rules = {.batch_tokens = 512}};
    char folder[512] = "";

    memset(w, 0, sizeof *w);
    config.layers = LAYERS;
    config.positions = 64;
    if (comm_is_coordinator(&comm)) {
        tasks_open(&w->tasks);
        make_data(w);
        snprintf(folder, sizeof folder, "%s/model", w->tasks.folder);
        test_model_write(folder, &config, TENSOR_F32, 0);
        assert_int_equal(model_source_open(folder, &model), ST_OK);
        o.data = w->data;
        o.split = w->draw.split;
        o.rows = w->draw.train;
        o.count = w->draw.train_count;
    }
    assert_int_equal(comm_broadcast(&comm, folder, sizeof folder, 0), ST_OK);
    ro.folder = ro.spill = folder;
    assert_int_equal(replica_open(&comm, &ro, model, &w->replica), ST_OK);
    model_source_close(&model);
    w->machine = (struct machine_config){.unit_examples = 4, .unit_memory = 1 << 24};
    assert_int_equal(oracle_open(&o, &w->oracle), ST_OK);
}

static void close_world(struct world *w)
{
    oracle_close(&w->oracle);
    replica_close(&w->replica);
    few_shot_fini(&w->draw);
    dataset_close(&w->data);
    if (comm_is_coordinator(&comm)) tasks_close(&w->tasks);
}

static void fill(float *x, size_t n, unsigned seed)
{
    struct random_key key = random_seed(seed, RANDOM_INIT);

    for (size_t i = 0; i < n; i++) x[i] = (float)(random_uniform(key, i) - 0.5);
}

/* What the coordinator asks; workers serve meanwhile. */
static status in_dialogue(struct world *w, void (*ask)(struct world *w))
{
    if (!comm_is_coordinator(&comm)) return oracle_serve(w->oracle);
    ask(w);
    return oracle_dismiss(w->oracle, ST_OK);
}

/* Losses of candidates of a layer must be those of whole sets. */
static void check_layer(struct world *w, float *placed, const float *head, int layer, unsigned seed)
{
    float candidates[MEMBERS * COLUMNS], sets[MEMBERS * BANK];
    double kept[MEMBERS], whole[MEMBERS];

    fill(candidates, MEMBERS * COLUMNS, seed);
    for (int m = 0; m < MEMBERS; m++) {
        memcpy(sets + m * BANK, placed, BANK * sizeof *sets);
        memcpy(sets + m * BANK + layer * COLUMNS, candidates + m * COLUMNS, COLUMNS * sizeof *sets);
    }
    assert_int_equal(oracle_losses(w->oracle, layer, MEMBERS, candidates, kept), ST_OK);
    assert_int_equal(oracle_loss(w->oracle, MEMBERS, sets, head, whole), ST_OK);
    assert_memory_equal(kept, whole, sizeof kept);
    assert_true(kept[0] != kept[1]);
    memcpy(placed + layer * COLUMNS, candidates + COLUMNS, COLUMNS * sizeof *placed);
    assert_int_equal(oracle_fix(w->oracle, layer, candidates + COLUMNS), ST_OK);
}

static void ask_losses(struct world *w)
{
    static const int order[] = {0, 1, 2, 0, 2, 1, 1, 2, 0};
    float placed[BANK], other[BANK], head[2 * HIDDEN], d_prompts[BANK], d_head[2 * HIDDEN];
    double loss, again;

    fill(placed, BANK, 1);
    fill(other, BANK, 2);
    fill(head, 2 * HIDDEN, 3);
    assert_int_equal(oracle_examples(w->oracle), EXAMPLES);
    assert_int_equal(oracle_place(w->oracle, placed, head), ST_OK);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        check_layer(w, placed, head, order[i], 10 + (unsigned)i);
        /* Requests about other prompts leave the search alone. */
        assert_int_equal(oracle_gradient(w->oracle, other, head, &loss, d_prompts, d_head), ST_OK);
        assert_int_equal(oracle_loss(w->oracle, 1, other, head, &again), ST_OK);
        assert_memory_equal(&loss, &again, sizeof loss);
    }
}

static double loss_with(struct world *w, const float *prompts, const float *head, int which, int at, double step)
{
    float p[BANK], h[2 * HIDDEN];
    double loss;

    memcpy(p, prompts, sizeof p);
    memcpy(h, head, sizeof h);
    if (which == 0) p[at] = (float)((double)p[at] + step);
    else h[at] = (float)((double)h[at] + step);
    assert_int_equal(oracle_loss(w->oracle, 1, p, h, &loss), ST_OK);
    return loss;
}

static void ask_gradient(struct world *w)
{
    const double step = 1.0 / 64;
    float prompts[BANK], head[2 * HIDDEN], d_prompts[BANK], d_head[2 * HIDDEN];
    double loss, largest = 0, worst = 0;

    fill(prompts, BANK, 4);
    fill(head, 2 * HIDDEN, 5);
    assert_int_equal(oracle_gradient(w->oracle, prompts, head, &loss, d_prompts, d_head), ST_OK);
    for (int i = 0; i < BANK; i++) largest = fmax(largest, fabs((double)d_prompts[i]));
    for (int i = 0; i < BANK; i += 5) {
        double slope = (loss_with(w, prompts, head, 0, i, step) - loss_with(w, prompts, head, 0, i, -step)) / (2 * step);

        worst = fmax(worst, fabs(slope - (double)d_prompts[i]) / largest);
    }
    for (int i = 0; i < 2 * HIDDEN; i += 5) {
        double slope = (loss_with(w, prompts, head, 1, i, step) - loss_with(w, prompts, head, 1, i, -step)) / (2 * step);

        assert_true(fabs(slope - (double)d_head[i]) < 2e-3 * (1 + fabs(slope)));
    }
    print_message("largest gradient %g, worst difference %g of it\n", largest, worst);
    assert_true(largest > 0 && worst < 1e-2);
}

static void ask_scores(struct world *w)
{
    float prompts[BANK], head[2 * HIDDEN];
    struct eval_result listed, all;
    int64_t rows[60], n = dataset_rows(w->data, 0, SPLIT_TRAIN);

    fill(prompts, BANK, 4);
    fill(head, 2 * HIDDEN, 5);
    for (int64_t i = 0; i < n; i++) rows[i] = n - 1 - i;
    assert_int_equal(oracle_score(w->oracle, SPLIT_TRAIN, NULL, 0, prompts, head, NULL, NULL, &all), ST_OK);
    assert_int_equal(oracle_score(w->oracle, SPLIT_TRAIN, rows, n, prompts, head, NULL, NULL, &listed), ST_OK);
    assert_int_equal(all.rows, n);
    assert_int_equal(listed.rows, n);
    assert_int_equal(all.correct, listed.correct);
    assert_int_equal(oracle_score(w->oracle, w->draw.split, w->draw.dev, w->draw.dev_count, prompts, head, NULL, NULL, &listed), ST_OK);
    assert_int_equal(listed.rows, EXAMPLES);
}

static void test_losses(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 1, 0);
    assert_int_equal(in_dialogue(&w, ask_losses), ST_OK);
    close_world(&w);
}

static void test_gradient(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 1, 0);
    assert_int_equal(in_dialogue(&w, ask_gradient), ST_OK);
    assert_int_equal(in_dialogue(&w, ask_scores), ST_OK);
    close_world(&w);
}

/* Candidates in whole numbers: those of kept activations are those of whole sets again, near the exact ones but not the same. */
static void ask_int8(struct world *w)
{
    static const int order[] = {0, 1, 2, 0, 2, 1};
    float placed[BANK], head[2 * HIDDEN], d_prompts[BANK], d_head[2 * HIDDEN];
    double exact, whole;

    fill(placed, BANK, 1);
    fill(head, 2 * HIDDEN, 3);
    assert_int_equal(oracle_place(w->oracle, placed, head), ST_OK);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) check_layer(w, placed, head, order[i], 10 + (unsigned)i);
    assert_int_equal(oracle_gradient(w->oracle, placed, head, &exact, d_prompts, d_head), ST_OK);
    assert_int_equal(oracle_loss(w->oracle, 1, placed, head, &whole), ST_OK);
    print_message("loss %.6f, in whole numbers %.6f\n", exact, whole);
    assert_true(exact != whole && fabs(exact - whole) < .02 * exact);
}

static void test_int8(void **state)
{
    struct world w;
    int64_t lacks = !matmul_has_int8();

    (void)state;
    assert_int_equal(comm_max(&comm, &lacks, 1), ST_OK);
    if (lacks) test_skip("this CPU has no AVX-512 VNNI");
    open_world(&w, 1, 1);
    assert_int_equal(in_dialogue(&w, ask_int8), ST_OK);
    close_world(&w);
}

/* The coordinator's failure is everybody's. */
static void test_failure(void **state)
{
    struct world w;
    status s;

    (void)state;
    open_world(&w, 0, 0);
    s = comm_is_coordinator(&comm) ? oracle_dismiss(w.oracle, ST_NUMBER) : oracle_serve(w.oracle);
    assert_int_equal(s, ST_NUMBER);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_losses), cmocka_unit_test(test_gradient),
                                       cmocka_unit_test(test_int8), cmocka_unit_test(test_failure)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}
