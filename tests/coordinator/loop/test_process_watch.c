/* A process that ends is told of once, others are left alone; a watch that is destroyed tells nothing more. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "coordinator/loop/process_watch.h"

struct heard {
    atomic_int gone[2], ticks, terminated;
};

static void on_gone(void *arg, int i)
{
    atomic_fetch_add(&((struct heard *)arg)->gone[i], 1);
}

static void on_tick(void *arg)
{
    atomic_fetch_add(&((struct heard *)arg)->ticks, 1);
}

static void on_terminated(void *arg)
{
    atomic_fetch_add(&((struct heard *)arg)->terminated, 1);
}

static pid_t start_child(void)
{
    pid_t child = fork();

    if (child == 0) {
        pause();
        _exit(0);
    }
    return child;
}

static void end_child(pid_t child)
{
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* Until *n is at least `least`, half a minute at most. */
static void wait_until(atomic_int *n, int least)
{
    for (int i = 0; i < 30000 && atomic_load(n) < least; i++) usleep(1000);
    assert_true(atomic_load(n) >= least);
}

static void test_gone(void **state)
{
    struct heard heard = {0};
    struct process_watch_calls calls = {on_gone, on_tick, on_terminated, &heard};
    pid_t first = start_child(), second = start_child();
    struct process_watch *l;

    (void)state;
    assert_int_equal(process_watch_new((int64_t[]){first, second}, 2, &calls, &l), ST_OK);
    end_child(second);
    wait_until(&heard.gone[1], 1);
    wait_until(&heard.ticks, 1);
    assert_int_equal(atomic_load(&heard.gone[1]), 1);
    assert_int_equal(atomic_load(&heard.gone[0]), 0);
    process_watch_destroy(&l);
    end_child(first);
    assert_int_equal(atomic_load(&heard.gone[0]), 0);
    assert_int_equal(atomic_load(&heard.terminated), 0);
}

/* In a process of its own, which SIGTERM ends after it was told. */
static void test_terminated(void **state)
{
    int ready[2], status_of_child;
    char byte;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        struct heard heard = {0};
        struct process_watch_calls calls = {on_gone, on_tick, on_terminated, &heard};
        struct process_watch *l;

        if (process_watch_new((int64_t[]){0}, 1, &calls, &l) != ST_OK || write(ready[1], "r", 1) != 1) _exit(1);
        for (;;) pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(child, SIGTERM);
    assert_int_equal(waitpid(child, &status_of_child, 0), child);
    assert_true(WIFSIGNALED(status_of_child));
    assert_int_equal(WTERMSIG(status_of_child), SIGTERM);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gone), cmocka_unit_test(test_terminated)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
