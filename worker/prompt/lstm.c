/* Rows of tokens times matrices (in, out): each product runs over its rows and then over `in`, so that its sums have
 * one order. */
#include "worker/prompt/lstm.h"

#include <math.h>
#include <string.h>

#include "cluster/base/random.h"

/* Where the parameters lie, in their array or in that of their gradients. */
struct places {
    size_t input[2], recurrent[2], bias[2], first, first_bias, second, second_bias, end;
};

static struct places places_of(const struct lstm *n)
{
    size_t h = (size_t)n->hidden, w = (size_t)n->width, at = 0;
    struct places p;

    for (int i = 0; i < 2; i++) {
        p.input[i] = at;
        p.recurrent[i] = p.input[i] + h * 4 * w;
        p.bias[i] = p.recurrent[i] + w * 4 * w;
        at = p.bias[i] + 4 * w;
    }
    p.first = at;
    p.first_bias = p.first + 2 * w * 2 * w;
    p.second = p.first_bias + 2 * w;
    p.second_bias = p.second + 2 * w * h;
    p.end = p.second_bias + h;
    return p;
}

/* What forward leaves: of each direction gates (P,4w) and cells (P,w); then h and relu(h W1 + b1), (P,2w) each. */
struct trace_places {
    size_t gates[2], cells[2], out, relu, end;
};

static struct trace_places trace_of(const struct lstm *n)
{
    size_t p = (size_t)n->tokens, w = (size_t)n->width;

    return (struct trace_places){.gates = {0, 4 * p * w},
                                 .cells = {8 * p * w, 9 * p * w},
                                 .out = 10 * p * w,
                                 .relu = 12 * p * w,
                                 .end = 14 * p * w};
}

size_t lstm_parameters(const struct lstm *n)
{
    return places_of(n).end;
}

size_t lstm_trace(const struct lstm *n)
{
    return trace_of(n).end;
}

/* Gradients of h (P,2w); of a token's first linear layer (2w), gates (4w) and cells (w). */
size_t lstm_scratch(const struct lstm *n)
{
    return (size_t)(2 * n->tokens * n->width + 7 * n->width);
}

static void fill(struct random_key key, size_t from, size_t end, double half, float *out)
{
    for (size_t i = from; i < end; i++) out[i] = (float)(2.0 * half * random_uniform(key, i) - half);
}

void lstm_init(const struct lstm *n, uint64_t seed, float *parameters)
{
    struct random_key key = random_derive(random_seed(seed, RANDOM_INIT), 'e', 0, 0, 0);
    struct places p = places_of(n);

    fill(key, 0, p.first, 1.0 / sqrt((double)n->width), parameters);
    fill(key, p.first, p.second, 1.0 / sqrt(2.0 * (double)n->width), parameters);
    memset(parameters + p.second, 0, (p.end - p.second) * sizeof *parameters);
}

/* ---- products ---- */

/* y (out) += x (in) m (in,out) */
static void add_product(const struct lstm *n, int64_t in, int64_t out, const float *x, const float *m, float *y)
{
    for (int64_t i = 0; i < in; i++) n->kernels->axpy(out, x[i], m + i * out, y);
}

/* dm (in,out) += x^T dy */
static void add_outer(const struct lstm *n, int64_t in, int64_t out, const float *x, const float *dy, float *dm)
{
    for (int64_t i = 0; i < in; i++) n->kernels->axpy(out, x[i], dy, dm + i * out);
}

/* dx (in) += m (in,out) dy, each number in double and eight lanes. */
static void add_back(int64_t in, int64_t out, const float *dy, const float *m, float *dx)
{
    for (int64_t i = 0; i < in; i++, m += out) {
        double lane[8] = {0};
        int64_t j = 0;

        for (; j + 8 <= out; j += 8)
            for (int k = 0; k < 8; k++) lane[k] += (double)dy[j + k] * (double)m[j + k];
        for (int k = 0; j < out; j++, k++) lane[k] += (double)dy[j] * (double)m[j];
        dx[i] += (float)(((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7])));
    }
}

/* ---- forward ---- */

static double sigmoid(double x)
{
    return x >= 0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}

/* The token that a direction reads at its step s. */
static int64_t token_at(const struct lstm *n, int direction, int64_t s)
{
    return direction == 0 ? s : n->tokens - 1 - s;
}

static void run_direction(const struct lstm *n, int direction, const float *parameters, const float *x, float *trace)
{
    struct places p = places_of(n);
    struct trace_places q = trace_of(n);
    int64_t w = n->width;
    const float *h_before = NULL, *c_before = NULL;

    for (int64_t s = 0; s < n->tokens; s++) {
        int64_t t = token_at(n, direction, s);
        float *gate = trace + q.gates[direction] + t * 4 * w, *cell = trace + q.cells[direction] + t * w;
        float *h = trace + q.out + t * 2 * w + direction * w;

        memcpy(gate, parameters + p.bias[direction], (size_t)(4 * w) * sizeof *gate);
        add_product(n, n->hidden, 4 * w, x + t * n->hidden, parameters + p.input[direction], gate);
        if (h_before) add_product(n, w, 4 * w, h_before, parameters + p.recurrent[direction], gate);
        for (int64_t j = 0; j < w; j++) {
            double in = sigmoid(gate[j]), forget = sigmoid(gate[w + j]), g = tanh(gate[2 * w + j]);
            double out = sigmoid(gate[3 * w + j]), c = in * g + (c_before ? forget * (double)c_before[j] : 0.0);

            gate[j] = (float)in;
            gate[w + j] = (float)forget;
            gate[2 * w + j] = (float)g;
            gate[3 * w + j] = (float)out;
            cell[j] = (float)c;
            h[j] = (float)(out * tanh(c));
        }
        h_before = h;
        c_before = cell;
    }
}

