/* A step of mlm as a user configures it: the gradient of several micro-batches is that of their common loss; it is
 * clipped to its norm; AdamW decays matrices and tables alone; the rate follows warm-up and schedule; a skipped step
 * changes nothing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "coordinator/mlm/mlm.h"
#include "tests/support/support.h"

static struct comm comm;

struct world {
    char folder[4096], sets[20][4300];
    const char *list[20];
    int count;
    struct mlm_config config;
    struct options options;
    struct membership membership;
    struct mlm mlm;
};

static void set(struct world *w, const char *name, const char *value)
{
    snprintf(w->sets[w->count], sizeof w->sets[0], "%s=%s", name, value);
    w->list[w->count] = w->sets[w->count];
    w->count++;
}

static void write_files(struct world *w, char *text, char *vocab, size_t room)
{
    FILE *f;

    snprintf(text, room, "%s/text.txt", w->folder);
    snprintf(vocab, room, "%s/vocab.txt", w->folder);
    f = fopen(text, "w");
    assert_non_null(f);
    for (int i = 0; i < 200; i++) {
        for (int j = 0; j < 20; j++) fprintf(f, "%c ", 'a' + (i * j + i) % 26);
        fputc('\n', f);
    }
    assert_int_equal(fclose(f), 0);
    f = fopen(vocab, "w");
    assert_non_null(f);
    fputs("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", f);
    for (int i = 0; i < 26; i++) fprintf(f, "%c\n", 'a' + i);
    assert_int_equal(fclose(f), 0);
}

static void open_world(struct world *w, const char *micro, const char *clip)
{
    const struct worker_info card = {.threads = 1};
    char text[4200], vocab[4200], run[4200];

    memset(w, 0, sizeof *w);
    test_folder(w->folder, sizeof w->folder);
    write_files(w, text, vocab, sizeof text);
    snprintf(run, sizeof run, "%s/run", w->folder);
    set(w, "run", run);
    set(w, "texts", text);
    set(w, "vocab", vocab);
    set(w, "encoder.layers", "1");
    set(w, "encoder.hidden", "32");
    set(w, "encoder.heads", "2");
    set(w, "encoder.feed_forward", "48");
    set(w, "encoder.positions", "32");
    set(w, "train.length", "32");
    set(w, "train.sequences", "2");
    set(w, "train.micro", micro);
    set(w, "train.clip", clip);
    set(w, "train.dropout", "false");
    set(w, "train.weight_decay", "0.1");
    set(w, "heldout", "0");
    set(w, "machine.precision", "f32");
    assert_int_equal(
        options_load(mlm_options, mlm_option_count, &w->config, NULL, w->list, (size_t)w->count, &w->options), ST_OK);
    w->config.train.warmup = 4;
    w->config.train.steps = 20;
    assert_int_equal(mlm_open(&comm, &w->config, &w->options, &w->mlm), ST_OK);
    assert_int_equal(membership_open(&comm, &card, &w->membership), ST_OK);
}

static void close_world(struct world *w)
{
    membership_close(&w->membership);
    mlm_close(&w->mlm);
    options_fini(&w->options);
    test_folder_remove(w->folder);
}

static double loss(struct world *w, int64_t step)
{
    struct job_step out;

    w->mlm.stale = 1;
    assert_int_equal(mlm_step(&w->mlm, step, &w->membership, &out), ST_OK);
    assert_false(out.skipped);
    return out.message->loss;
}

/* Along the whole step's gradient the step's loss changes as its norm says. */
static void test_accumulation(void **state)
{
    struct world w;
    struct mlm *m = &w.mlm;
    float *kept, *g;
    double norm, up, down, small = 1e-2;

    (void)state;
    open_world(&w, "3", "1");
    loss(&w, 1);
    norm = m->coordinator->message.gradient_norm;
    assert_true(norm > 0.01);
    assert_int_equal(mem_alloc((size_t)m->flat.count, sizeof *g, &g), ST_OK);
    assert_int_equal(mem_alloc((size_t)m->flat.count, sizeof *kept, &kept), ST_OK);
    memcpy(g, m->grad, (size_t)m->flat.count * sizeof *g);
    memcpy(kept, m->worker->values, (size_t)m->flat.count * sizeof *kept);
    for (int64_t i = 0; i < m->flat.count; i++) m->worker->values[i] = kept[i] + (float)(small * g[i] / norm);
    up = loss(&w, 1);
    for (int64_t i = 0; i < m->flat.count; i++) m->worker->values[i] = kept[i] - (float)(small * g[i] / norm);
    down = loss(&w, 1);
    assert_true(fabs((up - down) / (2 * small) - norm) < 0.01 * norm);
    mem_free(g);
    mem_free(kept);
    close_world(&w);
}

