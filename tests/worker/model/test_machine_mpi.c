/* An encoder as the machine's options have it; what they must not say is refused on all ranks. */
#include "tests/support/support.h"

#include <string.h>

#include "tests/support/model.h"
#include "worker/model/machine.h"

static struct comm comm;

static status open_with(int64_t unit_examples, enum precision_choice precision, const char *folder, struct replica *r)
{
    const struct machine_config m = {
        .precision = precision, .engine = ENGINE_ONEDNN, .exact = 1, .threads = 1, .unit_examples = unit_examples};
    struct model_source *model = NULL;
    status s;

    memset(r, 0, sizeof *r);
    if (comm.rank == 0) assert_int_equal(model_source_open(folder, &model), ST_OK);
    s = machine_open(&comm, &m, &(struct machine_encoder){folder, folder, model}, r);
    model_source_close(&model);
    return s;
}

static void test_open(void **state)
{
    struct model_config config = test_model_config();
    struct replica r;
    char folder[256];

    (void)state;
    if (comm.rank == 0) {
        test_folder(folder, sizeof folder);
        test_model_write(folder, &config, TENSOR_F32, 0);
    }
    assert_int_equal(comm_broadcast(&comm, folder, sizeof folder, 0), ST_OK);
    assert_int_equal(open_with(8, PRECISION_F32, folder, &r), ST_OK);
    assert_int_equal(r.facts.precision, NUMBER_F32);
    assert_int_equal(r.facts.config.hidden, config.hidden);
    assert_int_equal(r.encoder != NULL, comm_is_worker(&comm));
    if (comm_is_worker(&comm)) assert_int_equal(pool_threads(r.pool), 1);
    replica_close(&r);
    assert_int_equal(open_with(6, PRECISION_F32, folder, &r), ST_INPUT);
    assert_null(r.encoder);
    assert_int_equal(open_with(0, PRECISION_F32, folder, &r), ST_OK); /* a command that has no such option */
    replica_close(&r);
    assert_int_equal(comm_barrier(&comm), ST_OK);
    if (comm.rank == 0) test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}
