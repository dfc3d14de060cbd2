/* The feed: lines in metrics.jsonl, resuming with a cut, torn tails, hostile files. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/watch/metrics.h"
#include "cluster/watch/progress.h"

static char folder[512];

static int setup(void **state)
{
    (void)state;
    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static void run_steps(int resume, uint64_t from, uint64_t to)
{
    struct progress_options options = {.folder = folder, .resume = resume, .resume_step = from ? from - 1 : 0};
    struct progress *p;
    Mp2__Step step = MP2__STEP__INIT;

    assert_int_equal(progress_new(&options, &p), ST_OK);
    progress_event(p, MP2__EVENT__LEVEL__INFO, "resume", 0, "from %d", (int)from);
    for (uint64_t i = from; i <= to; i++) {
        step.step = i;
        step.loss = 1.0 / (double)(i + 1);
        progress_post(p, &step.base);
    }
    assert_int_equal(progress_flush(p), ST_OK);
    progress_destroy(&p);
    assert_null(p);
}

struct pretrained_task {
    uint64_t steps, last, events;
    double elapsed;
    int ordered;
};

static status see(void *arg, const Mp2__Progress *m, const char *line, size_t n)
{
    struct pretrained_task *s = arg;

    assert_int_equal(strlen(line) >= n, 1);
    if (m->body_case == MP2__PROGRESS__BODY_EVENT) s->events++;
    if (m->body_case == MP2__PROGRESS__BODY_STEP) {
        s->steps++;
        if (m->step->step != s->last + 1 && s->steps > 1) s->ordered = 0;
        s->last = m->step->step;
    }
    if (m->elapsed < s->elapsed) s->ordered = 0;
    s->elapsed = m->elapsed;
    return ST_OK;
}

static struct pretrained_task read_all(void)
{
    struct pretrained_task s = {.ordered = 1};
    int64_t offset = 0;
    char path[600];

    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    assert_int_equal(metrics_read(path, &offset, see, &s), ST_OK);
    return s;
}

static void resume_cuts_back(void **state)
{
    struct pretrained_task s;
    (void)state;

    run_steps(0, 1, 100);
    s = read_all();
    assert_int_equal(s.steps, 100);
    run_steps(1, 61, 80); /* committed up to 60 */
    s = read_all();
    assert_int_equal(s.steps, 80);
    assert_int_equal(s.last, 80);
    assert_int_equal(s.events, 2); /* events stay: they happened */
    assert_true(s.ordered);
    run_steps(0, 1, 3);
    assert_int_equal(read_all().steps, 3);
}

struct states {
    Mp2__Worker__State seen[8];
    int count;
};

static status see_worker(void *arg, const Mp2__Progress *m, const char *line, size_t n)
{
    struct states *s = arg;
    (void)line;
    (void)n;

    if (m->body_case == MP2__PROGRESS__BODY_WORKER && s->count < 8) s->seen[s->count++] = m->worker->state;
    return ST_OK;
}

/* A life that was killed left its worker at work; the next one says that it was lost. One that ended in order does
 * not. */
static void cut_off_workers_are_lost(void **state)
{
    struct progress_options options = {.folder = folder, .resume = 0};
    Mp2__Worker worker = MP2__WORKER__INIT;
    struct progress *p;
    struct states s = {.count = 0};
    int64_t offset = 0;
    char path[600];
    (void)state;

    for (int life = 0; life < 3; life++) {
        options.resume = life > 0;
        assert_int_equal(progress_new(&options, &p), ST_OK);
        worker.state = MP2__WORKER__STATE__WORKING;
        progress_post(p, &worker.base);
        worker.state = MP2__WORKER__STATE__LEFT;
        if (life == 1) progress_post(p, &worker.base);
        progress_destroy(&p);
    }
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    assert_int_equal(metrics_read(path, &offset, see_worker, &s), ST_OK);
    assert_int_equal(s.count, 5);
    assert_int_equal(s.seen[0], MP2__WORKER__STATE__WORKING);
    assert_int_equal(s.seen[1], MP2__WORKER__STATE__LOST);
    assert_int_equal(s.seen[2], MP2__WORKER__STATE__WORKING);
    assert_int_equal(s.seen[3], MP2__WORKER__STATE__LEFT);
    assert_int_equal(s.seen[4], MP2__WORKER__STATE__WORKING);
}

