#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cluster/base/file.h"

void test_folder(char *out, size_t room)
{
    const char *base = getenv("TMPDIR");

    snprintf(out, room, "%s/mp2-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(out));
}

void test_folder_remove(const char *folder)
{
    assert_int_equal(file_remove_tree(folder), ST_OK);
}

void test_file(const char *folder, const char *name, const void *data, size_t bytes, char *path, size_t room)
{
    FILE *f;

    assert_int_equal(file_join(path, room, folder, name), ST_OK);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

int test_run(char *out, size_t room, const char *format, ...)
{
    char command[8192], full[8300];
    size_t n = 0, got;
    va_list args;
    FILE *pipe;
    int rc;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(full, sizeof full, "( %s ) 2>&1", command);
    pipe = popen(full, "r");
    assert_non_null(pipe);
    while (n + 1 < room && (got = fread(out + n, 1, room - 1 - n, pipe)) > 0) n += got;
    out[n] = 0;
    while (fgetc(pipe) != EOF) continue;
    rc = pclose(pipe);
    return WIFEXITED(rc) ? WEXITSTATUS(rc) : 128 + WTERMSIG(rc);
}

static size_t whole_cases_skipped;

void test_say_skipped(const char *name, const char *why)
{
    printf("skipped: %s [%s]\n", why, name);
    fflush(stdout);
}

void test_skip_count(void)
{
    whole_cases_skipped++;
}

int test_group_status(int failed, size_t cases)
{
    return failed == 0 && whole_cases_skipped == cases ? 77 : failed;
}
