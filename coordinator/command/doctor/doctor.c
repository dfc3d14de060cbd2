/* mp2 doctor [RUN]: a look at a node, or under mpirun at those of all ranks at once. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "coordinator/command/doctor/check.h"
#include "worker/model/replica.h"

/* Rates are measured by all ranks at the same time, as a run would. */
static status look(struct comm *comm, const char *folder, struct check *c)
{
    check_cpu(c);
    check_binding(c, comm);
    TRY(comm_barrier(comm));
    TRY(comm_agree(comm, check_rates(c, replica_threads(comm))));
    check_mpi(c);
    check_shared_memory(c);
    check_limits(c);
    if (comm->node_rank == 0) check_folder(c, folder);
    return check_clock(c, comm);
}

/* The ranks' texts one after the other. */
static status print_all(struct comm *comm, char *text, size_t bytes)
{
    for (int rank = 0; rank < comm->size; rank++) {
        char *theirs = rank == comm->rank ? text : NULL;
        size_t n = bytes;

        TRY(comm_broadcast_sized(comm, (void **)&theirs, &n, rank));
        if (comm->rank == 0) fwrite(theirs, 1, n, stdout);
        if (rank != comm->rank) mem_free(theirs);
    }
    return ST_OK;
}

static status doctor_run(struct comm *comm, const struct args *a)
{
    struct check c = {0};
    char host[256] = "?", *text = NULL;
    size_t bytes = 0;
    int64_t looks;
    status s;

    gethostname(host, sizeof host - 1);
    c.to = open_memstream(&text, &bytes);
    TRY(comm_agree(comm, c.to ? ST_OK : fault(ST_MEMORY, "out of memory: the doctor's lines")));
    fprintf(c.to, "rank %d of %d on %s\n", comm->rank, comm->size, host);
    s = look(comm, a->words[0] ? a->words[0] : ".", &c);
    s = comm_agree(comm, fclose(c.to) == 0 ? s : fault(ST_MEMORY, "out of memory: the doctor's lines"));
    looks = c.looks;
    if (s == ST_OK) s = print_all(comm, text, bytes);
    if (s == ST_OK) s = comm_sum(comm, &looks, 1);
    if (s == ST_OK && comm->rank == 0) printf("%lld to look at\n", (long long)looks);
    free(text);
    return s;
}

status cmd_doctor(int argc, char **argv)
{
    return args_run_ranks(argc, argv, &(struct args_words){.most = 1}, doctor_run);
}
