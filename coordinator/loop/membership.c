/* Workers answer every step, so that a worker that is there is up to date. When no answers come, those who owe one are shown
 * as late; one whose process is gone ends all ranks within milliseconds, which is just long enough to say who it was
 * (lookout.h). */
#include "coordinator/loop/membership.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/loop/process_watch.h"

enum { TAG_CREW = 400 };

static const double TELL_EVERY = 2, LOOK_EVERY = 1;                           /* seconds */
static const double LATE_AFTER = 5, LATE_TIMES = 3, LATE_FIRST = 600;         /* overdue: so long, and so many usual times */

static double resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (!f) return 0;
    if (fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void fill_card(struct crew_card *card)
{
    ssize_t n = readlink("/proc/self/ns/pid", card->processes, sizeof card->processes - 1);

    card->processes[n > 0 ? n : 0] = 0;
    if (gethostname(card->host, sizeof card->host - 1) != 0) card->host[0] = 0;
    card->pid = getpid();
    card->memory = resident_bytes();
}

static status coordinator_memory(struct crew *crew)
{
    TRY(mem_alloc((size_t)crew->workers, sizeof *crew->members, &crew->members));
    TRY(mem_alloc((size_t)crew->workers, sizeof *crew->words, &crew->words));
    return mem_alloc((size_t)crew->workers, sizeof *crew->heard, &crew->heard);
}

status crew_open(struct comm *c, const struct crew_card *mine, struct crew *crew)
{
    status s = ST_OK;

    memset(crew, 0, sizeof *crew);
    pthread_mutex_init(&crew->lock, NULL);
    crew->comm = c;
    crew->workers = c->workers;
    crew->first = c->size == 1 ? 0 : 1;
    crew->told = clock_now();
    if (comm_is_coordinator(c)) s = coordinator_memory(crew);
    TRY(comm_agree(c, s));
    for (int w = 0; w < crew->workers; w++) {
        struct crew_card card = *mine;

        fill_card(&card);
        TRY(comm_broadcast(c, &card, sizeof card, crew->first + w));
        if (!crew->members) continue;
        crew->members[w].card = card;
        crew->members[w].last.memory = card.memory;
        crew->members[w].heard = crew->told;
    }
    return ST_OK;
}

void crew_close(struct crew *crew)
{
    lookout_destroy(&crew->lookout);
    pthread_mutex_destroy(&crew->lock);
    exchange_fini(&crew->words_under_way);
    mem_free(crew->members);
    mem_free(crew->words);
    mem_free(crew->heard);
    memset(crew, 0, sizeof *crew);
}

static void count_sent(struct crew *crew)
{
    crew->sent += crew->comm->sent - crew->mark;
    crew->mark = crew->comm->sent;
}

/* From now on answers are expected. */
static void ask(struct crew *crew, int round)
{
    if (!crew->members) return;
    pthread_mutex_lock(&crew->lock);
    crew->asked = clock_now();
    crew->round = round;
    pthread_mutex_unlock(&crew->lock);
}

void crew_begin_step(struct crew *crew)
{
    crew->mark = crew->comm->sent;
    ask(crew, 0);
}

void crew_begin_round(struct crew *crew)
{
    ask(crew, 1);
}

void crew_end_step(struct crew *crew)
{
    count_sent(crew);
}

struct crew_report crew_report_here(struct crew *crew, double seconds)
{
    double now = clock_now();
    struct crew_report report;

    count_sent(crew);

    if (crew->looked == 0 || now - crew->looked > LOOK_EVERY) {
        crew->memory = resident_bytes();
        crew->looked = now;
    }
    report = (struct crew_report){seconds, (double)crew->sent, crew->memory};
    crew->sent = 0;
    return report;
}

/* ---- messages ---- */

static void fill(const struct crew *crew, int w, int64_t step, Mp2__Worker *m)
{
    const struct crew_member *x = &crew->members[w];

    mp2__worker__init(m);
    m->rank = (uint32_t)(crew->first + w);
    m->state = x->state;
    m->host = (char *)(uintptr_t)x->card.host;
    m->pid = (uint64_t)x->card.pid;
    m->threads = (uint32_t)x->card.threads;
    m->first_column = (uint64_t)x->card.first_column;
    m->columns = (uint64_t)x->card.columns;
    m->memory = (uint64_t)x->last.memory;
    m->step = (uint64_t)step;
    m->units = x->units;
    m->lag = clock_now() - x->heard;
}

/* Under the lock: a worker's message now; a change of state goes to the file as well. */
static void tell(struct crew *crew, int w, Mp2__Worker__State state, const char *reason, int64_t step)
{
    struct crew_member *x = &crew->members[w];
    int changed = x->state != state;
    double seconds = clock_now() - crew->told;
    Mp2__Worker m;

    if (x->gone) return;
    x->state = state;
    fill(crew, w, step, &m);
    m.reason = (char *)(uintptr_t)reason;
    if (seconds > 0) {
        m.units_per_second = (double)(x->units - x->units_told) / seconds;
        m.busy = fmin(x->busy / seconds, 1);
    }
    if (crew->steps > 0) m.behind = x->behind / (double)crew->steps;
    if (changed) progress_post(crew->progress, &m.base);
    else progress_show(crew->progress, &m.base);
    x->units_told = x->units;
    x->busy = x->behind = 0;
}

void crew_tell(struct crew *crew, Mp2__Worker__State state, const char *reason, int64_t step)
{
    Mp2__Worker m;

    pthread_mutex_lock(&crew->lock);
    crew->asked = 0;
    for (int w = 0; crew->members && w < crew->workers; w++) {
        if (crew->members[w].gone) continue;
        crew->members[w].state = state;
        fill(crew, w, step, &m);
        m.reason = (char *)(uintptr_t)reason;
        progress_post(crew->progress, &m.base);
    }
    pthread_mutex_unlock(&crew->lock);
}

/* ---- on the lookout's thread ---- */

/* With milliseconds left: the launcher ends all ranks when one is gone. */
static void note_gone(void *arg, int w)
{
    struct crew *crew = arg;
    const struct crew_card *card = &crew->members[w].card;
    Mp2__Worker m;

    pthread_mutex_lock(&crew->lock);
    crew->members[w].state = MP2__WORKER__STATE__LOST;
    crew->members[w].gone = 1;
    fill(crew, w, crew->step, &m);
    m.reason = (char *)(uintptr_t)"its process is gone";
    progress_post(crew->progress, &m.base);
    (void)progress_flush(crew->progress);   /* a disk that is full as well is said by the next start */
    progress_event(crew->progress, MP2__EVENT__LEVEL__ERROR, "worker-lost", m.step, "worker %u on %s: process %lld is gone",
                   m.rank, card->host, (long long)card->pid);
    (void)progress_flush(crew->progress);
    log_error("worker-lost", "rank=%u host=%s pid=%lld", m.rank, card->host, (long long)card->pid);
    pthread_mutex_unlock(&crew->lock);
}

static void note_terminated(void *arg)
{
    struct crew *crew = arg;
    char reason[80] = "ended by SIGTERM: by hand, or a process elsewhere failed";
    int lost = 0;

    for (int w = 0; w < crew->workers && !lost; w++) {
        lost = crew->members[w].gone;
        if (lost) snprintf(reason, sizeof reason, "ended because worker %d was lost", crew->first + w);
    }
    crew_tell(crew, MP2__WORKER__STATE__LEFT, reason, crew->step);
    if (!lost)
        progress_event(crew->progress, MP2__EVENT__LEVEL__WARNING, "terminated", (uint64_t)crew->step,
                       "SIGTERM: by hand, or a process on another machine failed");
    (void)progress_flush(crew->progress);
}

/* How long an answer may take: longer than usual, whatever is usual for this model. */
static double patience(const struct crew *crew)
{
    double usual = crew->round ? crew->usual_round : crew->usual;

    return usual > 0 ? fmax(LATE_AFTER, LATE_TIMES * usual) : LATE_FIRST;
}

/* Steps tell how things stand; between them, when they take long, this does. */
static void tick(void *arg)
{
    struct crew *crew = arg;
    double now = clock_now();
    int overdue;

    pthread_mutex_lock(&crew->lock);
    overdue = crew->asked > 0 && now - crew->asked > patience(crew);
    for (int w = 0; w < crew->workers && now - crew->told >= TELL_EVERY; w++) {
        int heard = crew->asked > 0 && crew->members[w].heard > crew->asked;

        if (!overdue) tell(crew, w, MP2__WORKER__STATE__WORKING, "", crew->step);
        else if (heard) tell(crew, w, MP2__WORKER__STATE__WAITING, "waits for the others", crew->step + 1);
        else tell(crew, w, MP2__WORKER__STATE__LATE, "its answer is overdue", crew->step);
    }
    if (now - crew->told >= TELL_EVERY) {
        crew->steps = 0;
        crew->told = now;
    }
    if (overdue) (void)progress_flush(crew->progress);   /* what cannot be written is said with the next checkpoint */
    pthread_mutex_unlock(&crew->lock);
}

/* Those whose process numbers mean something here: on this host, in this name space. A coordinator that is its own worker
 * needs no lookout. */
static status watch_processes(struct crew *crew)
{
    const struct lookout_calls calls = {note_gone, tick, note_terminated, crew};
    struct crew_card here = {0};
    int64_t *pids;
    status s;

    if (crew->comm->size == 1) return ST_OK;
    fill_card(&here);
    TRY(mem_alloc((size_t)crew->workers, sizeof *pids, &pids));
    for (int w = 0; w < crew->workers; w++) {
        const struct crew_card *card = &crew->members[w].card;
        int near = strcmp(card->host, here.host) == 0 && here.processes[0] && strcmp(card->processes, here.processes) == 0;

        pids[w] = near ? card->pid : 0;
    }
    s = lookout_new(pids, crew->workers, &calls, &crew->lookout);
    mem_free(pids);
    return s;
}

/* ---- the coordinator's steps ---- */

status crew_show(struct crew *crew, const char *reason, int64_t step, struct progress *progress)
{
    crew->progress = progress;
    progress_retire(progress, (uint32_t)crew->first, (uint32_t)crew->workers);
    crew->step = step;
    crew_tell(crew, MP2__WORKER__STATE__WORKING, reason, step);
    return watch_processes(crew);
}

void crew_hear(struct crew *crew, const unsigned char *heard)
{
    double now = clock_now();

    pthread_mutex_lock(&crew->lock);
    for (int w = 0; w < crew->workers; w++)
        if (heard[w] && crew->members[w].heard < crew->asked) crew->members[w].heard = now;
    pthread_mutex_unlock(&crew->lock);
}

static void note_words(struct crew *crew)
{
    for (int w = 0; w < crew->workers; w++) crew->heard[w] = crew->words[w] >= 0;
    crew_hear(crew, crew->heard);
}

static void end_round(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    if (crew->round) crew->usual_round = fmax(crew->usual_round, clock_now() - crew->asked);
    crew->round = 0;
    crew->asked = 0;
    pthread_mutex_unlock(&crew->lock);
}

/* Those who come say so to the coordinator one by one: a sum over all ranks would not tell who is missing. */
status crew_agree(struct crew *crew, status mine)
{
    struct comm *c = crew->comm;
    struct exchange *x = &crew->words_under_way;
    int32_t word = (int32_t)mine;
    int in_step = crew->asked > 0 && !crew->round;
    status s;

    if (crew->members && crew->asked == 0) ask(crew, 0);
    for (int w = 0; crew->members && w < crew->workers; w++) {
        crew->words[w] = -1;
        exchange_receive(c, x, &crew->words[w], sizeof *crew->words, comm_rank_of_worker(c, w), TAG_CREW);
    }
    if (comm_is_worker(c)) exchange_send(c, x, &word, sizeof word, 0, TAG_CREW);
    while (crew->members && !exchange_rest(x)) note_words(crew);
    s = exchange_wait(c, x);
    if (crew->members && s == ST_OK) note_words(crew);
    if (crew->members && !in_step) end_round(crew);
    TRY(s);
    return comm_agree(c, mine);
}

/* Under the lock. Returns the bytes sent. */
static double take_reports(struct crew *crew, const struct crew_report *reports, const int64_t *units, double now)
{
    double least = INFINITY, most = 0, sent = 0;

    for (int w = 0; w < crew->workers; w++) {
        least = fmin(least, reports[w].seconds);
        most = fmax(most, reports[w].seconds);
    }
    crew->usual += (crew->usual > 0 ? 0.05 : 1) * (most - crew->usual);
    for (int w = 0; w < crew->workers; w++) {
        struct crew_member *x = &crew->members[w];

        if (x->heard < crew->asked) x->heard = now;
        x->busy += reports[w].seconds;
        x->behind += reports[w].seconds - least;
        x->units += (uint64_t)units[w];
        sent += reports[w].sent;
        x->last = reports[w];
    }
    return sent + crew_report_here(crew, 0).sent;   /* nothing is left to say where the coordinator is the worker */
}

uint64_t crew_step(struct crew *crew, const struct crew_report *reports, const int64_t *units, int64_t step)
{
    double now = clock_now(), sent;
    int recovered = 0;

    pthread_mutex_lock(&crew->lock);
    sent = take_reports(crew, reports, units, now);
    crew->asked = 0;
    crew->step = step;
    crew->steps++;
    for (int w = 0; w < crew->workers; w++) recovered |= crew->members[w].state != MP2__WORKER__STATE__WORKING;
    if (recovered || now - crew->told >= TELL_EVERY) {
        for (int w = 0; w < crew->workers; w++)
            tell(crew, w, MP2__WORKER__STATE__WORKING,
                 crew->members[w].state != MP2__WORKER__STATE__WORKING ? "works again" : "", step);
        crew->steps = 0;
        crew->told = now;
    }
    pthread_mutex_unlock(&crew->lock);
    return (uint64_t)sent;
}
