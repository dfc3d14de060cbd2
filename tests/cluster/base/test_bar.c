/* What the progress bar draws: in place on a terminal, cut to its width, plain lines elsewhere, nothing when silent. */
#include "tests/support/support.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/bar.h"
#include "cluster/base/log.h"

static void open_into(struct bar *b, char **text, size_t *size, int terminal)
{
    bar_open_from(b, "import", 100, 1000000, "rows");
    b->to = open_memstream(text, size);
    assert_non_null(b->to);
    b->terminal = terminal;
    b->rate_ns -= 2000000000; /* two seconds ago */
}

static void test_terminal(void **unused)
{
    char *text;
    size_t size;
    struct bar b;
    FILE *to;

    (void)unused;
    open_into(&b, &text, &size, 1);
    to = b.to;
    bar_show(&b, 500100, "%s", "任务afqmc");
    fflush(to);
    assert_memory_equal(text, "\rimport: [========>       ] 50 % 500,100/1,000,000 rows ", 56);
    assert_non_null(strstr(text, "left"));
    assert_string_equal(text + size - 4, "\033[K\r");
    bar_show(&b, 500200, "too soon");
    fflush(to);
    assert_null(strstr(text, "too soon"));
    bar_close(&b, 1);
    assert_non_null(strstr(text, "\r\033[Kimport: 500,100 rows in "));
    assert_null(b.to);
    fclose(to);
    free(text);
}

static void test_width(void **unused)
{
    char *text, *end;
    size_t size;
    struct bar b;
    FILE *to;

    (void)unused;
    open_into(&b, &text, &size, 1);
    to = b.to;
    bar_show(&b, 100, "%s", "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十");
    fflush(to);
    end = strstr(text, "\033[K");
    assert_non_null(end);
    *end = 0;
    size_t cells = 0;
    for (char *p = text + 1; *p; p++) cells += ((unsigned char)*p & 0xc0) == 0xc0 ? 2 : (unsigned char)*p < 0x80;
    assert_true(cells <= 79 && cells >= 77);
    fclose(to);
    free(text);
}

static void test_plain(void **unused)
{
    char *text;
    size_t size;
    struct bar b;
    FILE *to;

    (void)unused;
    open_into(&b, &text, &size, 0);
    to = b.to;
    bar_show(&b, 200, "early");
    fflush(to);
    assert_int_equal(size, 0);
    b.line_ns -= 11000000000; /* the last line was eleven seconds ago */
    bar_show(&b, 1100, "later");
    fflush(to);
    assert_memory_equal(text, "import: 0 % 1,100/1,000,000 rows 500/s 33:18 left, later\n", 10);
    assert_non_null(strstr(text, ", later\n"));
    assert_null(strchr(text, '\r'));
    bar_close(&b, 0);
    fclose(to);
    free(text);
    log_init('-', -1, LOG_SILENT);
    bar_open(&b, "x", 1, "rows");
    assert_null(b.to);
    bar_show(&b, 1, "nothing");
    bar_close(&b, 1);
    log_init('-', -1, LOG_WARN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_terminal), cmocka_unit_test(test_width),
                                       cmocka_unit_test(test_plain)};

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
