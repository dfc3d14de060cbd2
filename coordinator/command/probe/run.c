/* The computation of mp2 probe: the batch in units, gradients by worker/README.md, "Exact gradients" (small algebra in
 * double), AdamW as the reference has it. */
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/probe/probe.h"
#include "coordinator/prompt/router.h"

static const size_t UNIT_BUDGET = (size_t)2 << 30; /* bytes of activations; a single example may take more */

static int64_t prompt_columns(const struct prompts_file *p)
{
    return p->tokens * p->hidden;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static status load_floats(const struct prompts_file *p, const struct tensor *t, float **out)
{
    TRY(mem_alloc((size_t)t->count, sizeof **out, out));
    return tensor_read_f32(p->file.path, t, 0, t->count, *out);
}

/* Row by row into the blocks of columns; moments are 0. */
static status load_a(struct probe_run *r)
{
    const struct prompts_file *p = r->prompts;
    int64_t n = prompt_columns(p);
    float *row;
    status s = ST_OK;

    TRY(mem_alloc((size_t)n, sizeof *row, &row));
    for (int64_t i = 0; i < p->layers * p->intrinsic && s == ST_OK; i++) {
        s = tensor_read_f32(p->file.path, p->a, i * n, n, row);
        for (int b = 0; b < r->columns.last && s == ST_OK; b++) {
            int64_t first = blocks_column(&r->columns.blocks, b), next = blocks_column(&r->columns.blocks, b + 1);
            float *block = columns_block(&r->columns, (int)(i / p->intrinsic), b);

            memcpy(block + i % p->intrinsic * BLOCK_COLUMNS, row + first, (size_t)(next - first) * sizeof *row);
        }
    }
    mem_free(row);
    file_map_drop(p->file.map.data, p->file.map.size);
    return s;
}

static status open_parameters(struct probe_run *r)
{
    const struct prompts_file *p = r->prompts;
    const struct blocks blocks = blocks_make(prompt_columns(p), 1);
    const struct tensor *small[] = {p->z, p->router, p->head};

    TRY(load_floats(p, p->z, &r->z));
    TRY(load_floats(p, p->router, &r->router));
    TRY(load_floats(p, p->head, &r->head));
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++) TRY(mem_alloc((size_t)small[i]->count, sizeof(float), &r->moments[i][j]));
    TRY(mem_alloc(columns_bytes(&blocks, 0, (int)p->layers, (int)p->intrinsic), 1, &r->columns_data));
    TRY(columns_open(&r->encoder->kernels, r->pool, &blocks, 0, (int)p->layers, (int)p->intrinsic, 1, r->columns_data,
                     &r->columns));
    return load_a(r);
}

static int32_t example_rows(const struct probe_run *r, int64_t example)
{
    int32_t tokens = r->options->attend_padding ? (int32_t)r->probe_case->width : r->probe_case->length[example];

    return unit_batch_rows(tokens, encoder_row_align(r->encoder));
}

/* The rows of the largest unit when units are aligned blocks of so many examples. */
static int64_t largest_unit(const struct probe_run *r, int32_t examples)
{
    int64_t most = 0, sum = 0;

    for (int64_t i = 0; i < r->probe_case->examples; i++) {
        sum = i % examples == 0 ? example_rows(r, i) : sum + example_rows(r, i);
        if (sum > most) most = sum;
    }
    return most;
}

static status open_unit(struct probe_run *r)
{
    int32_t size = 1, tokens = (int32_t)r->prompts->tokens, rows;
    int threads = r->options->threads;

    while (size < r->probe_case->examples &&
           largest_unit(r, 2 * size) <= unit_most_rows(r->encoder, 2 * size, tokens, threads, UNIT_TRAIN, UNIT_BUDGET))
        size *= 2;
    r->unit_examples = size;
    rows = (int32_t)largest_unit(r, size);
    TRY(unit_new(r->encoder, rows, size, tokens, threads, UNIT_TRAIN, &r->unit));
    TRY(unit_batch_init(&r->batch, size, rows, encoder_row_align(r->encoder)));
    TRY(mem_alloc((size_t)r->probe_case->width, 1, &r->read));
    return mem_alloc((size_t)rows * 2, sizeof *r->unit_logits, &r->unit_logits);
}

