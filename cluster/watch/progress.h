/* What a command says about its work, said once: the message gets its envelope, is appended to the run folder's
 * metrics.jsonl and handed to the publisher. Coordinator only.
 *
 *     struct progress *p;
 *     TRY(progress_new(&(struct progress_options){.folder = run, .watch = config.watch, .resume_step = step}, &p));
 *     Mp2__Step step = MP2__STEP__INIT;
 *     step.step = …;
 *     progress_post(p, &step.base);        file and stream
 *     progress_show(p, &worker.base);      stream only: what repeats every few seconds
 *     TRY(progress_flush(p));              with a commit, a checkpoint, at the end
 *     progress_destroy(&p);
 */
#ifndef MP2_CLUSTER_WATCH_PROGRESS_H
#define MP2_CLUSTER_WATCH_PROGRESS_H

#include <stdint.h>

#include "cluster/watch/publish.h"

struct progress;

struct progress_options {
    const char *folder;        /* the run's; its last part is the run's name; NULL: no file, name is used */
    const char *name;          /* NULL: from the folder */
    struct watch_config watch; /* listen "" or NULL: no stream */
    int resume;                /* 0: metrics.jsonl starts empty; 1: it goes on, cut back to resume_step */
    uint64_t resume_step;      /* the last committed step: lines about later ones are removed */
};

/* Local. ST_INPUT: bad address or keys, a metrics file that is not one; ST_IO. A torn last line is cut off. */
status progress_new(const struct progress_options *options, struct progress **out);
void progress_destroy(struct progress **progress);

/* Local, any thread. body: a Run, Step, Router, Worker, Eval, Checkpoint or Event; stays the caller's. Task messages
 * are made here, from steps and evaluations. Nothing can fail: a file that cannot be written is reported by
 * progress_flush. */
void progress_post(struct progress *progress, const ProtobufCMessage *body);
void progress_show(struct progress *progress, const ProtobufCMessage *body);

/* Local. An Event in one line; text is printf's. */
void progress_event(struct progress *progress, Mp2__Event__Level level, const char *tag, uint64_t step,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Local. Ranks first … first + count - 1 are at work now: others that an earlier life of the run had are said to have
 * left. */
void progress_retire(struct progress *progress, uint32_t first, uint32_t count);

/* Local. Everything posted is with the operating system; ST_IO (reported, once) when it could not be written. */
status progress_flush(struct progress *progress);

/* Local. Where metrics.jsonl ends, and its end moved back to there: what was written since is about something that has
 * not been after all. The stream has said it. ST_IO (reported). */
int64_t progress_mark(struct progress *progress);
status progress_take_back(struct progress *progress, int64_t mark);

/* Local. The publisher, NULL without a stream. */
struct publisher *progress_publisher(struct progress *progress);

#endif
