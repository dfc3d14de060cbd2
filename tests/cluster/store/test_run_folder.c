/* One writer at a time, leftovers removed, stopping asked and seen. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/stop.h"
#include "cluster/store/run_folder.h"

static void test_modes_and_leftovers(void **unused)
{
    char folder[256], run[300], path[400], part[400];
    struct run_folder r;

    (void)unused;
    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    snprintf(run, sizeof run, "%s/a/b", folder);
    assert_int_equal(run_folder_open(run, RUN_FOLDER_RESUME, 0, &r), ST_INPUT);
    assert_false(file_exists(run));
    assert_int_equal(run_folder_open(run, RUN_FOLDER_NEW, 0, &r), ST_OK);
    assert_false(r.existed);
    assert_int_equal(run_folder_save_config(&r, "seed: 1\n", 8), ST_OK);
    run_folder_close(&r);
    run_folder_close(&r);
    snprintf(path, sizeof path, "%s/step-30.part", run);
    assert_int_equal(file_make_folder(path), ST_OK);
    test_file(path, "prompts.safetensors", "half", 4, part, sizeof part);
    snprintf(path, sizeof path, "%s/journal", run);
    assert_int_equal(file_make_folder(path), ST_OK);
    test_file(path, "segment-1.bin.part", "half", 4, part, sizeof part);
    assert_int_equal(symlink("step-9", (snprintf(path, sizeof path, "%s/latest.part", run), path)), 0);
    assert_int_equal(run_folder_open(run, RUN_FOLDER_NEW, 0, &r), ST_INPUT);
    assert_int_equal(run_folder_open(run, RUN_FOLDER_RESUME, 0, &r), ST_OK);
    assert_true(r.existed);
    assert_false(file_exists(part));
    assert_int_equal(readlink(path, part, sizeof part), -1);
    snprintf(path, sizeof path, "%s/step-30.part", run);
    assert_false(file_exists(path));
    run_folder_close(&r);
    log_init('-', -1, LOG_WARN);
    test_folder_remove(folder);
}

/* A child holds the run until it sees the request (or is killed). */
static pid_t start_run(const char *run)
{
    int pipes[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct run_folder r;

        if (run_folder_open(run, RUN_FOLDER_EITHER, 0, &r) != ST_OK || write(pipes[1], "x", 1) != 1) _exit(1);
        while (!run_folder_stop_asked(&r)) usleep(10000);
        run_folder_close(&r);
        _exit(0);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    close(pipes[0]);
    close(pipes[1]);
    return pid;
}

static void test_lock_and_stop(void **unused)
{
    char folder[256], run[300], path[400];
    struct run_folder r;
    int ended, rc;
    pid_t pid;

    (void)unused;
    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    snprintf(run, sizeof run, "%s/run", folder);
    assert_int_equal(run_folder_ask_stop(run, 0, &ended), ST_INPUT);
    pid = start_run(run);
    assert_int_equal(run_folder_open(run, RUN_FOLDER_EITHER, 0, &r), ST_INPUT);
    assert_int_equal(run_folder_ask_stop(run, 20000, &ended), ST_OK);
    assert_int_equal(ended, 1);
    assert_int_equal(waitpid(pid, &rc, 0), pid);
    assert_int_equal(rc, 0);
    snprintf(path, sizeof path, "%s/stop", run);
    assert_false(file_exists(path));
    assert_int_equal(run_folder_ask_stop(run, 0, &ended), ST_INPUT);
    pid = start_run(run);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(run_folder_open(run, RUN_FOLDER_EITHER, 20000, &r), ST_OK);
    run_folder_close(&r);
    assert_int_equal(waitpid(pid, &rc, 0), pid);
    assert_int_equal(run_folder_check_room(run, 1), ST_OK);
    assert_int_equal(run_folder_check_room(run, UINT64_MAX), ST_IO);
    log_init('-', -1, LOG_WARN);
    test_folder_remove(folder);
}

static void test_signal(void **unused)
{
    (void)unused;
    assert_int_equal(stop_install(), ST_OK);
    assert_false(stop_requested());
    assert_int_equal(raise(SIGUSR1), 0);
    assert_true(stop_requested());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_modes_and_leftovers), cmocka_unit_test(test_lock_and_stop),
                                       cmocka_unit_test(test_signal)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