static status open_all(struct probe_run *r, const struct model_source *source)
{
    const struct prompts_file *p = r->prompts;
    const struct encoder_options options = {.precision = r->options->precision,
                                            .isa = ISA_AUTO,
                                            .engine = r->options->engine,
                                            .threads = r->options->threads,
                                            .check = 1,
                                            .int8 = r->options->int8};
    const struct packed_weights_source weights = packed_weights_from_model(source);

    TRY(pool_new(options.threads, &r->pool));
    TRY(encoder_new(model_source_config(source), &options, r->pool, &r->encoder));
    TRY(mem_alloc(encoder_weights_bytes(r->encoder), 1, &r->weights));
    TRY(encoder_weights_pack(r->encoder, &weights, NULL, r->weights));
    TRY(encoder_attach(r->encoder, r->weights));
    TRY(open_parameters(r));
    TRY(open_unit(r));
    TRY(mem_alloc((size_t)(p->layers * p->modules), sizeof *r->gates, &r->gates));
    TRY(mem_alloc((size_t)(p->layers * p->modules), sizeof *r->mix, &r->mix));
    TRY(mem_alloc((size_t)(p->layers * prompt_columns(p)), sizeof *r->prompt, &r->prompt));
    return mem_alloc((size_t)r->probe_case->examples, sizeof *r->example_loss, &r->example_loss);
}

status probe_run_open(const struct probe_options *options, const struct model_source *source,
                      const struct prompts_file *prompts, const struct probe_case *probe_case, struct probe_run *out)
{
    status s;

    memset(out, 0, sizeof *out);
    out->options = options;
    out->prompts = prompts;
    out->probe_case = probe_case;
    s = open_all(out, source);
    if (s != ST_OK) probe_run_close(out);
    return s;
}

void probe_run_close(struct probe_run *r)
{
    mem_free(r->example_loss);
    mem_free(r->prompt);
    mem_free(r->mix);
    mem_free(r->gates);
    mem_free(r->unit_logits);
    mem_free(r->read);
    unit_batch_fini(&r->batch);
    unit_destroy(&r->unit);
    if (r->columns.data) columns_close(&r->columns);
    mem_free(r->columns_data);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++) mem_free(r->moments[i][j]);
    mem_free(r->head);
    mem_free(r->router);
    mem_free(r->z);
    encoder_destroy(&r->encoder);
    mem_free(r->weights);
    pool_destroy(&r->pool);
    memset(r, 0, sizeof *r);
}

status probe_result_new(const struct probe_run *r, struct probe_result *out)
{
    const struct prompts_file *p = r->prompts;
    size_t grid = (size_t)(r->probe_case->examples * r->probe_case->width), gates = (size_t)(p->layers * p->modules);
    status s;

    memset(out, 0, sizeof *out);
    s = mem_alloc(grid, sizeof *out->start_logits, &out->start_logits);
    if (s == ST_OK) s = mem_alloc(grid, sizeof *out->end_logits, &out->end_logits);
    if (s == ST_OK) s = mem_alloc((size_t)(p->layers * p->intrinsic), sizeof *out->u, &out->u);
    if (s == ST_OK)
        s = mem_alloc((size_t)(p->layers * prompt_columns(p)), sizeof *out->grad_prompts, &out->grad_prompts);
    if (s == ST_OK) s = mem_alloc(gates * (size_t)p->intrinsic, sizeof *out->grad_z, &out->grad_z);
    if (s == ST_OK) s = mem_alloc(gates, sizeof *out->grad_router, &out->grad_router);
    if (s == ST_OK) s = mem_alloc((size_t)(2 * p->hidden), sizeof *out->grad_head, &out->grad_head);
    if (s != ST_OK) probe_result_free(out);
    return s;
}

void probe_result_free(struct probe_result *result)
{
    mem_free(result->start_logits);
    mem_free(result->end_logits);
    mem_free(result->u);
    mem_free(result->grad_prompts);
    mem_free(result->grad_z);
    mem_free(result->grad_router);
    mem_free(result->grad_head);
    memset(result, 0, sizeof *result);
}

/* ---- a pass ------------------------------------------------------------------------------------------------------ */

