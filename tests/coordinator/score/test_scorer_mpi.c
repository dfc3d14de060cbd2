/* Rows scored by any number of workers, in rounds of any size, come back the same and in order; memory that is missing
 * anywhere, on the coordinator or a worker, is a failure that all ranks return from alike. */
#include "tests/support/support.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stop.h"
#include "coordinator/score/scorer.h"
#include "tests/support/failing_memory.h"
#include "tests/support/model.h"
#include "tests/support/tasks.h"
#include "worker/model/replica.h"

enum { LAYERS = 2, TOKENS = 2, HIDDEN = 16, BANK = LAYERS * TOKENS * HIDDEN, LONGEST = 64, ROWS = 30 };

static struct comm comm;

static const char entry[] =
    "name: X\nkind: labels\nupstream: 0\ntemplate: '“{a}”？'\nlabels: [是, 否, 甲, 乙, 丙, 丁, 戊, 己, 庚, 辛, 壬, 癸, "
    "子, 丑, 寅, 卯]\nsplit: {dev: 0}\nsources:\n"
    "  - folder: x\n    format: table\n    files: {train: f}\n    columns: [a, y]\n    fields: {a: a}\n    label: y\n";
static const struct input_form form = {TOKENS, TASKS_PLACEHOLDER, LONGEST, 0};

static struct world {
    struct tasks tasks;
    struct dataset *data;
    struct replica replica;
    struct compute compute;
    struct membership membership;
    float prompts[BANK], head[2 * HIDDEN];
} world;

static void make_data(struct world *w)
{
    char text[16384];
    size_t n = 0;

    tasks_open(&w->tasks);
    tasks_entry(&w->tasks, "x", entry);
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j <= i % 11; j++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", tasks_characters[6 + (i * 5 + j * 3) % 16]);
        n += (size_t)snprintf(text + n, sizeof text - n, "%d\t%s\n", i % 10, i % 2 ? "是" : "否");
    }
    tasks_raw(&w->tasks, "f", text);
    assert_int_equal(tasks_import(&w->tasks, 0, NULL), ST_OK);
    assert_int_equal(tasks_dataset(&w->tasks, "x", &form, &w->data), ST_OK);
}

static void open_encoder(struct world *w)
{
    struct model_config config = test_model_config();
    struct model_source *model = NULL;
    struct replica_options ro = {.precision = PRECISION_F32, .engine = ENGINE_ONEDNN, .threads = 1, .exact = 1};
    char folder[512] = "";

    config.positions = LONGEST;
    if (comm_is_coordinator(&comm)) {
        snprintf(folder, sizeof folder, "%s/model", w->tasks.folder);
        test_model_write(folder, &config, TENSOR_F32, 0);
        assert_int_equal(model_source_open(folder, &model), ST_OK);
    }
    assert_int_equal(comm_broadcast(&comm, folder, sizeof folder, 0), ST_OK);
    ro.folder = ro.spill = folder;
    assert_int_equal(replica_open(&comm, &ro, model, &w->replica), ST_OK);
    model_source_close(&model);
}

static int open_world(void **state)
{
    struct world *w = &world;
    struct compute_options o = {.groups = 1,
                                .batch = 1,
                                .divide = 1,
                                .unit_examples = 4,
                                .longest = LONGEST,
                                .prompt_tokens = TOKENS,
                                .memory = 1 << 24,
                                .threads = 1};
    struct random_key key = random_seed(5, RANDOM_INIT);

    (void)state;
    if (comm_is_coordinator(&comm)) make_data(w);
    open_encoder(w);
    if (comm_is_worker(&comm))
        assert_int_equal(compute_open(w->replica.encoder, w->replica.pool, &o, &w->compute), ST_OK);
    assert_int_equal(membership_open(&comm, &(struct worker_info){.threads = 1}, &w->membership), ST_OK);
    for (int i = 0; i < BANK; i++) w->prompts[i] = (float)(random_uniform(key, (uint64_t)i) - 0.5);
    for (int i = 0; i < 2 * HIDDEN; i++) w->head[i] = (float)(random_uniform(key, (uint64_t)(BANK + i)) - 0.5);
    return 0;
}

static int close_world(void **state)
{
    struct world *w = &world;

    (void)state;
    membership_close(&w->membership);
    if (comm_is_worker(&comm)) compute_close(&w->compute);
    replica_close(&w->replica);
    dataset_close(&w->data);
    if (comm_is_coordinator(&comm)) tasks_close(&w->tasks);
    return 0;
}

/* What each row was answered, in the order of the answers. */
struct seen {
    int64_t row[ROWS];
    double score[ROWS], credit[ROWS];
    int64_t count;
};

static status see(void *arg, int task, int64_t row, int predicted, const int32_t *ids, int count, double score,
                  double credit)
{
    struct seen *s = arg;

    (void)task, (void)predicted, (void)ids, (void)count;
    s->row[s->count] = row;
    s->score[s->count] = score;
    s->credit[s->count++] = credit;
    return ST_OK;
}

