/* Does a crowd of watchers slow training down? Steps of fixed work on every core (a product in memory), published
 * through the real feed; rounds without and with a crowd in turn: 200 subscribers, of which 50 never read, 10 send
 * garbage, 10 have wrong keys. The crowd runs in a process of its own. Prints a JSON line: median step times, their
 * ratio, and the ratio of two halves of the rounds without a crowd (the noise).
 *   watchers FOLDER [rounds] [steps] [threads]
 *   watchers crowd ADDRESS      the crowd alone, until it is killed: watchers.py sets it on a real run. Prints every
 *                               second how many messages it has had */
#include <arpa/inet.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/pool.h"
#include "cluster/watch/progress.h"

enum { GOOD = 130, STALLED = 50, GARBAGE = 10, WRONG = 10, SIDE = 128, PRODUCTS = 6, MOST = 100000 };

/* ---- the crowd: a child process until it is killed ---- */

static void throw_garbage(const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char bytes[256];

    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)rand();
    if (fd < 0) return;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && write(fd, bytes, sizeof bytes) < 0) usleep(1000);
    close(fd);
}

static void *subscriber(void *context, const char *address, int queue, int wrong)
{
    char public_key[41], secret[41];
    void *s = zmq_socket(context, ZMQ_SUB);

    zmq_setsockopt(s, ZMQ_RCVHWM, &queue, sizeof queue);
    zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0);
    if (wrong && zmq_curve_keypair(public_key, secret) == 0) {
        zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, public_key, 41);
        zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, public_key, 41);
        zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, secret, 41);
    }
    zmq_connect(s, address);
    return s;
}

static void crowd(const char *address)
{
    void *context = zmq_ctx_new();
    zmq_pollitem_t good[GOOD];
    double said = clock_now();
    char buffer[4096];
    long had = 0;

    /* A crowd is on other machines: here it gets what training leaves. */
    if (nice(19) < 0) sleep(0);
    for (int i = 0; i < GOOD; i++) good[i] = (zmq_pollitem_t){subscriber(context, address, 1000, 0), 0, ZMQ_POLLIN, 0};
    for (int i = 0; i < STALLED; i++) subscriber(context, address, 1, 0);
    for (int i = 0; i < WRONG; i++) subscriber(context, address, 1000, 1);
    for (;;) {
        if (zmq_poll(good, GOOD, 100) < 0) _exit(1);
        for (int i = 0; i < GOOD; i++)
            while (zmq_recv(good[i].socket, buffer, sizeof buffer, ZMQ_DONTWAIT) >= 0) had++;
        if (clock_now() - said > 1) {
            said = clock_now();
            printf("%ld\n", had);
            fflush(stdout);
        }
        for (int i = 0; i < GARBAGE; i++) throw_garbage(address);
    }
}

/* ---- training ---- */

struct work {
    float *a, *b, *c;
};

static void multiply(void *arg, int thread, int threads)
{
    struct work *w = arg;
    float *c = w->c + (size_t)thread * SIDE * SIDE;
    (void)threads;

    for (int n = 0; n < PRODUCTS; n++)
        for (int i = 0; i < SIDE; i++)
            for (int k = 0; k < SIDE; k++)
                for (int j = 0; j < SIDE; j++) c[i * SIDE + j] += w->a[i * SIDE + k] * w->b[k * SIDE + j];
}

static void run_round(struct pool *pool, struct work *w, struct progress *p, int steps, double *times)
{
    static uint64_t number;
    Mp2__Step m = MP2__STEP__INIT;
    Mp2__Group g = MP2__GROUP__INIT, *groups[1] = {&g};

    g.task = "afqmc";
    m.n_groups = 1;
    m.groups = groups;
    for (int i = 0; i < steps; i++) {
        double t = clock_now();
        pool_run(pool, multiply, w);
        m.step = ++number;
        progress_post(p, &m.base);
        times[i] = clock_now() - t;
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *times, int n)
{
    qsort(times, (size_t)n, sizeof *times, by_size);
    return n ? times[n / 2] : NAN;
}

static status bench(const char *folder, int rounds, int steps, int threads)
{
    struct progress_options options = {.folder = folder, .watch = {.listen = "127.0.0.1:0"}};
    struct publisher_stats stats;
    struct progress *p;
    struct pool *pool;
    struct work w;
    double *quiet[2], *loud, a, b, with;
    int count[2] = {0, 0}, crowded = 0;

    for (int i = 0; i < 2; i++) TRY(mem_alloc((size_t)rounds * (size_t)steps, sizeof(double), &quiet[i]));
    TRY(mem_alloc((size_t)rounds * (size_t)steps, sizeof(double), &loud));
    TRY(mem_alloc(SIDE * SIDE, sizeof(float), &w.a));
    TRY(mem_alloc(SIDE * SIDE, sizeof(float), &w.b));
    TRY(mem_alloc((size_t)threads * SIDE * SIDE, sizeof(float), &w.c));
    TRY(pool_new(threads, &pool));
    TRY(progress_new(&options, &p));
    for (int r = 0; r < rounds; r++) {
        pid_t child;
        run_round(pool, &w, p, steps, quiet[r % 2] + count[r % 2]);
        count[r % 2] += steps;
        child = fork();
        if (child == 0) crowd(publisher_address(progress_publisher(p)));
        sleep(2); /* all connected */
        run_round(pool, &w, p, steps, loud + crowded);
        crowded += steps;
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        sleep(1);
    }
    publisher_stats(progress_publisher(p), &stats);
    a = median(quiet[0], count[0]);
    b = median(quiet[1], count[1]);
    with = median(loud, crowded);
    printf(
        "{\"bench\":\"watchers\",\"step_alone_seconds\":%.6f,\"step_crowd_seconds\":%.6f,\"ratio\":%.4f,\"noise\":%.4f,"
        "\"refused\":%llu,\"dropped\":%llu}\n",
        (a + b) / 2, with, 2 * with / (a + b), b / a, (unsigned long long)stats.refused,
        (unsigned long long)stats.dropped);
    progress_destroy(&p);
    pool_destroy(&pool);
    mem_free(w.a);
    mem_free(w.b);
    mem_free(w.c);
    mem_free(quiet[0]);
    mem_free(quiet[1]);
    mem_free(loud);
    return ST_OK;
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? atoi(argv[2]) : 6, steps = argc > 3 ? atoi(argv[3]) : 200,
        threads = argc > 4 ? atoi(argv[4]) : 2;

    log_init('C', 0, LOG_WARN);
    if (argc == 3 && strcmp(argv[1], "crowd") == 0) crowd(argv[2]);
    if (argc < 2 || rounds < 2 || steps < 1 || steps > MOST || threads < 1) {
        fprintf(stderr, "usage: watchers FOLDER [rounds] [steps] [threads]\n");
        return status_exit(ST_USAGE);
    }
    return status_exit(bench(argv[1], rounds, steps, threads));
}
