/* Lists of hosts in every form they come in, and what is refused. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "coordinator/launch/hosts.h"

static void expect(const struct hosts *hosts, int extra, const char *text)
{
    char got[512];

    hosts_text(hosts, extra, got, sizeof got);
    assert_string_equal(got, text);
}

static void test_hostfile(void **unused)
{
    struct hosts h = {0};

    (void)unused;
    assert_int_equal(hosts_parse_file("hosts", "# all\nn1 slots=3\n\n n2\tslots=2 max_slots=4 # two\r\nn3\nn3\n", &h),
                     ST_OK);
    expect(&h, 0, "n1:3,n2:2,n3:2");
    expect(&h, 1, "n1:4,n2:2,n3:2");
    assert_int_equal(hosts_slots(&h), 7);
    assert_int_equal(hosts_parse_file("hosts", "n1 slots=9 max-slots=2\n", &h), ST_OK);
    expect(&h, 0, "n1:2");
    assert_int_equal(hosts_parse_file("hosts", "", &h), ST_OK);
    expect(&h, 0, "");
    log_init('-', -1, LOG_SILENT);
    assert_int_equal(hosts_parse_file("hosts", "n1 slots=x\n", &h), ST_INPUT);
    assert_int_equal(hosts_parse_file("hosts", "n1 slots=-1\n", &h), ST_INPUT);
    assert_int_equal(hosts_parse_file("hosts", "n1 speed=1\n", &h), ST_INPUT);
    assert_int_equal(hosts_parse_file("hosts", "n1;reboot\n", &h), ST_INPUT);
    assert_int_equal(hosts_parse_file("hosts", "-x slots=2\n", &h), ST_INPUT);
    hosts_fini(&h);
}

static void test_script_and_slurm(void **unused)
{
    struct hosts h = {0};

    (void)unused;
    assert_int_equal(hosts_parse_script("script", "pod-0:2\npod-1\npod-2:4\n", &h), ST_OK);
    expect(&h, 0, "pod-0:2,pod-1:1,pod-2:4");
    assert_int_equal(hosts_parse_slurm("n1\nn2\nn3\nn4\n", "2(x3),1", &h), ST_OK);
    expect(&h, 0, "n1:2,n2:2,n3:2,n4:1");
    assert_int_equal(hosts_parse_slurm("n1\nn2\n", "16", &h), ST_OK);
    expect(&h, 0, "n1:16,n2:16");
    log_init('-', -1, LOG_SILENT);
    assert_int_equal(hosts_parse_script("script", "pod-0:two\n", &h), ST_INPUT);
    assert_int_equal(hosts_parse_script("script", "pod-0 pod-1\n", &h), ST_INPUT);
    assert_int_equal(hosts_parse_slurm("n1\nn2\n", "x", &h), ST_INPUT);
    hosts_fini(&h);
}

static void test_names(void **unused)
{
    struct hosts h = {0};
    char here[256] = "";

    (void)unused;
    assert_int_equal(hosts_parse_script("list", "10.0.0.1:1\nn2.cluster.org:1\nn3:1\nlocalhost:1\n", &h), ST_OK);
    assert_int_equal(hosts_find(&h, "10.0.0.1"), 0);
    assert_int_equal(hosts_find(&h, "10.0.0.2"), -1);
    assert_int_equal(hosts_find(&h, "n2"), 1);
    assert_int_equal(hosts_find(&h, "n3.cluster.org"), 2);
    assert_int_equal(hosts_find(&h, "n33"), -1);
    assert_int_equal(gethostname(here, sizeof here - 1), 0);
    assert_int_equal(hosts_find(&h, here), 3);
    hosts_fini(&h);
}

static void test_compare(void **unused)
{
    struct hosts a = {0}, b = {0};

    (void)unused;
    assert_int_equal(hosts_parse_script("list", "n1:1\nn2:2\n", &a), ST_OK);
    assert_int_equal(hosts_copy(&a, &b), ST_OK);
    assert_true(hosts_equal(&a, &b));
    b.items[1].slots = 1;
    assert_false(hosts_equal(&a, &b));
    assert_int_equal(hosts_parse_script("list", "n2:2\nn1:1\n", &b), ST_OK);
    assert_false(hosts_equal(&a, &b));
    hosts_fini(&a);
    hosts_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostfile), cmocka_unit_test(test_script_and_slurm),
                                       cmocka_unit_test(test_names), cmocka_unit_test(test_compare)};

    return test_run_group(tests, NULL, NULL);
}
