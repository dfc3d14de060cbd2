/* The case file of mp2 probe, every number of it checked before anything is computed. */
#include <math.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/probe/probe.h"

struct case_reader {
    const char *path;
    struct safetensors file;
    const struct model_config *model;
    const struct prompts_file *prompts;
    struct probe_case *c;
};

/* A named I64 tensor of this shape as int32, each in [least, most]. */
static status read_integers(const struct case_reader *r, const char *name, int rank, const int64_t *shape,
                            int64_t least, int64_t most, int32_t *out)
{
    const struct tensor *t;

    TRY(safetensors_expect(&r->file, name, TENSOR_I64, rank, shape, &t));
    for (int64_t i = 0; i < t->count; i++) {
        int64_t x;

        TRY(tensor_read_i64(r->path, t, i, 1, &x));
        if (x < least || x > most)
            return fault(ST_INPUT, "%s: %s, element %lld: found %lld, expected %lld to %lld", r->path, name,
                         (long long)i, (long long)x, (long long)least, (long long)most);
        out[i] = (int32_t)x;
    }
    return ST_OK;
}

static status read_sizes(struct case_reader *r)
{
    static const int64_t any[2] = {-1, -1};
    const int64_t prompt = 1 + r->prompts->tokens;
    const struct tensor *t;

    TRY(safetensors_expect(&r->file, "input_ids", TENSOR_I64, 2, any, &t));
    r->c->examples = t->shape[0];
    r->c->width = t->shape[1];
    if (r->c->examples < 1) return fault(ST_INPUT, "%s: input_ids: the batch is empty", r->path);
    if (r->c->width < prompt)
        return fault(ST_INPUT, "%s: input_ids: rows of %lld tokens have no room for [CLS] and a prompt of %lld",
                     r->path, (long long)r->c->width, (long long)r->prompts->tokens);
    if (r->c->width > r->model->positions)
        return fault(ST_INPUT, "%s: input_ids: rows of %lld tokens, but the model has %lld positions", r->path,
                     (long long)r->c->width, (long long)r->model->positions);
    if (r->c->examples > INT32_MAX / r->c->width)
        return fault(ST_INPUT, "%s: input_ids: %lld rows are too many", r->path, (long long)r->c->examples);
    return ST_OK;
}

static status read_rows(struct case_reader *r)
{
    struct probe_case *c = r->c;
    const int64_t grid[2] = {c->examples, c->width};

    TRY(mem_alloc((size_t)(c->examples * c->width), sizeof *c->ids, &c->ids));
    TRY(mem_alloc((size_t)c->examples, sizeof *c->length, &c->length));
    TRY(mem_alloc((size_t)c->examples, sizeof *c->start, &c->start));
    TRY(mem_alloc((size_t)c->examples, sizeof *c->end, &c->end));
    TRY(read_integers(r, "input_ids", 2, grid, 0, r->model->vocab - 1, c->ids));
    TRY(read_integers(r, "lengths", 1, grid, 1 + r->prompts->tokens, c->width, c->length));
    TRY(read_integers(r, "start_positions", 1, grid, 0, c->width - 1, c->start));
    TRY(read_integers(r, "end_positions", 1, grid, 0, c->width - 1, c->end));
    for (int64_t i = 0; i < c->examples; i++) {
        if (c->start[i] >= c->length[i] || c->end[i] >= c->length[i])
            return fault(ST_INPUT, "%s: row %lld: targets %d and %d, expected positions below its length %d", r->path,
                         (long long)i, c->start[i], c->end[i], c->length[i]);
        for (int64_t j = c->length[i]; j < c->width; j++)
            if (c->ids[i * c->width + j] != 0)
                return fault(ST_INPUT, "%s: input_ids, row %lld: found id %d behind its %d tokens, expected padding 0",
                             r->path, (long long)i, c->ids[i * c->width + j], c->length[i]);
    }
    return ST_OK;
}

static status read_task(struct case_reader *r)
{
    static const int64_t one[1] = {1};
    int32_t task = 0;

    TRY(read_integers(r, "task_id", 1, one, 0, r->prompts->tasks - 1, &task));
    r->c->task = task;
    return ST_OK;
}

static status read_uniform(struct case_reader *r)
{
    const int64_t shape[2] = {r->prompts->layers, r->prompts->modules};
    const double least = 0x1p-23;
    const struct tensor *t;

    if (!safetensors_find(&r->file, "router_uniform")) return ST_OK;
    TRY(safetensors_expect(&r->file, "router_uniform", TENSOR_F32, 2, shape, &t));
    TRY(mem_alloc((size_t)t->count, sizeof *r->c->uniform, &r->c->uniform));
    for (int64_t i = 0; i < t->count; i++) {
        float x;

        TRY(tensor_read_f32(r->path, t, i, 1, &x));
        if (!(x >= 0 && x <= 1))
            return fault(ST_INPUT, "%s: router_uniform, element %lld: found %g, expected 0 to 1", r->path, (long long)i,
                         (double)x);
        r->c->uniform[i] = fmin(fmax((double)x, least), 1 - least);
    }
    return ST_OK;
}

/* ---- what answers can be ---- */

static status wrong_answer(const struct case_reader *r, const char *name, int64_t row)
{
    return fault(ST_INPUT, "%s: %s, row %lld: the targets %d and %d are none of its answers", r->path, name,
                 (long long)row, r->c->start[row], r->c->end[row]);
}

