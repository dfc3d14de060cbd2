#include "coordinator/launch/pulse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many times the usual is overdue; and how long at least no sign of life at all may come: the coordinator's watch
 * says something every two to three seconds. */
static const double STEP_TIMES = 10, PHASE_TIMES = 3, SILENCE = 4;

void pulse_begin(struct pulse *p, const struct pulse_options *options, struct pulse_usual *usual, double now)
{
    *p = (struct pulse){.options = *options, .usual = usual, .began = now, .heard = now, .moved = now};
}

static void note_step(struct pulse_usual *u, double seconds)
{
    u->steps[u->step_next] = seconds;
    u->step_next = (u->step_next + 1) % PULSE_STEPS;
    if (u->step_count < PULSE_STEPS) u->step_count++;
}

/* A mark: what the phase before took, by the writer's clock. A step's time is known where both marks were steps. */
static void note_mark(struct pulse *p, const struct heartbeat *h, double moved)
{
    double seconds = p->alive && p->last.moved > 0 ? h->moved - p->last.moved : moved - p->moved;

    if (p->last.phase == HEARTBEAT_STEPS && h->step > p->last.step)
        note_step(p->usual, seconds / (double)(h->step - p->last.step));
    if (seconds > p->usual->longest[p->last.phase]) p->usual->longest[p->last.phase] = seconds;
    p->moved = moved;
}

void pulse_take(struct pulse *p, const struct heartbeat *h, double now)
{
    if (p->alive && h->beat == p->last.beat) return;
    p->heard = now;
    /* Loading is one phase: marks before the first step do not begin it again. */
    if (h->phase == HEARTBEAT_START && p->last.phase == HEARTBEAT_START) {
        p->last = *h;
        p->last.moved = 0;
    } else {
        if (h->mark != p->last.mark) note_mark(p, h, now - (h->time - h->moved));
        p->last = *h;
    }
    p->alive = 1;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double pulse_median_step(const struct pulse_usual *u)
{
    double sorted[PULSE_STEPS];

    if (u->step_count == 0) return 0;
    memcpy(sorted, u->steps, sizeof sorted);
    qsort(sorted, (size_t)u->step_count, sizeof *sorted, compare);
    return sorted[u->step_count / 2];
}

double pulse_patience(const struct pulse *p)
{
    double usual = PHASE_TIMES * p->usual->longest[p->last.phase];

    if (p->last.phase == HEARTBEAT_STEPS && p->options.steady) usual = STEP_TIMES * pulse_median_step(p->usual);
    return fmax(p->options.least, usual > 0 ? usual : p->options.first);
}

int pulse_overdue(const struct pulse *p, double now, char *why, size_t room)
{
    double patience = pulse_patience(p), silence = fmax(p->options.least, SILENCE);

    if (p->alive && now - p->heard > silence) {
        snprintf(why, room, "the coordinator has given no sign of life for %.1f s", now - p->heard);
        return 1;
    }
    if (now - p->moved <= patience) return 0;
    if (p->last.phase == HEARTBEAT_STEPS)
        snprintf(why, room, "step %llu is overdue: %.1f s, usually %.3f s", (unsigned long long)p->last.step + 1,
                 now - p->moved, pulse_median_step(p->usual));
    else
        snprintf(why, room, "%s is overdue: %.1f s, at most %.1f s so far", heartbeat_phase_name(p->last.phase),
                 now - p->moved, p->usual->longest[p->last.phase]);
    return 1;
}