/* Tasks are counted by the feed, across lives. */
static status see_task(void *arg, const Mp2__Progress *m, const char *line, size_t n)
{
    Mp2__Task *last = arg;
    (void)line;
    (void)n;

    if (m->body_case != MP2__PROGRESS__BODY_TASK) return ST_OK;
    last->steps = m->task->steps;
    last->loss = m->task->loss;
    last->best_score = m->task->best_score;
    return ST_OK;
}

static void tasks_are_counted(void **state)
{
    struct progress_options options = {.folder = folder};
    Mp2__Group group = MP2__GROUP__INIT, *groups[1] = {&group};
    Mp2__Score score = MP2__SCORE__INIT, *scores[1] = {&score};
    Mp2__Step step = MP2__STEP__INIT;
    Mp2__Eval eval = MP2__EVAL__INIT;
    Mp2__Task last = MP2__TASK__INIT;
    struct progress *p;
    int64_t offset = 0;
    char path[600];
    (void)state;

    group.task = score.task = "afqmc";
    step.n_groups = eval.n_scores = 1;
    step.groups = groups;
    eval.scores = scores;
    for (int life = 0; life < 2; life++) {
        options.resume = life;
        options.resume_step = 10;
        assert_int_equal(progress_new(&options, &p), ST_OK);
        for (int i = 1; i <= 10; i++) {
            step.step = (uint64_t)(10 * life + i);
            group.loss = 2;
            progress_post(p, &step.base);
        }
        eval.step = step.step;
        score.score = life ? 0.5 : 0.75;
        progress_post(p, &eval.base);
        progress_destroy(&p);
    }
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    assert_int_equal(metrics_read(path, &offset, see_task, &last), ST_OK);
    assert_int_equal(last.steps, 20);
    assert_float_equal(last.loss, 2, 1e-12);
    assert_float_equal(last.best_score, 0.75, 1e-12);
}

static void torn_tail_is_cut_off(void **state)
{
    char path[600];
    FILE *f;
    (void)state;

    run_steps(0, 1, 10);
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    f = fopen(path, "a");
    assert_non_null(f);
    fputs("{\"version\":1,\"step\":{\"st", f);
    fclose(f);
    assert_int_equal(read_all().steps, 10);
    run_steps(1, 11, 12);
    assert_int_equal(read_all().steps, 12);
}

static void foreign_file_is_refused(void **state)
{
    struct progress_options options = {.folder = folder, .resume = 1};
    struct progress *p;
    char path[600];
    (void)state;

    test_file(folder, "metrics.jsonl", "not ours\n", 9, path, sizeof path);
    assert_int_equal(progress_new(&options, &p), ST_INPUT);
    assert_null(p);
    assert_true(file_exists(path));
}

static void full_disk_is_said_once(void **state)
{
    struct progress_options options = {.folder = folder, .resume = 1};
    struct progress *p;
    Mp2__Step step = MP2__STEP__INIT;
    char path[600];
    (void)state;

    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    remove(path);
    assert_int_equal(symlink("/dev/full", path), 0);
    options.resume = 0;
    assert_int_equal(progress_new(&options, &p), ST_OK);
    progress_post(p, &step.base);
    assert_int_equal(progress_flush(p), ST_IO);
    progress_post(p, &step.base);
    assert_int_equal(progress_flush(p), ST_OK);
    progress_destroy(&p);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resume_cuts_back),        cmocka_unit_test(cut_off_workers_are_lost),
        cmocka_unit_test(tasks_are_counted),       cmocka_unit_test(torn_tail_is_cut_off),
        cmocka_unit_test(foreign_file_is_refused), cmocka_unit_test(full_disk_is_said_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
