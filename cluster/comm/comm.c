/* MPI wrappers. Blocking MPI calls spin at full speed (Open MPI polls), which starves the other ranks of an
 * oversubscribed node; so everything is nonblocking plus comm_wait. */
#include "cluster/comm/comm.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stop.h"
#include "cluster/comm/launch.h"

enum { PART_BYTES = 256 << 20, POLLS = 2000, SLEEP_LEAST_NS = 20000, SLEEP_MOST_NS = 200000 };

status comm_check(int code, const char *call)
{
    char text[MPI_MAX_ERROR_STRING + 1];
    int n = 0;

    if (code == MPI_SUCCESS) return ST_OK;
    if (MPI_Error_string(code, text, &n) != MPI_SUCCESS) n = 0;
    text[n] = 0;
    return fault(ST_PEER, "%s failed: %s", call, n ? text : "unknown MPI error");
}

/* Polls, then sleeps, until all are done or so many seconds have passed (0: no limit). */
static status wait_for(MPI_Request *requests, int n, double seconds, int *done)
{
    double until = seconds > 0 ? clock_now() + seconds : INFINITY;
    long sleep_ns = SLEEP_LEAST_NS;

    for (int polls = 0;; polls++) {
        TRY(comm_check(MPI_Testall(n, requests, done, MPI_STATUSES_IGNORE), "MPI_Testall"));
        if (*done) return ST_OK;
        if (polls < POLLS) {
            sched_yield();
        } else {
            if (clock_now() > until) return ST_OK;
            nanosleep(&(struct timespec){0, sleep_ns}, NULL);
            if (sleep_ns < SLEEP_MOST_NS) sleep_ns += sleep_ns / 2;
        }
    }
}

status comm_wait(MPI_Request *requests, int n)
{
    int done = 0;

    return wait_for(requests, n, 0, &done);
}

