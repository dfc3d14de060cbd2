/* What the coordinator owns of the prompts: z, routers, head, with their AdamW moments (coordinator/README.md, "Who
 * owns what"). Values are f32, the arithmetic between them double, so that the same bits come out wherever it runs
 * (worker/README.md, "The coordinator's arithmetic"). Shapes (worker/README.md, "Tensors"; shallow: layers = 1):  z
 * (L,K,d)   router (T,L,K)   head (2,H). */
#ifndef MP2_COORDINATOR_PROMPT_PARAMETERS_H
#define MP2_COORDINATOR_PROMPT_PARAMETERS_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "worker/kernel/adamw.h"

struct moments {
    float *value, *m, *v;
    size_t count;
};

struct parameters {
    int layers, modules, d, hidden, tasks, heads;
    struct moments z, router, head; /* head (heads,2,H) */
    int64_t applied;                /* AdamW steps taken by A, z and head */
    int64_t *head_applied;          /* (heads) by each head: it moves in steps that use it */
    int64_t *row_applied;           /* (T) by each router row; equal to applied with idle_rows */
    int idle_rows; /* reference: AdamW moves the rows of all tasks every step (worker/README.md, Q11) */
    double *work;  /* gates, gradients */
};

/* One group of a step, as the coordinator sees it. All arrays are the caller's. */
struct group_draw {
    int task, head;        /* head: which of them the group uses */
    const double *uniform; /* (L,K) router noise, NULL: evaluation mode */
    double tau;
    double weight; /* of its gradient in an update: g and its G are multiplied by it */
    double *s, *r; /* (L,K) out: gates and normalised gates */
    float *u;      /* (L,d) out: what workers multiply A with */
};

/* Learning rates of a step, and what AdamW has besides. */
struct rates {
    double router, z, a, head;
    struct adamw_options adamw;
};

struct parameters_shape {
    int layers, modules, d, hidden, tasks, heads;
    int idle_rows;                               /* see above */
    int own;                                     /* modules of its own that a task begins with; the reference's: 0 */
    double z_start, router_start, router_centre; /* see parameters_new; the reference's: 1e-3, 1e-3, 0 */
};

/* Local. First values, functions of the seed: z ~ U(-z_start, z_start), head ~ N(0, .02),
 * router ~ router_centre + U(-router_start, router_start); with `own`, |router_centre| for the task's own modules and
 * -|router_centre| for the others. */
status parameters_new(const struct parameters_shape *shape, uint64_t seed, struct parameters **out);
void parameters_destroy(struct parameters **p);

/* Local. Gates of a group and u_l = sum_k r_lk z_lk. */
void parameters_draw(const struct parameters *p, struct group_draw *draw);

/* Local. One AdamW step of z, the routers and the head from g = A G (groups,L,d), each times its draw's weight, and the
 * heads' gradients (heads,2,H), weighted already; both divided as the loss is. Counts `applied` up first, so that
 * workers use the same count for A. */
void parameters_update(struct parameters *p, const struct rates *rates, int groups, const struct group_draw *draws,
                       const double *g, const double *grad_head);

/* Local. The sum of squares of the gradients that parameters_update takes them for: of z, the routers and the head. */
double parameters_square(struct parameters *p, int groups, const struct group_draw *draws, const double *g,
                         const double *grad_head);
/* Local. That of A's gradient, the sum over groups of u_l^T G_l for each layer, from the scalar products of the u and
 * the G: dA is not made. G (groups,layers,columns). */
double parameters_square_of_a(const struct parameters *p, int groups, const struct group_draw *draws, int64_t columns,
                              const float *gradient);

#endif