void lstm_forward(const struct lstm *n, const float *parameters, const float *x, float *trace, float *y)
{
    struct places p = places_of(n);
    struct trace_places q = trace_of(n);
    int64_t both = 2 * n->width;

    for (int direction = 0; direction < 2; direction++) run_direction(n, direction, parameters, x, trace);
    for (int64_t t = 0; t < n->tokens; t++) {
        float *relu = trace + q.relu + t * both, *row = y + t * n->hidden;

        memcpy(relu, parameters + p.first_bias, (size_t)both * sizeof *relu);
        add_product(n, both, both, trace + q.out + t * both, parameters + p.first, relu);
        for (int64_t j = 0; j < both; j++) relu[j] = relu[j] > 0 ? relu[j] : 0;
        memcpy(row, x + t * n->hidden, (size_t)n->hidden * sizeof *row);
        n->kernels->axpy(n->hidden, 1.0f, parameters + p.second_bias, row);
        add_product(n, both, n->hidden, relu, parameters + p.second, row);
    }
}

/* ---- backward ---- */

/* The head: d_out (P,2w) becomes the gradient of h. */
static void head_back(const struct lstm *n, const float *parameters, const float *trace, const float *dy, float *d_relu,
                      float *d_out, float *d_parameters)
{
    struct places p = places_of(n);
    struct trace_places q = trace_of(n);
    int64_t both = 2 * n->width;

    memset(d_out, 0, (size_t)(n->tokens * both) * sizeof *d_out);
    for (int64_t t = 0; t < n->tokens; t++) {
        const float *relu = trace + q.relu + t * both, *of_y = dy + t * n->hidden;

        n->kernels->axpy(n->hidden, 1.0f, of_y, d_parameters + p.second_bias);
        add_outer(n, both, n->hidden, relu, of_y, d_parameters + p.second);
        memset(d_relu, 0, (size_t)both * sizeof *d_relu);
        add_back(both, n->hidden, of_y, parameters + p.second, d_relu);
        for (int64_t j = 0; j < both; j++) d_relu[j] = relu[j] > 0 ? d_relu[j] : 0;
        n->kernels->axpy(both, 1.0f, d_relu, d_parameters + p.first_bias);
        add_outer(n, both, both, trace + q.out + t * both, d_relu, d_parameters + p.first);
        add_back(both, both, d_relu, parameters + p.first, d_out + t * both);
    }
}

/* One step of a direction: the gradient of its gates before their functions; dc becomes that of the cell before. */
static void gates_back(int64_t w, const float *gate, const float *cell, const float *c_before, const float *dh,
                       float *dc, float *d_gate)
{
    for (int64_t j = 0; j < w; j++) {
        double in = gate[j], forget = gate[w + j], g = gate[2 * w + j], out = gate[3 * w + j], th = tanh(cell[j]);
        double d = (double)dc[j] + (double)dh[j] * out * (1.0 - th * th);

        d_gate[j] = (float)(d * g * in * (1.0 - in));
        d_gate[w + j] = c_before ? (float)(d * (double)c_before[j] * forget * (1.0 - forget)) : 0.0f;
        d_gate[2 * w + j] = (float)(d * in * (1.0 - g * g));
        d_gate[3 * w + j] = (float)((double)dh[j] * th * out * (1.0 - out));
        dc[j] = (float)(d * forget);
    }
}

static void direction_back(const struct lstm *n, int direction, const float *parameters, const float *x,
                           const float *trace, float *d_out, float *d_gate, float *dc, float *dx, float *d_parameters)
{
    struct places p = places_of(n);
    struct trace_places q = trace_of(n);
    int64_t w = n->width;

    memset(dc, 0, (size_t)w * sizeof *dc);
    for (int64_t s = n->tokens - 1; s >= 0; s--) {
        int64_t t = token_at(n, direction, s), before = token_at(n, direction, s - 1);
        const float *cell = trace + q.cells[direction];

        gates_back(w, trace + q.gates[direction] + t * 4 * w, cell + t * w, s > 0 ? cell + before * w : NULL,
                   d_out + t * 2 * w + direction * w, dc, d_gate);
        n->kernels->axpy(4 * w, 1.0f, d_gate, d_parameters + p.bias[direction]);
        add_outer(n, n->hidden, 4 * w, x + t * n->hidden, d_gate, d_parameters + p.input[direction]);
        add_back(n->hidden, 4 * w, d_gate, parameters + p.input[direction], dx + t * n->hidden);
        if (s == 0) continue;
        add_outer(n, w, 4 * w, trace + q.out + before * 2 * w + direction * w, d_gate,
                  d_parameters + p.recurrent[direction]);
        add_back(w, 4 * w, d_gate, parameters + p.recurrent[direction], d_out + before * 2 * w + direction * w);
    }
}

void lstm_backward(const struct lstm *n, const float *parameters, const float *x, const float *trace, const float *dy,
                   float *scratch, float *dx, float *d_parameters)
{
    float *d_out = scratch, *d_relu = d_out + n->tokens * 2 * n->width, *d_gate = d_relu + 2 * n->width;
    float *dc = d_gate + 4 * n->width;

    memcpy(dx, dy, (size_t)(n->tokens * n->hidden) * sizeof *dx);
    head_back(n, parameters, trace, dy, d_relu, d_out, d_parameters);
    for (int direction = 0; direction < 2; direction++)
        direction_back(n, direction, parameters, x, trace, d_out, d_gate, dc, dx, d_parameters);
}
