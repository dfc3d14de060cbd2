/* An epoch whose mpirun is a script of the test's, and what its end means. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/launched.h"
#include "cluster/base/memory.h"
#include "coordinator/launch/epoch.h"
#include "coordinator/launch/verdict.h"

static const char *const program[] = {"/opt/mp2", "pretrain", "my file.yaml", NULL};

struct scene {
    char folder[256], mpirun[300];
    struct hosts hosts;
    struct epoch epoch;
    struct heartbeat last;
};

static void open_scene(struct scene *s, const char *script)
{
    *s = (struct scene){.epoch.errors = -1};
    epoch_fini(&s->epoch);
    test_folder(s->folder, sizeof s->folder);
    test_file(s->folder, "mpirun", script, strlen(script), s->mpirun, sizeof s->mpirun);
    assert_int_equal(chmod(s->mpirun, 0755), 0);
    assert_int_equal(hosts_parse_script("list", "a:2\nb:2\n", &s->hosts), ST_OK);
}

static void close_scene(struct scene *s)
{
    epoch_fini(&s->epoch);
    hosts_fini(&s->hosts);
    test_folder_remove(s->folder);
}

static struct epoch_plan plan_of(const struct scene *s)
{
    return (struct epoch_plan){.mpirun = s->mpirun, .flags = "", .rsh = "", .run = "/runs/one", .words = program};
}

/* The verdict about a script that stands for mpirun. */
static struct verdict verdict_on(struct scene *s, int asked, int ending, const char *overdue)
{
    struct epoch_plan plan = plan_of(s);
    struct epoch_end end = {&s->epoch, &s->last, s->last.beat > 0, asked, ending, overdue};
    struct verdict v;

    assert_int_equal(epoch_start(&plan, &s->hosts, 3, &s->epoch), ST_OK);
    while (!epoch_ended(&s->epoch)) usleep(1000);
    verdict_of(&end, &v);
    return v;
}

static void test_words(void **unused)
{
    struct scene s;
    struct epoch_plan plan;
    char **words, all[1024] = "";

    (void)unused;
    open_scene(&s, "#!/bin/sh\n");
    plan = plan_of(&s);
    plan.mpirun = "mpirun";
    plan.flags = " --mca x 1  --quiet";
    plan.rsh = "my-rsh";
    assert_int_equal(epoch_words(&plan, &s.hosts, 12, &words), ST_OK);
    for (int i = 0; words[i]; i++) {
        if (i) strcat(all, "|");
        strcat(all, words[i]);
    }
    assert_string_equal(all, "mpirun|-H|a:3,b:2|-n|5|--map-by|slot:OVERSUBSCRIBE|--bind-to|none|--mca|plm_rsh_agent|"
                             "my-rsh|--mca|plm|rsh|-x|MP2_LAUNCH_EPOCH=12|-x|MP2_LAUNCH_RUN=/runs/one|--mca|x|1|"
                             "--quiet|/opt/mp2|pretrain|my file.yaml");
    mem_free(words);
    close_scene(&s);
}

static void test_done_and_changed(void **unused)
{
    struct verdict v;
    struct scene s;

    (void)unused;
    open_scene(&s, "#!/bin/sh\nexit 0\n");
    s.last = (struct heartbeat){.beat = 1, .phase = HEARTBEAT_FINISHED};
    v = verdict_on(&s, 0, 0, "");
    assert_int_equal(v.kind, VERDICT_DONE);
    v = verdict_on(&s, 1, 0, ""); /* it came to its end before it could stop */
    assert_int_equal(v.kind, VERDICT_DONE);
    s.last.phase = HEARTBEAT_STOPPED;
    v = verdict_on(&s, 1, 0, "");
    assert_int_equal(v.kind, VERDICT_CHANGED);
    v = verdict_on(&s, 1, 1, "");
    assert_int_equal(v.kind, VERDICT_DONE);
    v = verdict_on(&s, 0, 0, ""); /* by hand */
    assert_int_equal(v.kind, VERDICT_DONE);
    close_scene(&s);
}