static struct scorer scorer_of(int64_t batch_tokens, int watched)
{
    struct world *w = &world;

    return (struct scorer){.comm = &comm,
                           .membership = watched ? &w->membership : NULL,
                           .rules = {.batch_tokens = batch_tokens, .seed = 3},
                           .data = w->data,
                           .compute = comm_is_worker(&comm) ? &w->compute : NULL,
                           .prompts = {LAYERS, TOKENS, w->prompts},
                           .head = w->head};
}

static status score(int64_t batch_tokens, int watched, const struct scored_rows *what, struct seen *seen,
                    struct eval_result *out)
{
    struct scorer x = scorer_of(batch_tokens, watched);
    status s;

    seen->count = 0;
    s = score_rows(&x, what, see, seen, out);
    scorer_fini(&x);
    return s;
}

/* All rows, each once and in order; the mean is theirs; another number of rows in a round changes nothing. */
static void test_rounds(void **state)
{
    const struct scored_rows all = {.split = SPLIT_TRAIN};
    struct eval_result few, many;
    struct seen by_few, by_many;
    double sum = 0;

    (void)state;
    assert_int_equal(score(40, 1, &all, &by_few, &few), ST_OK);
    assert_int_equal(score(4000, 0, &all, &by_many, &many), ST_OK);
    if (!comm_is_coordinator(&comm)) return;
    assert_int_equal(by_few.count, ROWS);
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(by_few.row[i], i);
        sum += by_few.credit[i];
    }
    assert_true(fabs(sum / ROWS - few.score) < 1e-12);
    assert_int_equal(few.rows, ROWS);
    assert_memory_equal(&by_few, &by_many, sizeof by_few);
    assert_memory_equal(&few, &many, sizeof few);
}

/* The same on any number of ranks: what one rank alone answers is what the coordinator's own list of rows says. */
static void test_listed_rows(void **state)
{
    const int64_t rows[] = {7, 3, 22, 3};
    const struct scored_rows all = {.split = SPLIT_TRAIN}, listed = {.split = SPLIT_TRAIN, .rows = rows, .count = 4};
    struct eval_result result;
    struct seen whole, part;

    (void)state;
    assert_int_equal(score(40, 0, &all, &whole, &result), ST_OK);
    assert_int_equal(score(40, 0, &listed, &part, &result), ST_OK);
    if (!comm_is_coordinator(&comm)) return;
    assert_int_equal(part.count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(part.row[i], rows[i]);
        assert_true(part.score[i] == whole.score[rows[i]]);
    }
}

static void check_in_step(int64_t number)
{
    int64_t got = comm_is_coordinator(&comm) ? number : -1;

    assert_int_equal(comm_broadcast(&comm, &got, sizeof got, 0), ST_OK);
    assert_int_equal(got, number);
}

/* Every request for memory that `rank` makes fails in its turn. */
static void fail_on(int rank, int watched)
{
    const struct scored_rows all = {.split = SPLIT_TRAIN};
    int64_t made = 1;

    for (long n = 1; made; n++) {
        struct eval_result result;
        struct seen seen;
        status s;

        failing_memory_at(comm.rank == rank ? n : 0);
        s = score(120, watched, &all, &seen, &result);
        made = comm.rank == rank && failing_memory_count() >= n;
        failing_memory_at(0);
        assert_int_equal(comm_max(&comm, &made, 1), ST_OK);
        assert_int_equal(s, made ? ST_MEMORY : ST_OK);
        check_in_step(n);
        if (!made) assert_true(n > 5);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    for (int watched = 0; watched < 2; watched++) {
        fail_on(0, watched);
        fail_on(comm.size - 1, watched);
    }
}

/* A rank that is no coordinator, where there is one, is asked to stop after the first round. */
static status see_and_stop(void *arg, int task, int64_t row, int predicted, const int32_t *ids, int count, double score,
                           double credit)
{
    if (comm.size == 1) raise(SIGUSR1);
    return see(arg, task, row, predicted, ids, count, score, credit);
}

static void test_a_stop_ends_it(void **state)
{
    const struct scored_rows all = {.split = SPLIT_TRAIN};
    struct eval_result result;
    struct seen seen;
    struct scorer x = scorer_of(40, 1);

    (void)state;
    assert_int_equal(stop_install(), ST_OK);
    seen.count = 0;
    if (comm.size > 1 && comm.rank == comm.size - 1) raise(SIGUSR1);
    assert_int_equal(score_rows(&x, &all, see_and_stop, &seen, &result), ST_END);
    scorer_fini(&x);
    if (comm_is_coordinator(&comm)) assert_true(seen.count < ROWS);
    assert_true(stop_requested());
    check_in_step(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rounds), cmocka_unit_test(test_listed_rows),
                                       cmocka_unit_test(test_no_memory), cmocka_unit_test(test_a_stop_ends_it)};
    int failed;

    alarm(600); /* ranks that wait for each other for ever */
    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, open_world, close_world);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}