status comm_init(struct comm *c)
{
    int provided;

    *c = (struct comm){.all = MPI_COMM_NULL, .node = MPI_COMM_NULL, .worker = -1};
    TRY(launch_prepare());
    TRY(comm_check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread"));
    TRY(comm_check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler"));
    TRY(comm_check(MPI_Comm_dup(MPI_COMM_WORLD, &c->all), "MPI_Comm_dup"));
    TRY(comm_check(MPI_Comm_set_errhandler(c->all, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler"));
    TRY(comm_check(MPI_Comm_rank(c->all, &c->rank), "MPI_Comm_rank"));
    TRY(comm_check(MPI_Comm_size(c->all, &c->size), "MPI_Comm_size"));
    TRY(launch_confirm(c->size));
    TRY(comm_check(MPI_Comm_split_type(c->all, MPI_COMM_TYPE_SHARED, c->rank, MPI_INFO_NULL, &c->node),
                   "MPI_Comm_split_type"));
    TRY(comm_check(MPI_Comm_rank(c->node, &c->node_rank), "MPI_Comm_rank"));
    TRY(comm_check(MPI_Comm_size(c->node, &c->node_size), "MPI_Comm_size"));
    c->workers = c->size == 1 ? 1 : c->size - 1;
    c->worker = c->size == 1 ? 0 : c->rank - 1;
    return ST_OK;
}

void comm_fini(struct comm *c, status ended)
{
    int up = 0;

    if (MPI_Initialized(&up) != MPI_SUCCESS || !up) return;
    if (ended == ST_PEER) {
        /* Finalize would wait for the dead. Leave; mpirun ends the rest. */
        fflush(NULL);
        _exit(status_exit(ST_PEER));
    }
    if (c->node != MPI_COMM_NULL) MPI_Comm_free(&c->node);
    if (c->all != MPI_COMM_NULL) MPI_Comm_free(&c->all);
    MPI_Finalize();
}

void comm_abort(struct comm *c, status s)
{
    log_error("abort", "rank=%d status=\"%s\"", c->rank, status_text(s));
    fflush(NULL);
    MPI_Abort(MPI_COMM_WORLD, status_exit(s));
    _exit(status_exit(s));
}

status comm_or_abort(struct comm *c, status s)
{
    if (s != ST_OK && s != ST_PEER && c->size > 1) comm_abort(c, s);
    return s;
}

status(comm_agree)(struct comm *c, status mine)
{
    int64_t words[2] = {mine, stop_requested()};

    TRY(comm_max(c, words, 2));
    if (words[1]) stop_request();
    return (status)words[0];
}

status comm_broadcast(struct comm *c, void *data, size_t n, int root)
{
    char *p = data;

    while (n > 0 && c->size > 1) {
        int part = n < PART_BYTES ? (int)n : PART_BYTES;
        MPI_Request request;

        TRY(comm_check(MPI_Ibcast(p, part, MPI_BYTE, root, c->all, &request), "MPI_Ibcast"));
        TRY(comm_wait(&request, 1));
        if (c->rank == root) c->sent += part;
        p += part;
        n -= (size_t)part;
    }
    return ST_OK;
}

status comm_broadcast_sized(struct comm *c, void **data, size_t *n, int root)
{
    uint64_t size = *n;
    status s = ST_OK;

    TRY(comm_broadcast(c, &size, sizeof size, root));
    *n = (size_t)size;
    if (c->rank != root) s = mem_alloc(*n, 1, data);
    TRY(comm_agree(c, s));
    return comm_broadcast(c, *data, *n, root);
}

static status all_reduce(struct comm *c, int64_t *values, int n, MPI_Op op)
{
    MPI_Request request;

    if (c->size == 1) return ST_OK;
    TRY(comm_check(MPI_Iallreduce(MPI_IN_PLACE, values, n, MPI_INT64_T, op, c->all, &request), "MPI_Iallreduce"));
    return comm_wait(&request, 1);
}

status comm_sum(struct comm *c, int64_t *values, int n)
{
    return all_reduce(c, values, n, MPI_SUM);
}

status comm_max(struct comm *c, int64_t *values, int n)
{
    return all_reduce(c, values, n, MPI_MAX);
}

status comm_barrier(struct comm *c)
{
    MPI_Request request;

    if (c->size == 1) return ST_OK;
    TRY(comm_check(MPI_Ibarrier(c->all, &request), "MPI_Ibarrier"));
    return comm_wait(&request, 1);
}

static void post(struct comm *c, struct exchange *x, void *data, size_t n, int rank, enum comm_tag tag, int is_send)
{
    char *p = data;

    for (int part = 0; n > 0 && x->state == ST_OK; part++) {
        int bytes = n < PART_BYTES ? (int)n : PART_BYTES;
        MPI_Request *request;

        x->state = mem_grow(&x->requests, &x->room, x->count + 1, sizeof *x->requests);
        if (x->state != ST_OK) return;
        request = &x->requests[x->count];
        if (is_send)
            x->state = comm_check(MPI_Isend(p, bytes, MPI_BYTE, rank, part * TAG_COUNT + (int)tag, c->all, request),
                                  "MPI_Isend");
        else
            x->state = comm_check(MPI_Irecv(p, bytes, MPI_BYTE, rank, part * TAG_COUNT + (int)tag, c->all, request),
                                  "MPI_Irecv");
        if (x->state != ST_OK) return;
        x->count++;
        if (is_send && rank != c->rank) c->sent += bytes;
        p += bytes;
        n -= (size_t)bytes;
    }
}

void exchange_send(struct comm *c, struct exchange *x, const void *data, size_t n, int rank, enum comm_tag tag)
{
    post(c, x, (void *)(uintptr_t)data, n, rank, tag, 1);
}

void exchange_receive(struct comm *c, struct exchange *x, void *data, size_t n, int rank, enum comm_tag tag)
{
    post(c, x, data, n, rank, tag, 0);
}

status exchange_reserve(struct exchange *x, size_t messages)
{
    return mem_grow(&x->requests, &x->room, messages, sizeof *x->requests);
}

status exchange_wait(struct comm *c, struct exchange *x)
{
    status s = x->state;

    (void)c;
    if (s == ST_OK && x->count > 0) s = comm_wait(x->requests, (int)x->count);
    x->count = 0;
    x->state = ST_OK;
    return s;
}

int exchange_test(struct exchange *x)
{
    int done = 1;

    if (x->state != ST_OK || x->count == 0) return 1;
    if (MPI_Testall((int)x->count, x->requests, &done, MPI_STATUSES_IGNORE) != MPI_SUCCESS) return 1;
    return done;
}

int exchange_rest(struct exchange *x)
{
    int done = 0;

    if (x->state != ST_OK || x->count == 0) return 1;
    x->state = wait_for(x->requests, (int)x->count, 0.1, &done);
    return done || x->state != ST_OK;
}

void exchange_fini(struct exchange *x)
{
    mem_free(x->requests);
    *x = (struct exchange){0};
}
