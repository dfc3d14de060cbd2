/* The dev curve of a cell, whatever optimises: dev checks, the best state so far, the learning curve, what is told to
 * those who watch. Coordinator only.
 *
 * The best state is the one with the highest dev score; of equal ones that with the lowest training loss; of equal
 * ones the first. The untuned state is the first check of every cell, so there always is a best one (worker/README.md,
 * Q17). The test split is not seen here. */
#ifndef MP2_COORDINATOR_TUNE_DEV_CURVE_H
#define MP2_COORDINATOR_TUNE_DEV_CURVE_H

#include "cluster/base/bar.h"
#include "cluster/store/run_folder.h"
#include "cluster/watch/progress.h"
#include "coordinator/data/few_shot.h"
#include "coordinator/tune/oracle.h"

enum { DEV_CURVE_STAGE_BYTES = 24 };

/* One dev check: a point of the curve. */
struct dev_curve_point {
    char stage[DEV_CURVE_STAGE_BYTES]; /* "start", "router", "prompt", … */
    int64_t step;                      /* gradient steps so far, all stages */
    int64_t evaluations;               /* losses evaluated so far (black box) */
    double loss;                       /* training loss of the state that was checked */
    double dev, dev_loss;              /* set by the check */
    int best;                          /* set by the check: it is the best so far */
};

/* The state that is checked and kept. Arrays are the caller's. */
struct dev_curve_state {
    const float *prompts; /* (layers,P,H), composed */
    const float *head;    /* (2,H) */
    const double *gates;  /* (layers,K) normalised; NULL: the method has no router */
};

/* What all cells of a run share with those who watch; any of it may be NULL. */
struct dev_curve_watch {
    struct progress *progress;
    struct bar *bar;
    struct run_folder *folder; /* asked whether to stop */
    int64_t base;              /* steps of the run before this cell */
};

struct dev_curve {
    struct oracle *oracle;
    const char *task, *method, *metric;
    int64_t seed;
    const struct few_shot *draw;
    struct dev_curve_watch watch;
    char curve_path[4096];               /* curve.jsonl */
    char phase[160];                     /* "gradient chnsenticorp seed 8" */
    size_t bank, gate_count, head_count; /* floats of prompts; gates; floats of the head */
    int64_t done;                        /* steps or evaluations, for the bar */
    double told;                         /* when a step was shown last */
    double untuned_dev;                  /* of the first check */
    struct dev_curve_point best;         /* of the best state */
    float *best_prompts, *best_head;
    double *best_gates;
    struct dev_curve_point *points;
    size_t count, room;
};

/* Local. layers, tokens, hidden: of the prompts; modules 0: no router. folder: the cell's. Texts stay the caller's. */
struct dev_curve_sizes {
    int32_t layers, tokens, hidden, modules;
};
status dev_curve_open(struct dev_curve *c, const struct dev_curve_sizes *sizes, const char *folder);
void dev_curve_close(struct dev_curve *c);

/* Score the dev examples, keep the state if it is the best, add the point to the curve. ST_NUMBER (reported) when
 * at->loss is not finite; nothing is kept of it. */
status dev_curve_check(struct dev_curve *c, struct dev_curve_point *at, const struct dev_curve_state *state);
/* The same with dev scores known already (at->dev, at->dev_loss): for replay. */
status dev_curve_note(struct dev_curve *c, struct dev_curve_point *at, const struct dev_curve_state *state);

/* Take over the curve of a snapshot, whose best state the caller has put into best_prompts, best_head, best_gates. */
status dev_curve_resume(struct dev_curve *c, const struct dev_curve_point *points, size_t count);

/* A point as numbers, for snapshots; the stage is the caller's to number (and to name again). */
enum { DEV_CURVE_NUMBERS = 7 };
void dev_curve_put_point(const struct dev_curve_point *p, int stage, double to[DEV_CURVE_NUMBERS]);
int dev_curve_take_point(const double from[DEV_CURVE_NUMBERS], struct dev_curve_point *p);

/* A step or an evaluation is done: `done` of the cell so far. Message, bar. replayed: without a message. */
void dev_curve_step(struct dev_curve *c, const char *stage, int64_t done, double loss, int replayed);

/* 1 when the run was asked to stop (mp2 stop, SIGUSR1): what is known is durable already; return ST_END and the cell
 * goes on from there next time. */
int dev_curve_stopped(struct dev_curve *c);

#endif
