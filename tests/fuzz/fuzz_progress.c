/* What comes from a publisher or an asker: messages, snapshots, requests. All go through the follower into a picture
 * and out as JSON and metrics; whatever is accepted must survive being written and read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/watch/history.h"
#include "cluster/watch/monitor/metric.h"
#include "cluster/watch/repair.h"
#include "cluster/watch/snapshot.h"
#include "cluster/watch/message_json.h"
#include "tests/fuzz/fuzz.h"

struct target {
    struct history *history;
    struct summary summary;
};

static void on_reset(void *arg)
{
    struct target *t = arg;

    history_clear(t->history);
    summary_clear(&t->summary);
}

static void on_message(void *arg, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    struct target *t = arg;
    ProtobufCMessage *back;
    char *line;
    size_t n;

    if (history_add(t->history, m, bytes, size) != ST_OK || summary_take(&t->summary, m, bytes, size) != ST_OK) abort();
    if (json_line(&m->base, &line, &n) != ST_OK) abort();
    if (json_message("fuzz", line, n, &mp2__progress__descriptor, &back) == ST_OK)
        protobuf_c_message_free_unpacked(back, NULL);
    mem_free(line);
}

static void show(const struct target *t)
{
    struct metric_run run = {"fuzz", &t->summary, 1, 0};
    char *page = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&page, &size);

    if (!f) return;
    metric_page(&run, 1, f);
    metric_json(&t->summary, f);
    fclose(f);
    free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct target t;
    const struct repair_sink sink = {&t, on_reset, on_message};
    struct repair *r;
    uint64_t epoch, sequence;
    unsigned char request[64];
    size_t n;

    if (size < 1) return 0;
    if (history_new(&t.history) != ST_OK || repair_new(&sink, &r) != ST_OK) abort();
    summary_init(&t.summary);
    /* The first byte says as what the rest arrives. */
    if (data[0] == 's' && repair_snapshot(r, data + 1, size - 1) != ST_OK) abort();
    if (data[0] == 'm' && repair_snapshot(r, (const uint8_t *)"\x08\x01\x10\x07\x20\x01", 6) != ST_OK) abort();
    if (data[0] == 'm' && repair_take(r, data + 1, size - 1) != ST_OK) abort();
    if (data[0] == 'r') snapshot_parse(data + 1, size - 1, &epoch, &sequence);
    if (repair_wants(r, request, &n) && !snapshot_parse(request, n, &epoch, &sequence)) abort();
    show(&t);
    repair_destroy(&r);
    summary_fini(&t.summary);
    history_destroy(&t.history);
    return 0;
}

static size_t seed_message(int i, uint8_t *out)
{
    Mp2__Progress m = MP2__PROGRESS__INIT;
    Mp2__Step step = MP2__STEP__INIT;
    Mp2__Group group = MP2__GROUP__INIT, *groups[1] = {&group};
    Mp2__Worker worker = MP2__WORKER__INIT;
    Mp2__Router router = MP2__ROUTER__INIT;
    Mp2__Run run = MP2__RUN__INIT;
    Mp2__TaskInfo info = MP2__TASK_INFO__INIT, *infos[1] = {&info};
    float probability[4] = {0.5f, 1, 0, 0.25f};
    char *tasks[1] = {"afqmc"};

    m.version = 1;
    m.name = "run";
    m.epoch = 7;
    m.sequence = 1;
    m.body_case = (Mp2__Progress__BodyCase)(MP2__PROGRESS__BODY_RUN + i);
    run.config = "a: 1\n";
    run.n_tasks = 1;
    run.tasks = infos;
    info.id = "afqmc";
    step.n_groups = 1;
    step.groups = groups;
    group.task = "afqmc";
    router.layers = 1;
    router.modules = 4;
    router.n_tasks = 1;
    router.tasks = tasks;
    router.n_probability = 4;
    router.probability = probability;
    worker.host = "node";
    if (i == 0) m.run = &run;
    else if (i == 1) m.step = &step, m.body_case = MP2__PROGRESS__BODY_STEP;
    else if (i == 2) m.router = &router, m.body_case = MP2__PROGRESS__BODY_ROUTER;
    else m.worker = &worker, m.body_case = MP2__PROGRESS__BODY_WORKER;
    return mp2__progress__pack(&m, out);
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    Mp2__Snapshot s = MP2__SNAPSHOT__INIT;
    Mp2__Progress m = MP2__PROGRESS__INIT, *list[2] = {&m, &m};
    Mp2__Event event = MP2__EVENT__INIT;
    Mp2__SnapshotRequest q = MP2__SNAPSHOT_REQUEST__INIT;

    (void)room;
    if (i < 4) {
        out[0] = 'm';
        return 1 + seed_message(i, out + 1);
    }
    m.version = s.version = q.version = 1;
    m.body_case = MP2__PROGRESS__BODY_EVENT;
    m.event = &event;
    event.text = "text";
    s.n_messages = 2;
    s.messages = list;
    s.complete = 1;
    q.epoch = 300;
    q.sequence = 5;
    out[0] = i == 4 ? 's' : 'r';
    return i == 4 ? 1 + mp2__snapshot__pack(&s, out + 1) : i == 5 ? 1 + mp2__snapshot_request__pack(&q, out + 1) : 0;
}