/* Logits of the task's router in layer l. */
static const float *task_router(const struct probe_run *r, int64_t l)
{
    const struct prompts_file *p = r->prompts;

    return r->router + (r->probe_case->task * p->layers + l) * p->modules;
}

/* Gates, u, and the prompts of every layer. */
static status compose(struct probe_run *r, struct probe_result *out)
{
    const struct prompts_file *p = r->prompts;
    int modules = (int)p->modules, d = (int)p->intrinsic;
    size_t count = (size_t)(p->layers * p->intrinsic);
    float *u;

    TRY(mem_alloc(count, sizeof *u, &u));
    for (int64_t l = 0; l < p->layers; l++) {
        const double *uniform = r->probe_case->uniform ? r->probe_case->uniform + l * modules : NULL;
        double *mix = r->mix + l * modules;

        router_forward(modules, task_router(r, l), uniform, 1.0, r->gates + l * modules, mix);
        router_mix(modules, d, mix, r->z + l * modules * d, out->u + l * d);
    }
    for (size_t i = 0; i < count; i++) u[i] = (float)out->u[i];
    columns_compose(&r->columns, 1, u, r->prompt);
    mem_free(u);
    return ST_OK;
}

static void fill_batch(struct probe_run *r, int64_t first)
{
    const struct probe_case *c = r->probe_case;
    int32_t width = r->options->attend_padding ? (int32_t)c->width : 0;

    unit_batch_clear(&r->batch, (int32_t)first);
    for (int64_t i = first; i < first + r->unit_examples && i < c->examples; i++)
        unit_batch_add(&r->batch, c->ids + i * c->width, c->length[i], width, c->start[i], c->end[i]);
}

static void keep_logits(const struct probe_run *r, int64_t first, struct probe_result *out)
{
    const struct unit_batch *b = &r->batch;

    for (int32_t e = 0; e < b->examples; e++) {
        memset(r->read, !r->probe_case->marks, (size_t)r->probe_case->width);
        if (r->probe_case->marks) marks_read(&r->probe_case->marks[first + e], b->length[e], r->read);
        for (int32_t i = 0; i < b->length[e]; i++) {
            int64_t at = (first + e) * r->probe_case->width + i;

            out->start_logits[at] = r->read[i] ? r->unit_logits[2 * (b->row[e] + i)] : 0;
            out->end_logits[at] = r->read[i] ? r->unit_logits[2 * (b->row[e] + i) + 1] : 0;
        }
    }
}

/* One unit; its gradients become a node of both trees. */
static status run_unit(struct probe_run *r, int64_t first, struct tree_sum *prompts, struct tree_sum *heads,
                       struct probe_result *out)
{
    const struct prompts_file *p = r->prompts;
    const struct tree_node node = {(int32_t)first, r->unit_examples};
    struct unit_inputs in = {.batch = &r->batch,
                             .head = r->head,
                             .batch_examples = (int32_t)r->probe_case->examples,
                             .prompts = {(int32_t)p->layers, (int32_t)p->tokens, r->prompt},
                             .marks = r->probe_case->marks ? r->probe_case->marks + first : NULL};
    struct unit_outputs to = {.loss = r->example_loss + first, .logits = r->unit_logits};
    void *prompt_node, *head_node;

    TRY(tree_sum_take(prompts, &prompt_node));
    TRY(tree_sum_take(heads, &head_node));
    to.grad_prompts = prompt_node;
    to.grad_head = head_node;
    fill_batch(r, first);
    TRY(unit_train(r->unit, r->encoder, r->pool, &in, &to));
    keep_logits(r, first, out);
    TRY(tree_sum_add(prompts, node, prompt_node));
    return tree_sum_add(heads, node, head_node);
}

