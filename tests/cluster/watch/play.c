/* A generated run through the real feed: what `mp2 pretrain` would publish, without training anything.
 * play FOLDER [key=value …]   steps=N rate=STEPS_PER_SECOND (0: as fast as possible) tasks=T workers=W listen=HOST:PORT
 * server_key=FILE allowed=FILE resume=STEP kill=STEP (a worker is lost there) lost=STEPS (until it is back)
 * hold=SECONDS evil=1 eval=STEPS prints "ready ADDRESS" when it publishes and "done posted=… dropped=… refused=…" at
 * the end. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/random.h"
#include "cluster/watch/progress.h"

enum { LAYERS = 6, MODULES = 8, TASKS_MOST = 64, WORKERS_MOST = 64 };

struct play {
    long steps, tasks, workers, resume, kill, lost, hold, evil, eval;
    double rate;
    const char *folder, *listen, *server_key, *allowed;
    struct progress *progress;
    char ids[TASKS_MOST][80];
    struct random_key key;
    double best_mean;
    uint64_t best_step;
};

static double uniform(struct play *p, uint64_t a, uint32_t b)
{
    return random_uniform(random_derive(p->key, (uint32_t)a, b, 0, 0), 0);
}

static double ability(const struct play *p, long task, uint64_t step)
{
    double speed = 200 + 60.0 * (double)(task % 7), top = 0.55 + 0.06 * (double)(task % 6);

    (void)p;
    return 0.33 + (top - 0.33) * (1 - exp(-(double)step / speed));
}

static void post_run(struct play *p, Mp2__Run__State state, uint64_t done, int first)
{
    Mp2__Run run = MP2__RUN__INIT;
    Mp2__TaskInfo infos[TASKS_MOST], *list[TASKS_MOST];

    run.command = "pretrain";
    run.state = state;
    run.done = done;
    run.total = (uint64_t)p->steps;
    run.unit = "steps";
    run.started = (double)time(NULL);
    run.resumed_from = (uint64_t)p->resume;
    run.host = "localhost";
    run.program = "mp2 0.1.0";
    run.libraries = "oneDNN 2.6.3, glibc 2.36";
    run.precision = "bf16";
    run.instruction_set = "avx512bf16";
    run.seed = 42;
    run.config_digest = "00112233445566778899aabbccddeeff";
    run.workers = (uint32_t)p->workers;
    run.layers = LAYERS;
    run.modules = MODULES;
    run.prompt_length = 50;
    run.hidden = 1024;
    run.intrinsic = 300;
    run.parameters = 92160000;
    run.limit_flops = 480e9 * (double)p->workers;
    if (first) {
        run.config = p->evil ? "name: <script>alert(1)</script>\n"
                             : "train:\n  steps: 2000\n  batch: 32\nmodel:\n  layers: 6\n";
        run.n_tasks = (size_t)p->tasks;
        run.tasks = list;
        for (long i = 0; i < p->tasks; i++) {
            mp2__task_info__init(&infos[i]);
            infos[i].id = infos[i].title = p->ids[i];
            infos[i].kind = i % 8 == 7 ? "extractive" : "labels";
            infos[i].metric = i % 8 == 7 ? "f1" : "accuracy";
            infos[i].majority = 0.35;
            list[i] = &infos[i];
        }
    }
    if (first || state != MP2__RUN__STATE__RUNNING) progress_post(p->progress, &run.base);
    else progress_show(p->progress, &run.base);
}

static void post_step(struct play *p, uint64_t step)
{
    Mp2__Step m = MP2__STEP__INIT;
    Mp2__Group g = MP2__GROUP__INIT, *groups[1] = {&g};
    long task = (long)(uniform(p, step, 1) * (double)p->tasks);
    double right = ability(p, task, step);

    m.step = step;
    m.loss = -log(right) * (0.8 + 0.4 * uniform(p, step, 2));
    m.accuracy = right;
    m.examples = 32;
    m.tokens = 1500 + (uint64_t)(1000 * uniform(p, step, 3));
    m.seconds = (p->rate > 0 ? 1 / p->rate : 0.05) * (0.9 + 0.2 * uniform(p, step, 4));
    m.compute_seconds = m.seconds * 0.8;
    m.reduce_seconds = m.seconds * 0.1;
    m.commit_seconds = m.seconds * 0.05;
    m.flops = 0.7 * m.seconds * 480e9 * (double)p->workers;
    m.bytes_sent = 15u << 20;
    m.learning_rate = 1e-4;
    m.router_rate = 5e-4;
    m.journal_lag = uniform(p, step / 10, 6) < 0.2 ? 1 + step % 3 : 0;
    g.task = p->ids[task];
    g.loss = m.loss;
    g.accuracy = right;
    g.examples = m.examples;
    g.tokens = m.tokens;
    m.n_groups = 1;
    m.groups = groups;
    progress_post(p->progress, &m.base);
}

static void post_worker(struct play *p, uint64_t step, long rank, Mp2__Worker__State state, const char *reason,
                        int keep)
{
    Mp2__Worker m = MP2__WORKER__INIT;

    m.rank = (uint32_t)rank;
    m.state = state;
    m.host = rank % 2 ? "node-b" : "node-a";
    m.pid = 4000 + (uint64_t)rank;
    m.step = step;
    m.units = step * 4;
    m.units_per_second = state == MP2__WORKER__STATE__LOST ? 0 : p->rate * 4 / (double)p->workers;
    m.lag = 0.1 * uniform(p, step, 5 + (uint32_t)rank);
    m.busy = 0.8;
    m.memory = 3u << 30;
    m.threads = 2;
    m.columns = 92160000 / 300 / (uint64_t)p->workers;
    m.first_column = m.columns * (uint64_t)(rank - 1);
    m.reason = (char *)(uintptr_t)reason;
    if (keep) progress_post(p->progress, &m.base);
    else progress_show(p->progress, &m.base);
}

static void post_eval(struct play *p, uint64_t step)
{
    Mp2__Eval m = MP2__EVAL__INIT;
    Mp2__Score scores[TASKS_MOST], *list[TASKS_MOST];

    m.step = step;
    m.split = "dev";
    m.seconds = 2;
    m.subset = 1;
    m.n_scores = (size_t)p->tasks;
    m.scores = list;
    for (long i = 0; i < p->tasks; i++) {
        mp2__score__init(&scores[i]);
        scores[i].task = p->ids[i];
        scores[i].metric = i % 8 == 7 ? "f1" : "accuracy";
        scores[i].score = ability(p, i, step) + 0.02 * (uniform(p, step, 100 + (uint32_t)i) - 0.5);
        scores[i].loss = -log(scores[i].score);
        scores[i].rows = 400;
        scores[i].majority = 0.35;
        m.mean += scores[i].score / (double)p->tasks;
        list[i] = &scores[i];
    }
    if (m.mean > p->best_mean) {
        p->best_mean = m.mean;
        p->best_step = step;
    }
    m.best_mean = p->best_mean;
    m.best_step = p->best_step;
    progress_post(p->progress, &m.base);
}

static void post_router(struct play *p, uint64_t step)
{
    static float values[TASKS_MOST * LAYERS * MODULES];
    Mp2__Router m = MP2__ROUTER__INIT;
    char *names[TASKS_MOST];
    size_t n = 0;

    for (long t = 0; t < p->tasks; t++) {
        names[t] = p->ids[t];
        for (uint32_t i = 0; i < LAYERS * MODULES; i++) {
            double wish = uniform(p, (uint64_t)t % 5 + 7777, i) < 0.4 ? 5 : -4;
            values[n++] = (float)(1 / (1 + exp(-wish * (1 - exp(-(double)step / 400)))));
        }
    }
    m.step = step;
    m.layers = LAYERS;
    m.modules = MODULES;
    m.tasks = names;
    m.n_tasks = (size_t)p->tasks;
    m.probability = values;
    m.n_probability = n;
    progress_post(p->progress, &m.base);
}

static void post_checkpoint(struct play *p, uint64_t step, Mp2__Checkpoint__State state)
{
    Mp2__Checkpoint m = MP2__CHECKPOINT__INIT;
    char path[64];

    snprintf(path, sizeof path, "step-%llu", (unsigned long long)step);
    m.step = step;
    m.state = state;
    m.path = path;
    m.bytes = UINT64_C(4400000000);
    m.seconds = 3.5;
    m.best = p->best_step == step;
    progress_post(p->progress, &m.base);
}

static void play_step(struct play *p, uint64_t step)
{
    post_step(p, step);
    if (step % 20 == 0) post_run(p, MP2__RUN__STATE__RUNNING, step, 0);
    if (step % 20 == 0)
        for (long r = 1; r <= p->workers; r++)
            if (!(p->kill && r == 2 && step >= (uint64_t)p->kill && step < (uint64_t)(p->kill + p->lost)))
                post_worker(p, step, r, MP2__WORKER__STATE__WORKING, "", 0);
    if (p->kill && step == (uint64_t)p->kill) {
        post_worker(p, step, 2, MP2__WORKER__STATE__LOST, "connection closed", 1);
        progress_event(p->progress, MP2__EVENT__LEVEL__ERROR, "worker-lost", step,
                       "rank 2 on node-a: connection closed");
    }
    if (p->kill && step == (uint64_t)(p->kill + p->lost)) {
        post_worker(p, step, 2, MP2__WORKER__STATE__WORKING, "restarted", 1);
        progress_event(p->progress, MP2__EVENT__LEVEL__INFO, "worker-back", step, "rank 2 on node-a");
    }
    if (step % (uint64_t)p->eval == 0) {
        post_eval(p, step);
        post_router(p, step);
        post_checkpoint(p, step, MP2__CHECKPOINT__STATE__WRITING);
        post_checkpoint(p, step, MP2__CHECKPOINT__STATE__COMPLETE);
    }
    if (p->rate > 0) usleep((useconds_t)(1e6 / p->rate));
    if (progress_flush(p->progress) != ST_OK) fprintf(stderr, "play: metrics file failed\n");
}

static int play(struct play *p)
{
    struct progress_options options = {.folder = p->folder,
                                       .watch = {p->listen, p->server_key, p->allowed},
                                       .resume = p->resume > 0,
                                       .resume_step = (uint64_t)p->resume};
    struct publisher_stats stats = {0};
    status s = progress_new(&options, &p->progress);

    if (s != ST_OK) return status_exit(s);
    if (progress_publisher(p->progress)) printf("ready %s\n", publisher_address(progress_publisher(p->progress)));
    fflush(stdout);
    post_run(p, MP2__RUN__STATE__RUNNING, (uint64_t)p->resume, 1);
    if (p->resume)
        progress_event(p->progress, MP2__EVENT__LEVEL__WARNING, "resume", (uint64_t)p->resume, "from the journal");
    for (long r = 1; r <= p->workers; r++) post_worker(p, (uint64_t)p->resume, r, MP2__WORKER__STATE__WORKING, "", 1);
    for (long i = p->resume + 1; i <= p->steps; i++) play_step(p, (uint64_t)i);
    post_run(p, MP2__RUN__STATE__FINISHED, (uint64_t)p->steps, 0);
    s = progress_flush(p->progress);
    sleep((unsigned)p->hold);
    if (progress_publisher(p->progress)) publisher_stats(progress_publisher(p->progress), &stats);
    progress_destroy(&p->progress);
    printf("done posted=%llu dropped=%llu refused=%llu\n", (unsigned long long)stats.posted,
           (unsigned long long)stats.dropped, (unsigned long long)stats.refused);
    return status_exit(s);
}

static int set(struct play *p, const char *arg)
{
    const struct {
        const char *name;
        long *integer;
        const char **text;
    } known[] = {{"steps=", &p->steps, NULL},
                 {"tasks=", &p->tasks, NULL},
                 {"workers=", &p->workers, NULL},
                 {"resume=", &p->resume, NULL},
                 {"kill=", &p->kill, NULL},
                 {"lost=", &p->lost, NULL},
                 {"hold=", &p->hold, NULL},
                 {"evil=", &p->evil, NULL},
                 {"eval=", &p->eval, NULL},
                 {"listen=", NULL, &p->listen},
                 {"server_key=", NULL, &p->server_key},
                 {"allowed=", NULL, &p->allowed}};

    if (strncmp(arg, "rate=", 5) == 0) {
        p->rate = atof(arg + 5);
        return 0;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i].name);
        if (strncmp(arg, known[i].name, n) != 0) continue;
        if (known[i].integer) *known[i].integer = atol(arg + n);
        else *known[i].text = arg + n;
        return 0;
    }
    return fprintf(stderr, "play: %s?\n", arg);
}

int main(int argc, char **argv)
{
    static struct play p = {
        .steps = 500, .tasks = 38, .workers = 3, .rate = 100, .lost = 60, .eval = 50, .listen = "127.0.0.1:0"};

    log_init('C', 0, LOG_INFO);
    if (argc < 2) return status_exit(ST_USAGE);
    p.folder = argv[1];
    for (int i = 2; i < argc; i++)
        if (set(&p, argv[i])) return status_exit(ST_USAGE);
    if (p.tasks < 1 || p.tasks > TASKS_MOST || p.workers < 1 || p.workers > WORKERS_MOST) return status_exit(ST_USAGE);
    p.key = random_seed(42, RANDOM_DEMO);
    for (long i = 0; i < p.tasks; i++)
        snprintf(p.ids[i], sizeof p.ids[i], p.evil ? "<img src=x onerror=alert(%ld)>\"'&" : "task-%02ld", i);
    return play(&p);
}
