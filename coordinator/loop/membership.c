/* Workers answer in every step, which shows that they are alive. Workers whose answer is overdue are shown as late. If
 * a worker's process ends, all ranks are killed within milliseconds: just enough time to report which one it was
 * (process_watch.h). */
#include "coordinator/loop/membership.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/loop/process_watch.h"

static const double TELL_EVERY = 2, LOOK_EVERY = 1; /* seconds */
/* An answer is late after the longer of LATE_AFTER and LATE_TIMES usual times; LATE_FIRST: none known yet. */
static const double LATE_AFTER = 5, LATE_TIMES = 3, LATE_FIRST = 600;

static double resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (!f) return 0;
    if (fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void fill_card(struct worker_info *card)
{
    ssize_t n = readlink("/proc/self/ns/pid", card->processes, sizeof card->processes - 1);

    card->processes[n > 0 ? n : 0] = 0;
    if (gethostname(card->host, sizeof card->host - 1) != 0) card->host[0] = 0;
    card->pid = getpid();
    card->memory = resident_bytes();
}

static status coordinator_memory(struct membership *membership)
{
    TRY(mem_alloc((size_t)membership->workers, sizeof *membership->members, &membership->members));
    TRY(mem_alloc((size_t)membership->workers, sizeof *membership->words, &membership->words));
    return mem_alloc((size_t)membership->workers, sizeof *membership->heard, &membership->heard);
}

status membership_open(struct comm *c, const struct worker_info *mine, struct membership *membership)
{
    status s = ST_OK;

    memset(membership, 0, sizeof *membership);
    pthread_mutex_init(&membership->lock, NULL);
    membership->comm = c;
    membership->workers = c->workers;
    membership->first = c->size == 1 ? 0 : 1;
    membership->told = clock_now();
    if (comm_is_coordinator(c)) s = coordinator_memory(membership);
    if (s == ST_OK) s = exchange_reserve(&membership->words_under_way, (size_t)c->workers + 1);
    TRY(comm_agree(c, s));
    for (int w = 0; w < membership->workers; w++) {
        struct worker_info card = *mine;

        fill_card(&card);
        TRY(comm_broadcast(c, &card, sizeof card, membership->first + w));
        if (!membership->members) continue;
        membership->members[w].card = card;
        membership->members[w].last.memory = card.memory;
        membership->members[w].heard = membership->told;
    }
    return ST_OK;
}

void membership_close(struct membership *membership)
{
    process_watch_destroy(&membership->process_watch);
    pthread_mutex_destroy(&membership->lock);
    exchange_fini(&membership->words_under_way);
    mem_free(membership->members);
    mem_free(membership->words);
    mem_free(membership->heard);
    memset(membership, 0, sizeof *membership);
}

static void count_sent(struct membership *membership)
{
    membership->sent += membership->comm->sent - membership->mark;
    membership->mark = membership->comm->sent;
}

/* From now on answers are expected. */
static void expect_answers(struct membership *membership, int round)
{
    if (!membership->members) return;
    pthread_mutex_lock(&membership->lock);
    membership->asked = clock_now();
    membership->round = round;
    pthread_mutex_unlock(&membership->lock);
}

void membership_begin_step(struct membership *membership)
{
    membership->mark = membership->comm->sent;
    expect_answers(membership, 0);
}

void membership_begin_round(struct membership *membership)
{
    expect_answers(membership, 1);
}

void membership_end_step(struct membership *membership)
{
    count_sent(membership);
}

struct member_report member_report_here(struct membership *membership, double seconds)
{
    double now = clock_now();
    struct member_report report;

    count_sent(membership);

    if (membership->looked == 0 || now - membership->looked > LOOK_EVERY) {
        membership->memory = resident_bytes();
        membership->looked = now;
    }
    report = (struct member_report){seconds, (double)membership->sent, membership->memory};
    membership->sent = 0;
    return report;
}

/* ---- messages ---- */

static void describe_worker(const struct membership *membership, int w, int64_t step, Mp2__Worker *m)
{
    const struct member_state *x = &membership->members[w];

    mp2__worker__init(m);
    m->rank = (uint32_t)(membership->first + w);
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

/* With the lock held: publish a worker's message now; a change of state is also written to the file. */
static void tell_state(struct membership *membership, int w, Mp2__Worker__State state, const char *reason, int64_t step)
{
    struct member_state *x = &membership->members[w];
    int changed = x->state != state;
    double seconds = clock_now() - membership->told;
    Mp2__Worker m;

    if (x->gone) return;
    x->state = state;
    describe_worker(membership, w, step, &m);
    m.reason = (char *)(uintptr_t)reason;
    if (seconds > 0) {
        m.units_per_second = (double)(x->units - x->units_told) / seconds;
        m.busy = fmin(x->busy / seconds, 1);
    }
    if (membership->steps > 0) m.behind = x->behind / (double)membership->steps;
    if (changed) progress_post(membership->progress, &m.base);
    else progress_show(membership->progress, &m.base);
    x->units_told = x->units;
    x->busy = x->behind = 0;
}

void membership_publish(struct membership *membership, Mp2__Worker__State state, const char *reason, int64_t step)
{
    Mp2__Worker m;

    pthread_mutex_lock(&membership->lock);
    membership->asked = 0;
    for (int w = 0; membership->members && w < membership->workers; w++) {
        if (membership->members[w].gone) continue;
        membership->members[w].state = state;
        describe_worker(membership, w, step, &m);
        m.reason = (char *)(uintptr_t)reason;
        progress_post(membership->progress, &m.base);
    }
    pthread_mutex_unlock(&membership->lock);
}

/* ---- on process_watch's thread ---- */

/* Only milliseconds are left: the launcher kills all ranks when one has ended. */
static void note_gone(void *arg, int w)
{
    struct membership *membership = arg;
    const struct worker_info *card = &membership->members[w].card;
    Mp2__Worker m;

    pthread_mutex_lock(&membership->lock);
    membership->members[w].state = MP2__WORKER__STATE__LOST;
    membership->members[w].gone = 1;
    describe_worker(membership, w, membership->step, &m);
    m.reason = (char *)(uintptr_t) "its process is gone";
    progress_post(membership->progress, &m.base);
    (void)progress_flush(membership->progress); /* a full disk, too, is reported by the next start */
    progress_event(membership->progress, MP2__EVENT__LEVEL__ERROR, "worker-lost", m.step,
                   "worker %u on %s: process %lld is gone", m.rank, card->host, (long long)card->pid);
    (void)progress_flush(membership->progress);
    log_error("worker-lost", "rank=%u host=%s pid=%lld", m.rank, card->host, (long long)card->pid);
    pthread_mutex_unlock(&membership->lock);
}

static void note_terminated(void *arg)
{
    struct membership *membership = arg;
    char reason[80] = "ended by SIGTERM: by hand, or a process elsewhere failed";
    int lost = 0;

    for (int w = 0; w < membership->workers && !lost; w++) {
        lost = membership->members[w].gone;
        if (lost) snprintf(reason, sizeof reason, "ended because worker %d was lost", membership->first + w);
    }
    membership_publish(membership, MP2__WORKER__STATE__LEFT, reason, membership->step);
    if (!lost)
        progress_event(membership->progress, MP2__EVENT__LEVEL__WARNING, "terminated", (uint64_t)membership->step,
                       "SIGTERM: by hand, or a process on another machine failed");
    (void)progress_flush(membership->progress);
}

/* How long an answer may take: a multiple of what is usual for this model. */
static double patience(const struct membership *membership)
{
    double usual = membership->round ? membership->usual_round : membership->usual;

    return usual > 0 ? fmax(LATE_AFTER, LATE_TIMES * usual) : LATE_FIRST;
}

/* Steps publish the workers' state; this does it during long steps. */
static void tick(void *arg)
{
    struct membership *membership = arg;
    double now = clock_now();
    int overdue;

    pthread_mutex_lock(&membership->lock);
    overdue = membership->asked > 0 && now - membership->asked > patience(membership);
    for (int w = 0; w < membership->workers && now - membership->told >= TELL_EVERY; w++) {
        int heard = membership->asked > 0 && membership->members[w].heard > membership->asked;

        if (!overdue) tell_state(membership, w, MP2__WORKER__STATE__WORKING, "", membership->step);
        else if (heard)
            tell_state(membership, w, MP2__WORKER__STATE__WAITING, "waits for the others", membership->step + 1);
        else tell_state(membership, w, MP2__WORKER__STATE__LATE, "its answer is overdue", membership->step);
    }
    if (now - membership->told >= TELL_EVERY) {
        membership->steps = 0;
        membership->told = now;
    }
    if (overdue) (void)progress_flush(membership->progress); /* a failed write is reported with the next checkpoint */
    pthread_mutex_unlock(&membership->lock);
}

/* Workers whose process ids are valid here: on this host, in this PID namespace. A coordinator that is its own worker
 * needs no process_watch. */
static status watch_processes(struct membership *membership)
{
    const struct process_watch_calls calls = {note_gone, tick, note_terminated, membership};
    struct worker_info here = {0};
    int64_t *pids;
    status s;

    if (membership->comm->size == 1) return ST_OK;
    fill_card(&here);
    TRY(mem_alloc((size_t)membership->workers, sizeof *pids, &pids));
    for (int w = 0; w < membership->workers; w++) {
        const struct worker_info *card = &membership->members[w].card;
        int near = strcmp(card->host, here.host) == 0 && here.processes[0] &&
                   strcmp(card->processes, here.processes) == 0;

        pids[w] = near ? card->pid : 0;
    }
    s = process_watch_new(pids, membership->workers, &calls, &membership->process_watch);
    mem_free(pids);
    return s;
}

/* ---- the coordinator's steps ---- */

status membership_show(struct membership *membership, const char *reason, int64_t step, struct progress *progress)
{
    membership->progress = progress;
    progress_retire(progress, (uint32_t)membership->first, (uint32_t)membership->workers);
    membership->step = step;
    membership_publish(membership, MP2__WORKER__STATE__WORKING, reason, step);
    return watch_processes(membership);
}

void membership_answered(struct membership *membership, const unsigned char *heard)
{
    double now = clock_now();

    pthread_mutex_lock(&membership->lock);
    for (int w = 0; w < membership->workers; w++)
        if (heard[w] && membership->members[w].heard < membership->asked) membership->members[w].heard = now;
    pthread_mutex_unlock(&membership->lock);
}

static void note_words(struct membership *membership)
{
    for (int w = 0; w < membership->workers; w++) membership->heard[w] = membership->words[w] >= 0;
    membership_answered(membership, membership->heard);
}

static void end_round(struct membership *membership)
{
    pthread_mutex_lock(&membership->lock);
    if (membership->round) membership->usual_round = fmax(membership->usual_round, clock_now() - membership->asked);
    membership->round = 0;
    membership->asked = 0;
    pthread_mutex_unlock(&membership->lock);
}

/* Each worker sends its word to the coordinator: an all-reduce would not tell who is missing. */
status membership_agree(struct membership *membership, status mine)
{
    struct comm *c = membership->comm;
    struct exchange *x = &membership->words_under_way;
    int32_t word = (int32_t)mine;
    int in_step = membership->asked > 0 && !membership->round;
    status s;

    if (membership->members && membership->asked == 0) expect_answers(membership, 0);
    for (int w = 0; membership->members && w < membership->workers; w++) {
        membership->words[w] = -1;
        exchange_receive(c, x, &membership->words[w], sizeof *membership->words, comm_rank_of_worker(c, w),
                         TAG_MEMBERSHIP);
    }
    if (comm_is_worker(c)) exchange_send(c, x, &word, sizeof word, 0, TAG_MEMBERSHIP);
    while (membership->members && !exchange_rest(x)) note_words(membership);
    s = comm_or_abort(c, exchange_wait(c, x));
    if (membership->members && s == ST_OK) note_words(membership);
    if (membership->members && !in_step) end_round(membership);
    TRY(s);
    return comm_agree(c, mine);
}

/* With the lock held. Returns the bytes sent. */
static double take_reports(struct membership *membership, const struct member_report *reports, const int64_t *units,
                           double now)
{
    double least = INFINITY, most = 0, sent = 0;

    for (int w = 0; w < membership->workers; w++) {
        least = fmin(least, reports[w].seconds);
        most = fmax(most, reports[w].seconds);
    }
    membership->usual += (membership->usual > 0 ? 0.05 : 1) * (most - membership->usual);
    for (int w = 0; w < membership->workers; w++) {
        struct member_state *x = &membership->members[w];

        if (x->heard < membership->asked) x->heard = now;
        x->busy += reports[w].seconds;
        x->behind += reports[w].seconds - least;
        x->units += (uint64_t)units[w];
        sent += reports[w].sent;
        x->last = reports[w];
    }
    return sent + member_report_here(membership, 0).sent; /* nothing to send if the coordinator is the worker */
}

uint64_t membership_step(struct membership *membership, const struct member_report *reports, const int64_t *units,
                         int64_t step)
{
    double now = clock_now(), sent;
    int recovered = 0;

    pthread_mutex_lock(&membership->lock);
    sent = take_reports(membership, reports, units, now);
    membership->asked = 0;
    membership->step = step;
    membership->steps++;
    for (int w = 0; w < membership->workers; w++)
        recovered |= membership->members[w].state != MP2__WORKER__STATE__WORKING;
    if (recovered || now - membership->told >= TELL_EVERY) {
        for (int w = 0; w < membership->workers; w++)
            tell_state(membership, w, MP2__WORKER__STATE__WORKING,
                       membership->members[w].state != MP2__WORKER__STATE__WORKING ? "works again" : "", step);
        membership->steps = 0;
        membership->told = now;
    }
    pthread_mutex_unlock(&membership->lock);
    return (uint64_t)sent;
}
