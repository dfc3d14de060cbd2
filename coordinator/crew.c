/* Workers answer every step, so that a worker that is there is up to date; one that is not ends all ranks (a restart
 * follows, and its messages say so). What varies between them is how much they did. */
#include "coordinator/crew.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/memory.h"

static const double TELL_EVERY = 2;   /* seconds */

static int64_t resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (!f) return 0;
    if (fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
    fclose(f);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

status crew_open(struct comm *c, struct crew *crew)
{
    struct crew_member card;
    status s = ST_OK;

    memset(crew, 0, sizeof *crew);
    crew->workers = c->workers;
    crew->first = c->size == 1 ? 0 : 1;
    crew->told = clock_now();
    if (comm_is_coordinator(c)) s = mem_alloc((size_t)c->workers, sizeof *crew->members, &crew->members);
    TRY(comm_agree(c, s));
    for (int w = 0; w < crew->workers; w++) {
        memset(&card, 0, sizeof card);
        if (c->rank == crew->first + w) {
            if (gethostname(card.host, sizeof card.host - 1) != 0) card.host[0] = 0;
            card.pid = getpid();
            card.memory = resident_bytes();
        }
        TRY(comm_broadcast(c, &card, sizeof card, crew->first + w));
        if (crew->members) crew->members[w] = card;
    }
    return ST_OK;
}

void crew_close(struct crew *crew)
{
    mem_free(crew->members);
    memset(crew, 0, sizeof *crew);
}

static void fill(const struct crew *crew, int w, int64_t step, double seconds, Mp2__Worker *m)
{
    struct crew_member *x = &crew->members[w];

    mp2__worker__init(m);
    m->rank = (uint32_t)(crew->first + w);
    m->host = x->host;
    m->pid = (uint64_t)x->pid;
    m->memory = (uint64_t)x->memory;
    m->step = (uint64_t)step;
    m->units = x->units;
    if (seconds > 0) {
        m->units_per_second = (double)(x->units - x->units_told) / seconds;
        m->busy = x->busy < seconds ? x->busy / seconds : 1;
    }
    x->units_told = x->units;
    x->busy = 0;
}

void crew_step(struct crew *crew, const double *seconds, const int64_t *units, int64_t step, struct progress *progress)
{
    double t = clock_now();
    Mp2__Worker m;

    for (int w = 0; w < crew->workers; w++) {
        if (seconds) crew->members[w].busy += seconds[w];
        if (units) crew->members[w].units += (uint64_t)units[w];
    }
    if (t - crew->told < TELL_EVERY) return;
    for (int w = 0; w < crew->workers; w++) {
        fill(crew, w, step, t - crew->told, &m);
        m.state = MP2__WORKER__STATE__WORKING;
        progress_show(progress, &m.base);
    }
    crew->told = t;
}

void crew_tell(struct crew *crew, Mp2__Worker__State state, const char *reason, int64_t step, struct progress *progress)
{
    Mp2__Worker m;

    for (int w = 0; crew->members && w < crew->workers; w++) {
        fill(crew, w, step, 0, &m);
        m.state = state;
        m.reason = (char *)(uintptr_t)reason;
        progress_post(progress, &m.base);
    }
}