static void test_lost(void **unused)
{
    struct verdict v;
    struct scene s;

    (void)unused;
    open_scene(&s, "#!/bin/sh\necho 'mpirun noticed that process rank 3 with PID 123 on node b exited on signal 9 "
                   "(Killed).' >&2\nexit 137\n");
    v = verdict_on(&s, 0, 0, "");
    assert_int_equal(v.kind, VERDICT_LOST);
    assert_int_equal(v.host, 1);
    assert_int_equal(v.silent, 0);
    assert_int_equal(v.exit_status, 137);
    assert_string_equal(v.why, "rank 3 on b was ended by signal 9");
    close_scene(&s);

    open_scene(&s,
               "#!/bin/sh\nprintf 'lost\\n  HNP daemon   : [[1,0],0] on node a\\n  Remote daemon: [[1,0],1] on node "
               "b.cluster.org\\n' >&2\nexit 205\n");
    v = verdict_on(&s, 0, 0, "");
    assert_int_equal(v.kind, VERDICT_LOST);
    assert_int_equal(v.host, 1);
    assert_int_equal(v.silent, 1);
    close_scene(&s);

    open_scene(&s, "#!/bin/sh\nkill -9 $$\n");
    v = verdict_on(&s, 0, 0, "");
    assert_int_equal(v.kind, VERDICT_LOST);
    assert_int_equal(v.host, -1);
    assert_int_equal(v.exit_status, 137);
    close_scene(&s);
}

static void test_failed_and_overdue(void **unused)
{
    struct verdict v;
    struct scene s;

    (void)unused;
    open_scene(&s, "#!/bin/sh\nexit 2\n");
    v = verdict_on(&s, 0, 0, "");
    assert_int_equal(v.kind, VERDICT_FAILED);
    assert_int_equal(v.exit_status, 2);
    close_scene(&s);

    open_scene(&s, "#!/bin/sh\nexit 1\n");
    s.last = (struct heartbeat){.beat = 1, .phase = HEARTBEAT_FAILED};
    v = verdict_on(&s, 0, 0, "");
    assert_int_equal(v.kind, VERDICT_FAILED);
    s.last = (struct heartbeat){.beat = 1, .phase = HEARTBEAT_STEPS, .suspects = {{4, 0}}, .suspect_count = 1};
    v = verdict_on(&s, 0, 0, "step 5 is overdue");
    assert_int_equal(v.kind, VERDICT_LOST);
    assert_int_equal(v.host, 1);
    assert_int_equal(v.silent, 1);
    v = verdict_on(&s, 0, 0, "the coordinator has given no sign of life for 9 s");
    assert_int_equal(v.host, 0);
    s.last.suspect_count = 0;
    v = verdict_on(&s, 0, 0, "step 5 is overdue");
    assert_int_equal(v.host, -1);
    close_scene(&s);
}

static void test_ranks(void **unused)
{
    struct scene s;

    (void)unused;
    open_scene(&s, "#!/bin/sh\n");
    assert_int_equal(hosts_copy(&s.hosts, &s.epoch.hosts), ST_OK);
    for (uint32_t rank = 0; rank < 6; rank++)
        assert_int_equal(epoch_host_of(&s.epoch, rank), rank < 3 ? 0 : rank < 5 ? 1 : -1);
    close_scene(&s);
}

/* Leftovers of an older epoch of this run are killed; of this one, and of other runs, not. */
static void test_sweep(void **unused)
{
    static const char *const of[][2] = {{"4", "/runs/one"}, {"5", "/runs/one"}, {"4", "/runs/two"}};
    pid_t children[3];
    int code;

    (void)unused;
    for (int i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            setenv(LAUNCHED_EPOCH, of[i][0], 1);
            setenv(LAUNCHED_RUN, of[i][1], 1);
            execlp("sleep", "sleep", "60", (char *)NULL);
            _exit(127);
        }
    }
    usleep(200000);
    assert_int_equal(epoch_sweep("/runs/one", 5), 1);
    assert_int_equal(waitpid(children[0], &code, 0), children[0]);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(kill(children[i], SIGKILL), 0);
        assert_int_equal(waitpid(children[i], &code, 0), children[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_done_and_changed),
                                       cmocka_unit_test(test_lost),  cmocka_unit_test(test_failed_and_overdue),
                                       cmocka_unit_test(test_ranks), cmocka_unit_test(test_sweep)};

    return test_run_group(tests, NULL, NULL);
}
