/* Arenas: parts where they were asked for, seen by other processes, refused when foreign, cut, unsealed or of
 * another tag. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/base/arena.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"

static const struct arena_part parts[] = {{"small", 100, 64}, {"none", 0, 64}, {"page", 10000, 4096}, {"last", 8, 64}};

static void name_of(const char *folder, char name[64])
{
    snprintf(name, 64, "mp2-test-arena-%ld-%.20s", (long)getpid(), strrchr(folder, '/') + 1);
}

static void test_anonymous(void **unused)
{
    struct arena a;
    size_t bytes;
    unsigned char *page;

    (void)unused;
    assert_int_equal(arena_new(parts, 4, &a), ST_OK);
    assert_int_equal(arena_count(&a), 4);
    page = arena_find(&a, "page", &bytes);
    assert_int_equal(bytes, 10000);
    assert_int_equal((uintptr_t)page % 4096, 0);
    assert_int_equal((uintptr_t)arena_at(&a, 0, NULL) % 64, 0);
    assert_null(arena_find(&a, "absent", NULL));
    for (size_t i = 0; i < bytes; i++) assert_int_equal(page[i], 0);
    memset(page, 1, bytes);
    assert_int_equal(*(unsigned char *)arena_find(&a, "last", NULL), 0);
    arena_close(&a);
    arena_close(&a);
    log_init('-', -1, LOG_SILENT);
    assert_int_equal(arena_new(&(struct arena_part){"huge", SIZE_MAX - 10, 64}, 1, &a), ST_MEMORY);
    assert_int_equal(arena_new(&(struct arena_part){"odd", 10, 3}, 1, &a), ST_USAGE);
    log_init('-', -1, LOG_WARN);
}

static void test_shared(void **unused)
{
    char folder[256], name[64], kept[ARENA_PATH_BYTES];
    struct arena a, b;
    pid_t pid;
    int rc;

    (void)unused;
    test_folder(folder, sizeof folder);
    name_of(folder, name);
    assert_int_equal(arena_create(parts, 4, name, folder, "digest f32 avx2", &a), ST_OK);
    strcpy(arena_find(&a, "small", NULL), "hello");
    log_init('-', -1, LOG_SILENT);
    assert_int_equal(arena_open(a.path, NULL, 0, &b), ST_INPUT);
    arena_seal(&a);
    assert_int_equal(arena_open(a.path, "digest bf16 avx2", 0, &b), ST_INPUT);
    assert_false(arena_usable(a.path, "digest bf16 avx2"));
    log_init('-', -1, LOG_WARN);
    assert_true(arena_usable(a.path, "digest f32 avx2"));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (arena_open(a.path, "digest f32 avx2", 1, &b) != ST_OK) _exit(1);
        if (strcmp(arena_find(&b, "small", NULL), "hello") != 0) _exit(2);
        strcpy(arena_find(&b, "last", NULL), "back");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &rc, 0), pid);
    assert_int_equal(rc, 0);
    assert_string_equal(arena_find(&a, "last", NULL), "back");
    snprintf(kept, sizeof kept, "%s", a.path);
    arena_unlink(&a);
    assert_false(file_exists(kept));
    assert_string_equal(arena_find(&a, "small", NULL), "hello");
    arena_close(&a);
    test_folder_remove(folder);
}

/* A private /dev/shm of 64 KB: the arena goes to the folder, and when that is full, too, the message names both. */
static void test_small_shm(void **unused)
{
    const struct arena_part big = {"big", 200000, 4096}, bigger = {"bigger", 3000000, 4096};
    char folder[256];
    pid_t pid;
    int rc;

    (void)unused;
    test_folder(folder, sizeof folder);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct arena a;

        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("none", "/dev/shm", "tmpfs", 0, "size=64k") != 0 || mount("none", folder, "tmpfs", 0, "size=1m") != 0)
            _exit(77);
        log_init('-', -1, LOG_SILENT);
        if (arena_create(&big, 1, "x", folder, "", &a) != ST_OK) _exit(1);
        if (strncmp(a.path, folder, strlen(folder)) != 0) _exit(3);
        arena_close(&a);
        _exit(arena_create(&bigger, 1, "y", folder, "", &a) == ST_IO && !file_exists("/dev/shm/y") ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &rc, 0), pid);
    test_folder_remove(folder);
    if (WEXITSTATUS(rc) == 77) test_skip("no private mounts here (needs root)");
    assert_int_equal(rc, 0);
}

/* Every byte of the head flipped, every length cut: opened or refused, never a crash, never a part outside. */
static void test_damaged(void **unused)
{
    char folder[256], name[64], path[400], *data;
    struct arena a;
    size_t size;

    (void)unused;
    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    name_of(folder, name);
    assert_int_equal(arena_create(parts, 4, name, folder, "tag", &a), ST_OK);
    arena_seal(&a);
    assert_int_equal(file_read(a.path, 1 << 20, &data, &size), ST_OK);
    arena_unlink(&a);
    arena_close(&a);
    for (size_t at = 0; at < 160 + 4 * 64; at++) {
        data[at] = (char)(data[at] ^ 1 << at % 8);
        test_file(folder, "flipped", data, size, path, sizeof path);
        data[at] = (char)(data[at] ^ 1 << at % 8);
        if (arena_open(path, "tag", 0, &a) != ST_OK) continue;
        for (size_t i = 0; i < arena_count(&a); i++) {
            size_t bytes;
            char *p = arena_at(&a, i, &bytes);

            assert_true(p >= (char *)a.base && p + bytes <= (char *)a.base + a.size);
        }
        arena_close(&a);
    }
    for (size_t n = 0; n < size; n += 61) {
        test_file(folder, "cut", data, n, path, sizeof path);
        assert_int_equal(arena_open(path, NULL, 0, &a), ST_INPUT);
    }
    free(data);
    log_init('-', -1, LOG_WARN);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_anonymous), cmocka_unit_test(test_shared),
                                       cmocka_unit_test(test_small_shm), cmocka_unit_test(test_damaged)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
