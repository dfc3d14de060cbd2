/* Gradients of worker/README.md, "Exact gradients"; AdamW as PyTorch has it, in double on f32 state. */
#include "coordinator/prompt/parameters.h"

#include <math.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/base/random.h"
#include "coordinator/prompt/router.h"

static status moments_new(size_t count, struct moments *m)
{
    m->count = count;
    TRY(mem_alloc(count, sizeof(float), &m->value));
    TRY(mem_alloc(count, sizeof(float), &m->m));
    return mem_alloc(count, sizeof(float), &m->v);
}

static void moments_free(struct moments *m)
{
    mem_free(m->value);
    mem_free(m->m);
    mem_free(m->v);
}

static void fill_uniform(struct moments *x, struct random_key key, double centre, double half)
{
    for (size_t i = 0; i < x->count; i++) x->value[i] = (float)(centre + (2.0 * half * random_uniform(key, i) - half));
}

/* Task t's own modules are t own … t own + own - 1, around the K that there are. */
static int is_own(const struct parameters *p, int own, size_t task, size_t module)
{
    size_t modules = (size_t)p->modules;

    return (module + modules - task * (size_t)own % modules) % modules < (size_t)own;
}

static void fill_routers(struct parameters *p, const struct parameters_shape *shape, struct random_key key)
{
    size_t modules = (size_t)p->modules, gates = (size_t)p->layers * modules;
    float far = (float)(2.0 * fabs(shape->router_centre));

    fill_uniform(&p->router, key, shape->own > 0 ? -fabs(shape->router_centre) : shape->router_centre,
                 shape->router_start);
    for (size_t i = 0; i < p->router.count; i++)
        if (is_own(p, shape->own, i / gates, i % modules)) p->router.value[i] += far;
}

static void draw_start(struct parameters *p, const struct parameters_shape *shape, uint64_t seed)
{
    struct random_key root = random_seed(seed, RANDOM_INIT);
    struct random_key head = random_derive(root, 'h', 0, 0, 0);

    fill_uniform(&p->z, random_derive(root, 'z', 0, 0, 0), 0.0, shape->z_start);
    fill_routers(p, shape, random_derive(root, 'r', 0, 0, 0));
    for (size_t i = 0; i < p->head.count; i++)
        p->head.value[i] = (float)(0.02 * random_normal(head, i % (2 * (size_t)p->hidden)));
}

status parameters_new(const struct parameters_shape *shape, uint64_t seed, struct parameters **out)
{
    struct parameters *p;
    size_t gates = (size_t)shape->layers * (size_t)shape->modules, tasks = (size_t)shape->tasks, d = (size_t)shape->d;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *p, &p));
    *p = (struct parameters){.layers = shape->layers,
                             .modules = shape->modules,
                             .d = shape->d,
                             .hidden = shape->hidden,
                             .tasks = shape->tasks,
                             .heads = shape->heads,
                             .idle_rows = shape->idle_rows};
    s = moments_new(gates * d, &p->z);
    if (s == ST_OK) s = moments_new(tasks * gates, &p->router);
    if (s == ST_OK) s = moments_new((size_t)shape->heads * 2 * (size_t)shape->hidden, &p->head);
    if (s == ST_OK) s = mem_alloc((size_t)shape->heads, sizeof *p->head_applied, &p->head_applied);
    if (s == ST_OK) s = mem_alloc(tasks, sizeof *p->row_applied, &p->row_applied);
    if (s == ST_OK) s = mem_alloc(gates * d + tasks * gates + tasks + d, sizeof(double), &p->work);
    if (s != ST_OK) {
        parameters_destroy(&p);
        return s;
    }
    draw_start(p, shape, seed);
    *out = p;
    return ST_OK;
}

void parameters_destroy(struct parameters **pp)
{
    struct parameters *p = *pp;

    if (!p) return;
    moments_free(&p->z);
    moments_free(&p->router);
    moments_free(&p->head);
    mem_free(p->head_applied);
    mem_free(p->row_applied);
    mem_free(p->work);
    mem_free(p);
    *pp = NULL;
}

void parameters_draw(const struct parameters *p, struct group_draw *draw)
{
    int gates = p->layers * p->modules;
    double *u = p->work;

    for (int l = 0; l < p->layers; l++) {
        size_t at = (size_t)l * (size_t)p->modules;

        router_forward(p->modules, p->router.value + (size_t)draw->task * (size_t)gates + at,
                       draw->uniform ? draw->uniform + at : NULL, draw->tau, draw->s + at, draw->r + at);
        router_mix(p->modules, p->d, draw->r + at, p->z.value + at * (size_t)p->d, u);
        for (int i = 0; i < p->d; i++) draw->u[l * p->d + i] = (float)u[i];
    }
}

