#include "tests/support/oracle.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/random.h"
#include "tests/support/model.h"
#include "tests/support/support.h"

static struct model_config oracle_config(void)
{
    struct model_config config = test_model_config();

    config.layers = ORACLE_LAYERS;
    config.positions = ORACLE_LONGEST;
    return config;
}

void oracle_model_write(const char *folder)
{
    struct model_config config = oracle_config();

    test_model_write(folder, &config, TENSOR_F32, 0);
}

void oracle_floats(float *x, size_t n, unsigned seed)
{
    struct random_key key = random_seed(seed, RANDOM_INIT);

    for (size_t i = 0; i < n; i++) x[i] = (float)(random_uniform(key, i) - 0.5);
}

/* ---- a worker alone ---- */

void oracle_examples_make(struct oracle_facts *f, int32_t examples, int workers)
{
    struct assignment_message m = {0};
    struct deal deal = {0};
    int32_t ids[40];

    deal_clear(&deal, 1, examples, workers);
    for (int32_t slot = 0; slot < examples; slot++)
        assert_int_equal(deal_add(&deal, 0, slot % workers, (struct tree_node){slot, 1}), ST_OK);
    assert_int_equal(assignment_message_begin(&m, &deal), ST_OK);
    for (int32_t slot = 0; slot < examples; slot++) {
        int32_t length = 8 + slot * 11 % 33, start = 3 + slot % 4;
        struct answer_marks marks = {.context_first = 0, .context_last = length - 1, .none_first = -1, .none_last = -1};
        struct assignment_example e = {0, slot, length, 0, start, start + 1, marks, ids};

        for (int32_t i = 0; i < length; i++) ids[i] = 5 + (slot * 7 + i * 13) % 50;
        assert_int_equal(assignment_message_add(&m, &e), ST_OK);
    }
    deal_fini(&deal);
    *f = (struct oracle_facts){.layers = ORACLE_LAYERS,
                               .tokens = ORACLE_TOKENS,
                               .hidden = ORACLE_HIDDEN,
                               .workers = workers,
                               .words = m.words,
                               .word_count = m.count};
    assert_int_equal(oracle_facts_read(f), ST_OK);
}

void oracle_replica_open(struct replica *r, const char *folder, int threads)
{
    struct encoder_options options = {.precision = NUMBER_F32, .engine = ENGINE_ONEDNN, .threads = threads};
    struct packed_weights_source from;
    struct model_source *source;
    struct arena_part part = {"weights", 0, 64};

    *r = (struct replica){.facts.config = oracle_config()};
    assert_int_equal(pool_new(threads, &r->pool), ST_OK);
    assert_int_equal(encoder_new(&r->facts.config, &options, r->pool, &r->encoder), ST_OK);
    part.bytes = encoder_weights_bytes(r->encoder);
    assert_int_equal(arena_new(&part, 1, &r->arena), ST_OK);
    assert_int_equal(model_source_open(folder, &source), ST_OK);
    from = packed_weights_from_model(source);
    assert_int_equal(encoder_weights_pack(r->encoder, &from, NULL, arena_at(&r->arena, 0, NULL)), ST_OK);
    assert_int_equal(encoder_attach(r->encoder, arena_at(&r->arena, 0, NULL)), ST_OK);
    model_source_close(&source);
}

/* ---- on all ranks ---- */

static const char entry[] = "name: X\nkind: labels\nupstream: 0\ntemplate: '“{a}”？'\nlabels: [是, 否]\n"
                            "split: {dev: 0}\nsources:\n  - folder: x\n    format: table\n    files: {train: f}\n"
                            "    columns: [a, y]\n    fields: {a: a}\n    label: y\n";
static const struct input_form form = {ORACLE_TOKENS, TASKS_PLACEHOLDER, ORACLE_LONGEST, 0};

/* Rows of very different lengths. */
static void make_data(struct oracle_world *w)
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
    assert_int_equal(few_shot_draw(w->data, 0, ORACLE_EXAMPLES / 2, 8, &w->draw), ST_OK);
}

static void open_replica(struct oracle_world *w, int int8)
{
    struct replica_options ro = {.folder = w->model,
                                 .spill = w->folder,
                                 .precision = int8 ? PRECISION_INT8 : PRECISION_F32,
                                 .engine = ENGINE_ONEDNN,
                                 .threads = 1 + w->comm->rank % 2,
                                 .exact = 1};
    struct model_source *model = NULL;

    if (comm_is_coordinator(w->comm)) assert_int_equal(model_source_open(w->model, &model), ST_OK);
    assert_int_equal(replica_open(w->comm, &ro, model, &w->replica), ST_OK);
    model_source_close(&model);
}

void oracle_world_open(struct oracle_world *w, struct comm *comm, int32_t layers, int gradients, int int8)
{
    const struct machine_config machine = {.unit_examples = 4, .unit_memory = 1 << 24};
    struct oracle_options o = {.comm = comm,
                               .replica = &w->replica,
                               .layers = layers,
                               .tokens = ORACLE_TOKENS,
                               .longest = ORACLE_LONGEST,
                               .gradients = gradients,
                               .machine = &machine,
                               .rules = {.batch_tokens = 512}};

    memset(w, 0, sizeof *w);
    w->comm = comm;
    if (comm_is_coordinator(comm)) {
        tasks_open(&w->tasks);
        make_data(w);
        snprintf(w->folder, sizeof w->folder, "%s", w->tasks.folder);
        snprintf(w->model, sizeof w->model, "%s/model", w->folder);
        oracle_model_write(w->model);
        o.data = w->data;
        o.split = w->draw.split;
        o.rows = w->draw.train;
        o.count = w->draw.train_count;
    }
    assert_int_equal(comm_broadcast(comm, w->folder, sizeof w->folder, 0), ST_OK);
    assert_int_equal(comm_broadcast(comm, w->model, sizeof w->model, 0), ST_OK);
    open_replica(w, int8);
    assert_int_equal(oracle_open(&o, &w->oracle), ST_OK);
}

void oracle_world_close(struct oracle_world *w)
{
    oracle_close(&w->oracle);
    replica_close(&w->replica);
    few_shot_fini(&w->draw);
    dataset_close(&w->data);
    if (comm_is_coordinator(w->comm)) tasks_close(&w->tasks);
}
