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

#endif