static status run_units(struct probe_run *r, struct probe_result *out)
{
    const struct prompts_file *p = r->prompts;
    int32_t examples = (int32_t)r->probe_case->examples;
    size_t prompt_floats = (size_t)(p->layers * prompt_columns(p)), head_floats = (size_t)(2 * p->hidden);
    struct tree_sum prompts, heads;
    status s = ST_OK;

    tree_sum_init(&prompts, examples, TREE_FLOAT, prompt_floats);
    tree_sum_init(&heads, examples, TREE_FLOAT, head_floats);
    for (int64_t first = 0; first < examples && s == ST_OK; first += r->unit_examples)
        s = run_unit(r, first, &prompts, &heads, out);
    if (s == ST_OK) {
        memcpy(out->grad_prompts, tree_sum_root(&prompts), prompt_floats * sizeof(float));
        memcpy(out->grad_head, tree_sum_root(&heads), head_floats * sizeof(float));
        out->loss = 0;
        for (int32_t i = 0; i < examples; i++) out->loss += r->example_loss[i];
        out->loss /= examples;
    }
    tree_sum_fini(&heads);
    tree_sum_fini(&prompts);
    return s;
}

/* From the prompts' gradients to z's and the router's. */
static status run_grad_u(struct probe_run *r, struct probe_result *out)
{
    const struct prompts_file *p = r->prompts;
    int modules = (int)p->modules, d = (int)p->intrinsic;
    double *dz, dtheta[ROUTER_MODULES_MOST];

    TRY(columns_grad_u(&r->columns, 1, out->grad_prompts));
    TRY(mem_alloc((size_t)(modules * d), sizeof *dz, &dz));
    for (int l = 0; l < p->layers; l++) {
        const double *g = tree_sum_root(&r->columns.grad_u[l]);

        memset(dz, 0, (size_t)(modules * d) * sizeof *dz);
        memset(dtheta, 0, sizeof dtheta);
        router_backward(modules, d, r->gates + l * modules, r->mix + l * modules, r->z + l * modules * d, g, 1.0, dz,
                        dtheta);
        for (int i = 0; i < modules * d; i++) out->grad_z[l * modules * d + i] = (float)dz[i];
        for (int k = 0; k < modules; k++) out->grad_router[l * modules + k] = (float)dtheta[k];
    }
    mem_free(dz);
    return ST_OK;
}

status probe_pass(struct probe_run *r, struct probe_result *out)
{
    TRY(compose(r, out));
    TRY(run_units(r, out));
    return run_grad_u(r, out);
}

/* ---- updates ----------------------------------------------------------------------------------------------------- */

static struct adamw adamw_of(double lr, int count)
{
    return adamw_at(lr, &(struct adamw_options){.beta1 = .9, .beta2 = .999, .eps = 1e-8, .decay = .01}, count);
}

/* Every row of the router moves, those of other tasks with gradient 0 (worker/README.md, Q11). */
static status update_router(struct probe_run *r, const struct probe_result *result, const struct adamw *w)
{
    const struct prompts_file *p = r->prompts;
    int64_t row = p->layers * p->modules;
    float *gradient;

    TRY(mem_alloc((size_t)(p->tasks * row), sizeof *gradient, &gradient));
    memcpy(gradient + r->probe_case->task * row, result->grad_router, (size_t)row * sizeof *gradient);
    r->encoder->kernels.adamw(w, p->tasks * row, gradient, r->router, r->moments[1][0], r->moments[1][1]);
    mem_free(gradient);
    return ST_OK;
}

static status update_a(struct probe_run *r, const struct probe_result *result, const struct adamw *w)
{
    size_t count = (size_t)(r->prompts->layers * r->prompts->intrinsic);
    float *u;

    TRY(mem_alloc(count, sizeof *u, &u));
    for (size_t i = 0; i < count; i++) u[i] = (float)result->u[i];
    columns_update(&r->columns, w, 1, u, result->grad_prompts, 0, NULL, NULL);
    mem_free(u);
    return ST_OK;
}

status probe_update(struct probe_run *r, const struct probe_result *result, int count)
{
    const struct prompts_file *p = r->prompts;
    const struct adamw slow = adamw_of(1e-4, count), fast = adamw_of(5e-4, count);

    TRY(update_router(r, result, &fast));
    TRY(update_a(r, result, &slow));
    r->encoder->kernels.adamw(&slow, p->layers * p->modules * p->intrinsic, result->grad_z, r->z, r->moments[0][0],
                              r->moments[0][1]);
    r->encoder->kernels.adamw(&slow, 2 * p->hidden, result->grad_head, r->head, r->moments[2][0], r->moments[2][1]);
    return ST_OK;
}