/* n numbers from `from` on with gradient g (n). */
static void moments_update(struct moments *x, size_t from, size_t n, const double *g, const struct adamw *w)
{
    for (size_t i = from; i < from + n; i++) {
        double grad = g[i - from], p = x->value[i] * (1.0 - w->lr * w->decay);
        double m = w->beta1 * x->m[i] + (1.0 - w->beta1) * grad;
        double v = w->beta2 * x->v[i] + (1.0 - w->beta2) * grad * grad;

        x->value[i] = (float)(p - w->lr / w->correction1 * m / (sqrt(v) / sqrt(w->correction2) + w->eps));
        x->m[i] = (float)m;
        x->v[i] = (float)v;
    }
}

static void update_routers(struct parameters *p, const struct rates *rates, const double *dtheta, const double *drawn)
{
    size_t gates = (size_t)p->layers * (size_t)p->modules;

    for (int t = 0; t < p->tasks; t++) {
        struct adamw w;

        if (!p->idle_rows && drawn[t] == 0.0) continue;
        p->row_applied[t]++;
        w = adamw_at(rates->router, &rates->adamw, p->row_applied[t]);
        moments_update(&p->router, (size_t)t * gates, gates, dtheta + (size_t)t * gates, &w);
    }
}

/* Of z and the routers, into p->work; drawn, after them: which tasks were drawn. */
struct gradients {
    double *dz, *dtheta, *drawn;
};

static struct gradients find_gradients(struct parameters *p, int groups, const struct group_draw *draws,
                                       const double *g)
{
    size_t gates = (size_t)p->layers * (size_t)p->modules, d = (size_t)p->d;
    double *dz = p->work, *dtheta = dz + p->z.count, *drawn = dtheta + p->router.count;
    double *weighted = drawn + p->tasks;

    memset(p->work, 0, (p->z.count + p->router.count + (size_t)p->tasks) * sizeof *p->work);
    for (int n = 0; n < groups; n++) {
        const struct group_draw *draw = &draws[n];

        drawn[draw->task] = 1.0;
        for (int l = 0; l < p->layers; l++) {
            size_t at = (size_t)l * (size_t)p->modules;
            const double *of_layer = g + ((size_t)n * (size_t)p->layers + (size_t)l) * d;

            for (size_t i = 0; i < d; i++) weighted[i] = draw->weight * of_layer[i];
            router_backward(p->modules, p->d, draw->s + at, draw->r + at, p->z.value + at * d, weighted,
                            draw->uniform ? draw->tau : 1.0, dz + at * (size_t)p->d,
                            dtheta + (size_t)draw->task * gates + at);
        }
    }
    return (struct gradients){dz, dtheta, drawn};
}

static void update_head(struct parameters *p, const struct rates *rates, int head, int groups,
                        const struct group_draw *draws, const double *gradients)
{
    size_t n = 2 * (size_t)p->hidden, from = (size_t)head * n;
    struct adamw w;
    int used = 0;

    for (int g = 0; g < groups; g++) used |= draws[g].head == head;
    if (!used) return;
    p->head_applied[head]++;
    w = adamw_at(rates->head, &rates->adamw, p->head_applied[head]);
    moments_update(&p->head, from, n, gradients + from, &w);
}

void parameters_update(struct parameters *p, const struct rates *rates, int groups, const struct group_draw *draws,
                       const double *g, const double *grad_head)
{
    struct gradients found = find_gradients(p, groups, draws, g);
    struct adamw of_z;

    p->applied++;
    of_z = adamw_at(rates->z, &rates->adamw, p->applied);
    moments_update(&p->z, 0, p->z.count, found.dz, &of_z);
    update_routers(p, rates, found.dtheta, found.drawn);
    for (int h = 0; h < p->heads; h++) update_head(p, rates, h, groups, draws, grad_head);
}

/* ---- norms ---- */

static double square(const double *x, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
    return sum;
}

double parameters_square(struct parameters *p, int groups, const struct group_draw *draws, const double *g,
                         const double *grad_head)
{
    struct gradients found = find_gradients(p, groups, draws, g);

    return square(found.dz, p->z.count) + square(found.dtheta, p->router.count) + square(grad_head, p->head.count);
}

/* In eight sums, so that one addition need not wait for the one before. */
static double dot(const float *x, const float *y, size_t n)
{
    double lane[8] = {0};
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++) lane[j] += (double)x[i + j] * (double)y[i + j];
    for (size_t j = 0; i < n; i++, j++) lane[j] += (double)x[i] * (double)y[i];
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

double parameters_square_of_a(const struct parameters *p, int groups, const struct group_draw *draws, int64_t columns,
                              const float *gradient)
{
    size_t d = (size_t)p->d, n = (size_t)columns, bank = (size_t)p->layers * n;
    double sum = 0;

    for (size_t l = 0; l < (size_t)p->layers; l++)
        for (int a = 0; a < groups; a++)
            for (int b = 0; b <= a; b++) {
                const float *of_a = gradient + (size_t)a * bank + l * n, *of_b = gradient + (size_t)b * bank + l * n;

                sum += (a == b ? 1 : 2) * draws[a].weight * draws[b].weight *
                       dot(draws[a].u + l * d, draws[b].u + l * d, d) * dot(of_a, of_b, n);
            }
    return sum;
}