/* One AdamW update by hand, from zero moments. */
static void check_update(struct world *w, const float *before, double rate, double scale)
{
    const struct train_config *t = &w->config.train;
    struct mlm *m = &w->mlm;
    int decayed = 0, plain = 0;

    for (int64_t slot = 0; slot < m->flat.slots; slot++) {
        int64_t shape[2];
        int matrix = names_shape(slot, &m->flat.config, shape) == 2;

        decayed += matrix;
        plain += !matrix;
        for (int64_t i = m->flat.offset[slot]; i < m->flat.offset[slot] + m->flat.size[slot]; i++) {
            double g = scale * (double)m->grad[i], p = before[i] * (matrix ? 1 - rate * t->adamw.decay : 1);

            p -= rate * g / (fabs(g) + t->adamw.eps); /* both corrections cancel in the first step */
            assert_true(fabs((double)m->worker->values[i] - p) <= 2e-6 * (1 + fabs(p)) + 1e-3 * rate);
        }
    }
    assert_int_equal(decayed, 3 + 6 + 1); /* three tables, six matrices of the layer, the head's */
    assert_int_equal(plain, 2 + 10 + 4);
}

static void update(const char *clip, double most)
{
    struct world w;
    struct job_step out;
    float *before;
    double scale;

    open_world(&w, "2", clip);
    loss(&w, 1);
    scale = most > 0 && w.mlm.coordinator->message.gradient_norm > most
                ? most / w.mlm.coordinator->message.gradient_norm
                : 1;
    if (most > 0) assert_true(scale < 0.5);
    assert_true(fabs(w.mlm.scale - scale) < 1e-12);
    assert_true(fabs(w.mlm.coordinator->message.learning_rate - w.config.train.rate / 4) <
                1e-12); /* the first of four steps of warm-up */
    assert_int_equal(mem_alloc((size_t)w.mlm.flat.count, sizeof *before, &before), ST_OK);
    memcpy(before, w.mlm.worker->values, (size_t)w.mlm.flat.count * sizeof *before);
    assert_int_equal(mlm_commit(&w.mlm, 1, 0), ST_OK); /* skipped */
    assert_memory_equal(before, w.mlm.worker->values, (size_t)w.mlm.flat.count * sizeof *before);
    assert_int_equal(mlm_commit(&w.mlm, 1, 1), ST_OK);
    check_update(&w, before, w.config.train.rate / 4, scale);
    assert_int_equal(mlm_step(&w.mlm, 2, &w.membership, &out), ST_OK);
    mem_free(before);
    close_world(&w);
}

static void test_update(void **state)
{
    (void)state;
    update("0", 0);
}

static void test_clipping(void **state)
{
    (void)state;
    update("1e-3", 1e-3);
}

static void test_schedules(void **state)
{
    struct train_config t = {.steps = 110, .warmup = 10, .schedule = SCHEDULE_LINEAR};

    (void)state;
    for (int64_t step = 0; step < 10; step++) assert_true(train_rate_factor(&t, step) == (double)(step + 1) / 10);
    assert_true(train_rate_factor(&t, 10) == 1);
    assert_true(fabs(train_rate_factor(&t, 60) - 0.5) < 1e-12);
    assert_true(train_rate_factor(&t, 110) == 0 && train_rate_factor(&t, 200) == 0);
    t.schedule = SCHEDULE_COSINE;
    assert_true(fabs(train_rate_factor(&t, 60) - 0.5) < 1e-12);
    assert_true(fabs(train_rate_factor(&t, 35) - 0.5 * (1 + sqrt(0.5))) < 1e-12);
    assert_true(fabs(train_rate_factor(&t, 110)) < 1e-12);
    t.schedule = SCHEDULE_CONSTANT;
    assert_true(train_rate_factor(&t, 10) == 1 && train_rate_factor(&t, 1000) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_accumulation), cmocka_unit_test(test_update),
                                       cmocka_unit_test(test_clipping), cmocka_unit_test(test_schedules)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}
