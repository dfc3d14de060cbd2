#include "coordinator/launch/verdict.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cluster/base/status.h"

static const char *host_name(const struct epoch_end *end, int host)
{
    return host >= 0 ? end->epoch->hosts.items[host].name : "a host";
}

/* The supervisor ended it: the worker that was waited for, or the coordinator, which said nothing any more. */
static void judge_overdue(const struct epoch_end *end, struct verdict *v)
{
    const struct heartbeat *h = end->last;
    int silent_coordinator = strstr(end->overdue, "no sign of life") != NULL;

    v->kind = VERDICT_LOST;
    if (silent_coordinator) v->host = epoch_host_of(end->epoch, 0);
    else if (h->suspect_count > 0) v->host = epoch_host_of(end->epoch, h->suspects[0].rank);
    v->silent = v->host >= 0;
    if (!silent_coordinator && h->suspect_count > 0)
        snprintf(v->why, sizeof v->why, "%.120s (rank %u on %.60s)", end->overdue, h->suspects[0].rank,
                 host_name(end, v->host));
    else snprintf(v->why, sizeof v->why, "%.190s", end->overdue);
}

static void judge_lost_rank(const struct epoch_end *end, struct verdict *v)
{
    const struct epoch *e = end->epoch;

    v->kind = VERDICT_LOST;
    v->host = epoch_host_of(e, (uint32_t)e->lost_rank);
    if (e->lost_signal > 0)
        snprintf(v->why, sizeof v->why, "rank %d on %.100s was ended by signal %d", e->lost_rank,
                 host_name(end, v->host), e->lost_signal);
    else snprintf(v->why, sizeof v->why, "rank %d on %.100s was lost", e->lost_rank, host_name(end, v->host));
}

static void judge_lost_daemon(const struct epoch_end *end, struct verdict *v)
{
    v->kind = VERDICT_LOST;
    v->host = hosts_find(&end->epoch->hosts, end->epoch->lost_daemon);
    v->silent = 1;
    snprintf(v->why, sizeof v->why, "the connection to %.100s was lost", end->epoch->lost_daemon);
}

/* Before the run could say anything: with other hosts it may be them, without it is the program or mpirun. */
static int failed_at_the_start(const struct epoch_end *end, int exit_status)
{
    enum { NOT_STARTED = 127 };

    if (exit_status == NOT_STARTED) return 1;
    for (size_t i = 0; i < end->epoch->hosts.count; i++)
        if (!host_is_here(end->epoch->hosts.items[i].name)) return 0;
    return exit_status == status_exit(ST_IO);
}

/* Nobody named anybody: what mpirun's status says (cluster/README.md, "Running on MPI"). */
static void judge_status(const struct epoch_end *end, struct verdict *v)
{
    const struct heartbeat *h = end->last;
    int own = v->exit_status == status_exit(ST_INPUT) ||
              (end->alive ? v->exit_status == status_exit(ST_IO) && h->phase == HEARTBEAT_FAILED
                          : failed_at_the_start(end, v->exit_status));

    v->kind = own ? VERDICT_FAILED : VERDICT_LOST;
    if (h->suspect_count > 0 && h->suspects[0].lost) v->host = epoch_host_of(end->epoch, h->suspects[0].rank);
    if (WIFSIGNALED(end->epoch->status))
        snprintf(v->why, sizeof v->why, "mpirun was ended by signal %d", WTERMSIG(end->epoch->status));
    else snprintf(v->why, sizeof v->why, "mpirun ended with status %d", v->exit_status);
}

void verdict_of(const struct epoch_end *end, struct verdict *v)
{
    const struct epoch *e = end->epoch;

    *v = (struct verdict){.host = -1};
    v->exit_status = WIFEXITED(e->status) ? WEXITSTATUS(e->status) : 128 + WTERMSIG(e->status);
    if (v->exit_status == 0 && end->asked && !end->ending && end->last->phase != HEARTBEAT_FINISHED) {
        v->kind = VERDICT_CHANGED;
        snprintf(v->why, sizeof v->why, "other hosts");
    } else if (v->exit_status == 0) {
        v->kind = VERDICT_DONE;
        snprintf(v->why, sizeof v->why, end->last->phase == HEARTBEAT_FINISHED ? "finished" : "stopped in order");
    } else if (end->overdue[0]) {
        judge_overdue(end, v);
    } else if (e->lost_daemon[0]) {
        judge_lost_daemon(end, v);
    } else if (e->lost_rank >= 0) {
        judge_lost_rank(end, v);
    } else {
        judge_status(end, v);
    }
}
