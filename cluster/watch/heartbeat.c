#include "cluster/watch/heartbeat.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"

enum { TEXT_BYTES = 2048 };

static const char *const names[HEARTBEAT_PHASES] = {"start",    "steps",   "evaluation", "checkpoint",
                                                    "finished", "stopped", "failed"};

const char *heartbeat_phase_name(enum heartbeat_phase phase)
{
    return names[phase];
}

/* ---- what messages say ---- */

static int take_worker(struct heartbeat *h, const Mp2__Worker *m)
{
    int lost = m->state == MP2__WORKER__STATE__LOST, bad = lost || m->state == MP2__WORKER__STATE__LATE;
    size_t i = 0;

    while (i < h->suspect_count && h->suspects[i].rank != m->rank) i++;
    if (i < h->suspect_count && !bad && m->state != MP2__WORKER__STATE__LEFT) {
        memmove(h->suspects + i, h->suspects + i + 1, (h->suspect_count - i - 1) * sizeof *h->suspects);
        h->suspect_count--;
        return 1;
    }
    if (!bad || i == HEARTBEAT_SUSPECTS || (i < h->suspect_count && h->suspects[i].lost == lost)) return 0;
    h->suspects[i] = (struct suspect){m->rank, lost};
    h->suspect_count += i == h->suspect_count;
    return 1;
}

static enum heartbeat_phase phase_of(const struct heartbeat *h, Mp2__Run__State state)
{
    switch (state) {
    case MP2__RUN__STATE__EVALUATING: return HEARTBEAT_EVALUATION;
    case MP2__RUN__STATE__FINISHED: return HEARTBEAT_FINISHED;
    case MP2__RUN__STATE__STOPPED: return HEARTBEAT_STOPPED;
    case MP2__RUN__STATE__FAILED: return HEARTBEAT_FAILED;
    default: return h->first_step > 0 ? HEARTBEAT_STEPS : HEARTBEAT_START;
    }
}

static int take_step(struct heartbeat *h, const Mp2__Progress *m)
{
    int first = h->first_step <= 0;

    /* Lines that a killed process had not written are posted again before the run says that it is there. */
    if (!h->introduced) return 0;
    if (first) h->first_step = m->time;
    h->step = m->step->step;
    h->phase = HEARTBEAT_STEPS;
    return first;
}

int heartbeat_take(struct heartbeat *h, const Mp2__Progress *m)
{
    enum heartbeat_phase before = h->phase;

    h->beat++;
    if (m->body_case == MP2__PROGRESS__BODY_WORKER) return take_worker(h, m->worker);
    if (m->body_case == MP2__PROGRESS__BODY_TASK) return 0;
    h->mark++;
    h->moved = m->time;
    if (m->body_case == MP2__PROGRESS__BODY_STEP) return take_step(h, m) || h->phase != before;
    if (m->body_case == MP2__PROGRESS__BODY_RUN) {
        h->introduced = 1;
        h->phase = phase_of(h, m->run->state);
    }
    if (m->body_case == MP2__PROGRESS__BODY_CHECKPOINT && h->phase < HEARTBEAT_FINISHED)
        h->phase = m->checkpoint->state == MP2__CHECKPOINT__STATE__WRITING ? HEARTBEAT_CHECKPOINT
                                                                           : phase_of(h, MP2__RUN__STATE__RUNNING);
    return h->phase != before;
}

/* ---- the file ---- */

status heartbeat_write(const char *path, const struct heartbeat *h)
{
    char text[TEXT_BYTES], beside[4096];
    int n, fd;
    status s;

    n = snprintf(text, sizeof text,
                 "{\"version\":1,\"epoch\":%" PRIu64 ",\"beat\":%" PRIu64 ",\"mark\":%" PRIu64 ",\"step\":%" PRIu64
                 ",\"time\":%.3f,\"moved\":%.3f,\"first_step\":%.3f,\"phase\":\"%s\",\"suspects\":[",
                 h->epoch, h->beat, h->mark, h->step, h->time, h->moved, h->first_step, names[h->phase]);
    for (size_t i = 0; i < h->suspect_count; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s{\"rank\":%u,\"lost\":%s}", i ? "," : "",
                      h->suspects[i].rank, h->suspects[i].lost ? "true" : "false");
    n += snprintf(text + n, sizeof text - (size_t)n, "]}\n");
    if (snprintf(beside, sizeof beside, "%s.part", path) >= (int)sizeof beside)
        return fault(ST_INPUT, "%s: a path that is too long", path);
    fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return ST_IO;
    s = file_write_fully(fd, text, (size_t)n);
    if (close(fd) != 0) s = ST_IO;
    if (s == ST_OK && rename(beside, path) != 0) s = ST_IO;
    return s;
}

static double number(const json_t *root, const char *key)
{
    const json_t *value = json_object_get(root, key);

    return json_is_number(value) ? json_number_value(value) : 0;
}

static int take_text(const json_t *root, struct heartbeat *out)
{
    const char *phase = json_string_value(json_object_get(root, "phase"));
    const json_t *list = json_object_get(root, "suspects"), *entry;
    size_t i;

    *out = (struct heartbeat){.epoch = (uint64_t)number(root, "epoch"),
                              .beat = (uint64_t)number(root, "beat"),
                              .mark = (uint64_t)number(root, "mark"),
                              .step = (uint64_t)number(root, "step"),
                              .time = number(root, "time"),
                              .moved = number(root, "moved"),
                              .first_step = number(root, "first_step"),
                              .phase = HEARTBEAT_PHASES};
    for (int p = 0; phase && p < HEARTBEAT_PHASES; p++)
        if (strcmp(phase, names[p]) == 0) out->phase = (enum heartbeat_phase)p;
    json_array_foreach(list, i, entry)
    {
        if (i == HEARTBEAT_SUSPECTS) break;
        out->suspects[out->suspect_count++] = (struct suspect){(uint32_t)number(entry, "rank"),
                                                               json_is_true(json_object_get(entry, "lost"))};
    }
    return out->phase != HEARTBEAT_PHASES;
}

int heartbeat_read(const char *path, struct heartbeat *out)
{
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    int whole = root && json_is_object(root) && take_text(root, out);

    if (root) json_decref(root);
    return whole;
}
