/* A writer is killed at some moment while it writes, marks and prunes checkpoints: afterwards every step-N is whole,
 * latest and best name whole ones, and nothing that had been finished is lost. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/checkpoint.h"
#include "cluster/store/run_folder.h"

enum { N = 1500000, ROUNDS = 8 };

static status write_one(struct comm *c, const char *run, uint64_t step, float *values, int64_t n)
{
    struct state state = {.kind = "test", .step = step};
    struct checkpoint_tensor tensors[2] = {
        {.file = "a.safetensors", .spec = {"a", TENSOR_F32, 1, {n}}, .part = part_whole(n, values)},
        {.file = "b.safetensors", .spec = {"b", TENSOR_F32, 1, {10}}, .part = part_whole(10, values)},
    };

    for (int64_t i = 0; i < n; i++) values[i] = (float)step;
    return checkpoint_write(c, run, &state, tensors, 2);
}

/* Never returns: writes until killed, telling every finished step. */
static void write_for_ever(const char *run, int tell)
{
    struct run_folder folder;
    struct comm c;
    float *values;

    if (run_folder_open(run, RUN_FOLDER_EITHER, 5000, &folder) != ST_OK) _exit(1);
    if (comm_init(&c) != ST_OK || mem_alloc(N, sizeof *values, &values) != ST_OK) _exit(1);
    for (uint64_t step = 1;; step++) {
        uint64_t oldest;

        if (write_one(&c, run, step, values, N) != ST_OK) _exit(1);
        if (step % 3 == 1 && checkpoint_mark_best(run, step) != ST_OK) _exit(1);
        if (write(tell, &step, sizeof step) != sizeof step) _exit(1);
        if (checkpoint_prune(run, 2, &oldest) != ST_OK) _exit(1);
    }
}

static void expect_whole(const char *run, uint64_t finished)
{
    char path[CHECKPOINT_PATH_BYTES];
    struct state state;
    uint64_t *steps;
    size_t count;

    assert_int_equal(checkpoint_list(run, &steps, &count), ST_OK);
    assert_true(count >= 1 && steps[0] >= finished);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(checkpoint_path(run, steps[i], path), ST_OK);
        assert_int_equal(checkpoint_verify(path, NULL, NULL, &state), ST_OK);
        assert_int_equal(state.step, steps[i]);
        state_fini(&state);
    }
    mem_free(steps);
    assert_int_equal(checkpoint_resolve(run, path), ST_OK);
    assert_int_equal(checkpoint_verify(path, NULL, NULL, &state), ST_OK);
    assert_true(state.step >= finished);
    state_fini(&state);
    assert_int_equal(file_join(path, sizeof path, run, "best"), ST_OK);
    assert_int_equal(checkpoint_verify(path, NULL, NULL, &state), ST_OK);
    assert_int_equal(state.step % 3, 1);
    state_fini(&state);
}

static void test_killed_while_writing(void **unused)
{
    char folder[256], run[300];

    (void)unused;
    log_init('-', -1, LOG_ERROR);
    test_folder(folder, sizeof folder);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t finished = 0, said;
        struct run_folder again;
        int pipes[2], rc;
        pid_t pid;

        snprintf(run, sizeof run, "%s/run-%d", folder, round);
        assert_int_equal(pipe(pipes), 0);
        fflush(NULL);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) write_for_ever(run, pipes[1]);
        close(pipes[1]);
        assert_int_equal(read(pipes[0], &said, sizeof said), sizeof said);
        finished = said;
        usleep((useconds_t)(round * 16367 % 60000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &rc, 0), pid);
        assert_true(WIFSIGNALED(rc));
        while (read(pipes[0], &said, sizeof said) == sizeof said) finished = said;
        close(pipes[0]);
        expect_whole(run, finished);
        assert_int_equal(run_folder_open(run, RUN_FOLDER_RESUME, 5000, &again), ST_OK);
        run_folder_close(&again);
        expect_whole(run, finished);
        assert_int_equal(file_remove_tree(run), ST_OK);
    }
    log_init('-', -1, LOG_WARN);
    test_folder_remove(folder);
}

/* The second checkpoint does not fit: reported, nothing half-written, the first one still there. In a child, since MPI
 * may start only once a process. */
static void write_until_full(const char *run)
{
    char path[CHECKPOINT_PATH_BYTES];
    struct state state;
    struct comm c;
    float *values;

    log_init('-', -1, LOG_SILENT);
    if (comm_init(&c) != ST_OK || mem_alloc(N, sizeof *values, &values) != ST_OK) _exit(1);
    if (write_one(&c, run, 1, values, N) != ST_OK) _exit(2);
    if (write_one(&c, run, 2, values, N) != ST_IO) _exit(3);
    snprintf(path, sizeof path, "%s/step-2.part", run);
    if (file_exists(path)) _exit(4);
    if (checkpoint_resolve(run, path) != ST_OK || checkpoint_verify(path, NULL, NULL, &state) != ST_OK) _exit(5);
    if (state.step != 1 || write_one(&c, run, 2, values, 1000) != ST_OK) _exit(6);
    _exit(0);
}

static void test_disk_full(void **unused)
{
    char folder[256];
    pid_t pid;
    int rc;

    (void)unused;
    test_folder(folder, sizeof folder);
    if (mount("none", folder, "tmpfs", 0, "size=10m") != 0) {
        test_folder_remove(folder);
        test_skip("a tmpfs cannot be mounted (needs root)");
    }
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) write_until_full(folder);
    assert_int_equal(waitpid(pid, &rc, 0), pid);
    assert_int_equal(umount(folder), 0);
    test_folder_remove(folder);
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed_while_writing), cmocka_unit_test(test_disk_full)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