/* A row's options among `most` places. */
static status check_options(const struct case_reader *r, int64_t row, int32_t most, struct answer_marks *m)
{
    const struct probe_case *c = r->c;
    int32_t(*option)[2] = c->option + row * most, last = -1;
    int64_t right;

    *m = NO_MARKS;
    m->option = (const int32_t(*)[2])option;
    while (m->options < most && option[m->options][0] >= 0) {
        int32_t i = m->options++;

        if (option[i][0] <= last || option[i][1] < option[i][0] || option[i][1] >= c->length[row])
            return fault(ST_INPUT,
                         "%s: options, row %lld, option %d: found tokens %d to %d, expected some behind the "
                         "last option's and below %d",
                         r->path, (long long)row, i, option[i][0], option[i][1], c->length[row]);
        last = option[i][1];
    }
    for (int32_t i = m->options; i < most; i++)
        if (option[i][0] != -1 || option[i][1] != -1 || m->options == 0)
            return fault(ST_INPUT, "%s: options, row %lld, option %d: expected -1 and -1 behind one or more options",
                         r->path, (long long)row, i);
    right = marks_candidate(m, c->start[row], 0);
    if (right < 0 || right != marks_candidate(m, c->end[row], 1)) return wrong_answer(r, "options", row);
    return ST_OK;
}

static status read_options(struct case_reader *r)
{
    struct probe_case *c = r->c;
    const int64_t shape[3] = {c->examples, -1, 2};
    const struct tensor *t;

    TRY(safetensors_expect(&r->file, "options", TENSOR_I64, 3, shape, &t));
    if (t->shape[1] < 1 || t->shape[1] > c->width)
        return fault(ST_INPUT, "%s: options: found %lld of them, expected 1 to %lld", r->path, (long long)t->shape[1],
                     (long long)c->width);
    TRY(mem_alloc((size_t)t->count / 2, sizeof *c->option, &c->option));
    TRY(read_integers(r, "options", 3, t->shape, -1, c->width - 1, &c->option[0][0]));
    for (int64_t i = 0; i < c->examples; i++) TRY(check_options(r, i, (int32_t)t->shape[1], &c->marks[i]));
    return ST_OK;
}

/* Two tokens a row: the context's, then those of "no answer". */
static status read_context(struct case_reader *r)
{
    struct probe_case *c = r->c;
    const int64_t shape[2] = {c->examples, 2};
    int none = safetensors_find(&r->file, "no_answer") != NULL;
    int32_t(*context)[2], (*no_answer)[2];

    TRY(mem_alloc(2 * (size_t)c->examples, sizeof *c->option, &c->option));
    context = c->option;
    no_answer = c->option + c->examples;
    TRY(read_integers(r, "context", 2, shape, 0, c->width - 1, &context[0][0]));
    if (none) TRY(read_integers(r, "no_answer", 2, shape, -1, c->width - 1, &no_answer[0][0]));
    for (int64_t i = 0; i < c->examples; i++) {
        int32_t first = none ? no_answer[i][0] : -1, last = none ? no_answer[i][1] : -1;

        if (context[i][1] < context[i][0] || context[i][1] >= c->length[i] || last < first || last >= c->length[i] ||
            (first < 0) != (last < 0) || (first >= 0 && first <= context[i][1] && last >= context[i][0]))
            return fault(ST_INPUT,
                         "%s: row %lld: found a context of tokens %d to %d and \"no answer\" at %d to %d, "
                         "expected them below %d and apart",
                         r->path, (long long)i, context[i][0], context[i][1], first, last, c->length[i]);
        c->marks[i] = (struct answer_marks){
            .context_first = context[i][0], .context_last = context[i][1], .none_first = first, .none_last = last};
        if (marks_candidate(&c->marks[i], c->start[i], 0) < 0 || marks_candidate(&c->marks[i], c->end[i], 1) < 0 ||
            (c->start[i] == first) != (c->end[i] == last))
            return wrong_answer(r, "context", i);
    }
    return ST_OK;
}

static status read_marks(struct case_reader *r)
{
    int options = safetensors_find(&r->file, "options") != NULL;

    if (options == (safetensors_find(&r->file, "context") != NULL))
        return fault(ST_INPUT, "%s: --loss answers: expected either options or context", r->path);
    TRY(mem_alloc((size_t)r->c->examples, sizeof *r->c->marks, &r->c->marks));
    return options ? read_options(r) : read_context(r);
}

status probe_case_load(const char *path, const struct model_config *model, const struct prompts_file *prompts,
                       enum loss_over loss, struct probe_case *out)
{
    struct case_reader r = {.path = path, .model = model, .prompts = prompts, .c = out};
    status s;

    memset(out, 0, sizeof *out);
    TRY(safetensors_open(path, &r.file));
    s = read_sizes(&r);
    if (s == ST_OK) s = read_rows(&r);
    if (s == ST_OK) s = read_task(&r);
    if (s == ST_OK) s = read_uniform(&r);
    if (s == ST_OK && loss == LOSS_ANSWERS) s = read_marks(&r);
    safetensors_close(&r.file);
    if (s != ST_OK) probe_case_free(out);
    return s;
}

void probe_case_free(struct probe_case *c)
{
    mem_free(c->ids);
    mem_free(c->length);
    mem_free(c->start);
    mem_free(c->end);
    mem_free(c->uniform);
    mem_free(c->marks);
    mem_free(c->option);
    memset(c, 0, sizeof *c);
}
