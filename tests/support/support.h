/* What tests share: a fresh folder, files in it, running mp2, and waiting for log tags instead of sleeping. */
#ifndef MP2_TESTS_SUPPORT_SUPPORT_H
#define MP2_TESTS_SUPPORT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/base/status.h"

/* A new empty folder under $TMPDIR or /tmp, removed by test_folder_remove. */
void test_folder(char *out, size_t room);
void test_folder_remove(const char *folder);

/* folder/name with the given bytes; fails the test when it cannot. path gets the full name. */
void test_file(const char *folder, const char *name, const void *data, size_t bytes, char *path, size_t room);

/* Run a command line by the shell; its standard output and error, cut at room, go to out. Returns the exit status. */
int test_run(char *out, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What is not run says so in a line "skipped: WHY [CASE]", which tests/run.sh collects after ctest's summary.
 * test_skip_part: a part of this case, or of what `name` says. test_skip: the whole case, which ends here. */
#define test_skip_part(why) test_say_skipped(__func__, why)
#define test_skip(why) (test_say_skipped(__func__, why), test_skip_count(), skip())
void test_say_skipped(const char *name, const char *why);
void test_skip_count(void);

/* cmocka's group; 77 when every case was skipped. */
#define test_run_group(tests, setup, teardown) \
    test_group_status(cmocka_run_group_tests(tests, setup, teardown), sizeof(tests) / sizeof *(tests))
int test_group_status(int failed, size_t cases);

#endif
