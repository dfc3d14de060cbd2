/* The encoder by itself: the same bits for any units, threads and engine's cut of rows; prompt gradients against
 * finite differences with dropout on; ranges of layers against the whole. (Values:
 * tests/coordinator/command/probe/test_probe.c.) */
#include <math.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/comm/tree.h"
#include "tests/support/support.h"
#include "worker/train/unit.h"

enum { LAYERS = 3, HIDDEN = 64, TOKENS = 5, EXAMPLES = 7, LONGEST = 150, BANK = LAYERS * TOKENS * HIDDEN };

static const int32_t lengths[EXAMPLES] = {150, 37, 64, 8, 131, 90, 16};

struct machine {
    struct pool *pool;
    struct encoder *encoder;
    void *weights;
    int threads;
    enum loss_over loss;
};

struct outcome {
    double loss[EXAMPLES];
    float prompts[BANK], head[2 * HIDDEN];
};

static void machine_open_as(struct machine *m, enum number precision, enum matmul_engine engine, int threads, int int8)
{
    const struct model_config config = {.layers = LAYERS,
                                        .hidden = HIDDEN,
                                        .heads = 4,
                                        .feed_forward = 128,
                                        .positions = LONGEST,
                                        .vocab = 100,
                                        .types = 2,
                                        .eps = 1e-12,
                                        .hidden_dropout = .1,
                                        .attention_dropout = .1};
    const struct encoder_options options = {
        .precision = precision, .isa = ISA_AUTO, .engine = engine, .threads = threads, .check = 1, .int8 = int8};
    const struct random_key key = random_seed(3, RANDOM_INIT);
    const struct packed_weights_source source = packed_weights_from_random(&key);

    m->threads = threads;
    m->loss = LOSS_ANSWERS;
    assert_int_equal(pool_new(threads, &m->pool), ST_OK);
    assert_int_equal(encoder_new(&config, &options, m->pool, &m->encoder), ST_OK);
    assert_int_equal(mem_alloc(encoder_weights_bytes(m->encoder), 1, &m->weights), ST_OK);
    assert_int_equal(encoder_weights_pack(m->encoder, &source, NULL, m->weights), ST_OK);
    assert_int_equal(encoder_attach(m->encoder, m->weights), ST_OK);
}

static void machine_open(struct machine *m, enum number precision, enum matmul_engine engine, int threads)
{
    machine_open_as(m, precision, engine, threads, 0);
}

static void machine_close(struct machine *m)
{
    encoder_destroy(&m->encoder);
    mem_free(m->weights);
    pool_destroy(&m->pool);
}

static float *random_floats(size_t n, float size, uint32_t purpose)
{
    const struct random_key key = random_derive(random_seed(4, RANDOM_INIT), purpose, 0, 0, 0);
    float *x;

    assert_int_equal(mem_alloc(n, sizeof *x, &x), ST_OK);
    for (size_t i = 0; i < n; i++) x[i] = size * (float)random_normal(key, i);
    return x;
}

static struct answer_marks marks[EXAMPLES];
static int32_t option_tokens[EXAMPLES][3][2];

/* One to three options at the end, the first of which is right; a context after "no answer"; a context alone. */
static void mark(int e)
{
    int32_t last = lengths[e] - 1;

    marks[e] = NO_MARKS;
    if (e % 3 == 0) {
        marks[e].options = 1 + (e > 0) + (e > 3);
        for (int i = 0; i < marks[e].options; i++)
            option_tokens[e][i][1] = (option_tokens[e][i][0] = last - 3 * i) + (i > 0);
        marks[e].option = (const int32_t(*)[2])option_tokens[e];
        return;
    }
    marks[e].context_first = e % 3 == 1 ? 8 : 6;
    marks[e].context_last = last;
    if (e % 3 == 1) marks[e].none_first = (marks[e].none_last = 7) - 1;
}

/* The answer: an option's, "no answer", the context's first token. */
static int32_t answer(int e, int end)
{
    if (e % 3 == 0) return lengths[e] - 1;
    return e % 3 == 1 ? 6 + end : 6;
}

static void add_examples(struct unit_batch *b, int first, int count)
{
    int32_t ids[LONGEST];

    unit_batch_clear(b, first);
    for (int e = first; e < first + count && e < EXAMPLES; e++) {
        for (int i = 0; i < lengths[e]; i++) ids[i] = (e * 31 + i * 17) % 100;
        mark(e);
        assert_true(unit_batch_add(b, ids, lengths[e], 0, answer(e, 0), answer(e, 1)));
    }
}

static int32_t all_rows(const struct encoder *e)
{
    int32_t rows = 0;

    for (int i = 0; i < EXAMPLES; i++) rows += unit_batch_rows(lengths[i], encoder_row_align(e));
    return rows;
}

/* The whole batch in units of so many examples; partial sums go through the batch's tree. */
static void run(const struct machine *m, int unit_examples, int layers, const float *prompts, const float *head,
                struct outcome *out)
{
    size_t bank = (size_t)layers * TOKENS * HIDDEN;
    struct tree_sum sum_prompts, sum_head;
    struct unit_batch b;
    struct unit *u;

    tree_sum_init(&sum_prompts, EXAMPLES, TREE_FLOAT, bank);
    tree_sum_init(&sum_head, EXAMPLES, TREE_FLOAT, 2 * HIDDEN);
    assert_int_equal(unit_batch_init(&b, unit_examples, all_rows(m->encoder), encoder_row_align(m->encoder)), ST_OK);
    assert_int_equal(unit_new(m->encoder, all_rows(m->encoder), unit_examples, TOKENS, m->threads, UNIT_TRAIN, &u),
                     ST_OK);
    for (int first = 0; first < EXAMPLES; first += unit_examples) {
        struct unit_inputs in = {.batch = &b,
                                 .prompts = {layers, TOKENS, prompts},
                                 .head = head,
                                 .dropout = {1, random_seed(5, RANDOM_DROPOUT)},
                                 .batch_examples = EXAMPLES,
                                 .marks = marks + first,
                                 .loss = m->loss};
        struct unit_outputs to = {.loss = out->loss + first};
        void *prompt_node, *head_node;

        assert_int_equal(tree_sum_take(&sum_prompts, &prompt_node), ST_OK);
        assert_int_equal(tree_sum_take(&sum_head, &head_node), ST_OK);
        to.grad_prompts = prompt_node;
        to.grad_head = head_node;
        add_examples(&b, first, unit_examples);
        assert_int_equal(unit_train(u, m->encoder, m->pool, &in, &to), ST_OK);
        assert_int_equal(tree_sum_add(&sum_prompts, (struct tree_node){first, unit_examples}, prompt_node), ST_OK);
        assert_int_equal(tree_sum_add(&sum_head, (struct tree_node){first, unit_examples}, head_node), ST_OK);
    }
    memcpy(out->prompts, tree_sum_root(&sum_prompts), bank * sizeof(float));
    memcpy(out->head, tree_sum_root(&sum_head), sizeof out->head);
    unit_destroy(&u);
    unit_batch_fini(&b);
    tree_sum_fini(&sum_head);
    tree_sum_fini(&sum_prompts);
}

/* ---- bits -------------------------------------------------------------------------------------------------------- */

static void check_bits_of(enum number precision, enum matmul_engine engine, int int8, int layers, int by_example,
                          enum loss_over loss)
{
    float *prompts = random_floats(BANK, 1, 1), *head = random_floats(2 * HIDDEN, 1, 2);
    static struct outcome first, other;

    memset(&first, 0, sizeof first);
    for (int threads = 1; threads <= 3; threads++) {
        struct machine m;

        machine_open_as(&m, precision, engine, threads, int8);
        assert_int_not_equal(m.encoder->exact, EXACT_NONE);
        m.loss = loss;
        if (by_example) m.encoder->exact = EXACT_EXAMPLE;
        for (int size = 8; size >= 1; size /= 2) {
            memset(&other, 0, sizeof other);
            run(&m, size, layers, prompts, head, threads == 1 && size == 8 ? &first : &other);
            if (threads > 1 || size < 8) assert_memory_equal(&first, &other, sizeof first);
        }
        machine_close(&m);
    }
    for (int i = 0; i < BANK / LAYERS * layers; i++) assert_true(isfinite(first.prompts[i]));
    assert_true(first.prompts[0] != 0);
    mem_free(head);
    mem_free(prompts);
}

static void check_bits(enum number precision, enum matmul_engine engine, int layers, int by_example)
{
    check_bits_of(precision, engine, 0, layers, by_example, LOSS_ANSWERS);
    check_bits_of(precision, engine, 0, layers, by_example, LOSS_ALL);
}

static void test_bits_f32(void **state)
{
    (void)state;
    check_bits(NUMBER_F32, ENGINE_ONEDNN, LAYERS, 0);
    check_bits(NUMBER_F32, ENGINE_ONEDNN, 1, 0);
}

static void test_bits_by_example(void **state)
{
    (void)state;
    check_bits(NUMBER_F32, ENGINE_ONEDNN, LAYERS, 1);
}

static void test_bits_openblas(void **state)
{
    (void)state;
    check_bits(NUMBER_F32, ENGINE_OPENBLAS, LAYERS, 0);
}

static void test_bits_bf16(void **state)
{
    (void)state;
    if (!matmul_has_bf16()) test_skip("this CPU has no AVX-512 BF16");
    check_bits(NUMBER_BF16, ENGINE_ONEDNN, LAYERS, 0);
    check_bits(NUMBER_BF16, ENGINE_ONEDNN, LAYERS, 1);
}

static void test_bits_int8(void **state)
{
    (void)state;
    if (!matmul_has_int8()) test_skip("this CPU has no AVX-512 VNNI");
    check_bits_of(NUMBER_F32, ENGINE_ONEDNN, 1, LAYERS, 0, LOSS_ANSWERS);
    check_bits_of(NUMBER_F32, ENGINE_ONEDNN, 1, 1, 0, LOSS_ALL);
    if (matmul_has_bf16()) check_bits_of(NUMBER_BF16, ENGINE_ONEDNN, 1, LAYERS, 0, LOSS_ANSWERS);
}

/* ---- finite differences ------------------------------------------------------------------------------------------ */

static double mean_loss(const struct outcome *o)
{
    double sum = 0;

    for (int i = 0; i < EXAMPLES; i++) sum += o->loss[i];
    return sum / EXAMPLES;
}

/* (L(x + h d) - L(x - h d)) / 2h against gradient . d; x is moved in place and put back. */
static void check_slope(const struct machine *m, int layers, float *prompts, float *head, float *x, size_t n,
                        const float *gradient, const char *what)
{
    float *direction = random_floats(n, 1, 9), *kept = random_floats(n, 1, 9);
    static struct outcome up, down;
    const double h = 2e-3;
    double slope = 0, found, size = 0;

    memcpy(kept, x, n * sizeof *x);
    for (size_t i = 0; i < n; i++) size += (double)gradient[i] * (double)gradient[i];
    /* Half along the gradient, so that the slope is well above rounding, half anywhere. */
    for (size_t i = 0; i < n; i++)
        direction[i] = (float)((double)gradient[i] / sqrt(size) + .3 * (double)direction[i] / sqrt((double)n));
    for (size_t i = 0; i < n; i++) slope += (double)gradient[i] * (double)direction[i];
    for (size_t i = 0; i < n; i++) x[i] = kept[i] + (float)h * direction[i];
    run(m, 8, layers, prompts, head, &up);
    for (size_t i = 0; i < n; i++) x[i] = kept[i] - (float)h * direction[i];
    run(m, 8, layers, prompts, head, &down);
    memcpy(x, kept, n * sizeof *x);
    found = (mean_loss(&up) - mean_loss(&down)) / (2 * h);
    print_message("%s: slope %.8f, by differences %.8f\n", what, slope, found);
    assert_true(fabs(found - slope) <= 2e-3 * fabs(slope));
    mem_free(kept);
    mem_free(direction);
}

static void check_differences(enum loss_over loss, int by_example)
{
    float *prompts = random_floats(BANK, .5f, 1), *head = random_floats(2 * HIDDEN, 1, 2);
    static struct outcome at;
    struct machine m;

    machine_open(&m, NUMBER_F32, ENGINE_ONEDNN, 2);
    m.loss = loss;
    if (by_example) m.encoder->exact = EXACT_EXAMPLE;
    for (int layers = LAYERS; layers >= 1; layers -= LAYERS - 1) {
        size_t one = TOKENS * HIDDEN;

        run(&m, 8, layers, prompts, head, &at);
        check_slope(&m, layers, prompts, head, head, 2 * HIDDEN, at.head, "head");
        for (int l = 0; l < layers; l++)
            check_slope(&m, layers, prompts, head, prompts + (size_t)l * one, one, at.prompts + (size_t)l * one,
                        "prompt of a layer");
    }
    machine_close(&m);
    mem_free(head);
    mem_free(prompts);
}

static void test_differences(void **state)
{
    (void)state;
    check_differences(LOSS_ANSWERS, 0);
    check_differences(LOSS_ANSWERS, 1);
    check_differences(LOSS_ALL, 0);
}

/* ---- some rows alone ---- */

/* The tokens that answers are read from: logits and losses are those of the whole, to the bit. */
static void check_rows(enum number precision, int threads, int by_example, int first, int int8)
{
    float *values = random_floats(BANK, 1, 1), *head = random_floats(2 * HIDDEN, 1, 2);
    static float whole[2 * 600], some[2 * 600];
    double loss[2][EXAMPLES];
    char read[600] = {0};
    struct machine m;
    struct unit_batch b;
    struct unit *u;

    machine_open_as(&m, precision, ENGINE_ONEDNN, threads, int8);
    if (by_example) m.encoder->exact = EXACT_EXAMPLE;
    assert_int_equal(unit_batch_init(&b, EXAMPLES, all_rows(m.encoder), encoder_row_align(m.encoder)), ST_OK);
    assert_int_equal(unit_new(m.encoder, all_rows(m.encoder), EXAMPLES, TOKENS, threads, UNIT_EVALUATE, &u), ST_OK);
    add_examples(&b, 0, EXAMPLES);
    assert_in_range(b.rows, 1, 600);
    marks[2] = NO_MARKS; /* nothing is read */
    b.start[2] = -1;
    marks[4].reference = 1; /* all is read */
    for (int e = 0; e < EXAMPLES; e++) marks_read(&marks[e], b.length[e], read + b.row[e]);
    for (int narrow = 0; narrow < 2; narrow++) {
        struct unit_inputs in = {.batch = &b,
                                 .prompts = {LAYERS, TOKENS, values},
                                 .head = head,
                                 .batch_examples = 1,
                                 .marks = marks,
                                 .loss = narrow ? LOSS_ANSWERS : LOSS_ALL};
        struct unit_outputs out = {.loss = loss[narrow], .logits = narrow ? some : whole};

        if (first == 0) assert_int_equal(unit_evaluate(u, m.encoder, m.pool, &in, &out), ST_OK);
        else {
            assert_int_equal(unit_advance(u, m.encoder, m.pool, &b, &in.prompts, 0, first), ST_OK);
            assert_int_equal(unit_finish(u, m.encoder, m.pool, &in, first, &out), ST_OK);
        }
    }
    for (int e = 0; e < EXAMPLES; e++) {
        double want = answer_loss(b.length[e], whole + 2 * b.row[e], &marks[e], b.start[e], b.end[e], 1, NULL);

        assert_memory_equal(&want, &loss[1][e], sizeof want);
        assert_true(e == 0 || e == 2 ? want == 0 : want > 0); /* of one option, of nothing */
        for (int32_t i = b.row[e]; i < b.row[e] + b.length[e]; i++) {
            if (read[i]) assert_memory_equal(whole + 2 * i, some + 2 * i, 2 * sizeof *some);
            else assert_true(isinf(some[2 * i]) && isinf(some[2 * i + 1]));
        }
    }
    unit_destroy(&u);
    unit_batch_fini(&b);
    machine_close(&m);
    mem_free(head);
    mem_free(values);
}

/* The gradient of rows that are not read is 0: the whole backward gives the same, but for rounding. */
static void test_rows_back(void **state)
{
    float *prompts = random_floats(BANK, 1, 1), *head = random_floats(2 * HIDDEN, 1, 2);
    static struct outcome narrow, whole;
    struct machine m;
    double worst = 0, largest = 0;

    (void)state;
    machine_open(&m, NUMBER_F32, ENGINE_ONEDNN, 2);
    run(&m, 8, LAYERS, prompts, head, &narrow);
    m.encoder->exact = EXACT_EXAMPLE; /* there the last layer is computed whole */
    run(&m, 8, LAYERS, prompts, head, &whole);
    for (int i = 0; i < BANK; i++) {
        worst = fmax(worst, fabs((double)narrow.prompts[i] - (double)whole.prompts[i]));
        largest = fmax(largest, fabs((double)whole.prompts[i]));
    }
    print_message("largest gradient %g, off by %g\n", largest, worst);
    assert_true(largest > 0 && worst < 3e-6 * largest);
    for (int e = 0; e < EXAMPLES; e++) assert_true(fabs(narrow.loss[e] - whole.loss[e]) < 1e-5);
    machine_close(&m);
    mem_free(head);
    mem_free(prompts);
}

static void test_rows(void **state)
{
    (void)state;
    if (!matmul_has_bf16()) test_skip_part("this CPU has no AVX-512 BF16");
    if (!matmul_has_int8()) test_skip_part("this CPU has no AVX-512 VNNI");
    for (int threads = 1; threads <= 3; threads++)
        for (int first = 0; first < LAYERS; first++) {
            check_rows(NUMBER_F32, threads, 0, first, 0);
            check_rows(NUMBER_F32, threads, 1, first, 0);
            if (matmul_has_bf16()) check_rows(NUMBER_BF16, threads, 0, first, 0);
            if (matmul_has_int8()) check_rows(NUMBER_F32, threads, 0, first, 1);
            if (matmul_has_int8() && matmul_has_bf16()) check_rows(NUMBER_BF16, threads, 0, first, 1);
        }
}

/* ---- int8 -------------------------------------------------------------------------------------------------------- */

/* Losses and last hidden states of the batch, in units of so many examples. */
static void infer(const struct machine *m, int unit_examples, const float *values, const float *head, double *loss,
                  float *logits)
{
    struct unit_batch b;
    struct unit *u;

    assert_int_equal(unit_batch_init(&b, unit_examples, all_rows(m->encoder), 1), ST_OK);
    assert_int_equal(unit_new(m->encoder, all_rows(m->encoder), unit_examples, TOKENS, m->threads, UNIT_EVALUATE, &u),
                     ST_OK);
    for (int first = 0; first < EXAMPLES; first += unit_examples) {
        struct unit_inputs in = {.batch = &b, .prompts = {LAYERS, TOKENS, values}, .head = head, .batch_examples = 1};
        struct unit_outputs out = {.loss = loss + first, .logits = logits};

        add_examples(&b, first, unit_examples);
        assert_int_equal(unit_evaluate(u, m->encoder, m->pool, &in, &out), ST_OK);
        logits += 2 * b.rows;
    }
    unit_destroy(&u);
    unit_batch_fini(&b);
}

static double distance(const float *a, const float *b, int n)
{
    double square = 0, size = 0;

    for (int i = 0; i < n; i++) {
        square += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return sqrt(square / size);
}

/* Near f32; the same bits for any threads and units. */
static void test_int8(void **state)
{
    float *values = random_floats(BANK, 1, 1), *head = random_floats(2 * HIDDEN, 1, 2);
    static float exact[2 * 600], first[2 * 600], other[2 * 600];
    double exact_loss[EXAMPLES], first_loss[EXAMPLES], other_loss[EXAMPLES], off;
    struct machine m;

    (void)state;
    if (!matmul_has_int8()) test_skip("this CPU has no AVX-512 VNNI");
    machine_open(&m, NUMBER_F32, ENGINE_ONEDNN, 1);
    m.encoder->exact = EXACT_ROWS; /* no gaps between examples: values are compared, not bits */
    infer(&m, EXAMPLES, values, head, exact_loss, exact);
    machine_close(&m);
    for (int threads = 1; threads <= 3; threads++) {
        machine_open_as(&m, NUMBER_F32, ENGINE_ONEDNN, threads, 1);
        for (int size = EXAMPLES; size >= 1; size /= 2) {
            int again = threads > 1 || size < EXAMPLES;

            infer(&m, size, values, head, again ? other_loss : first_loss, again ? other : first);
            if (!again) continue;
            assert_memory_equal(other_loss, first_loss, sizeof first_loss);
            assert_memory_equal(other, first, sizeof first);
        }
        machine_close(&m);
    }
    off = distance(first, exact, 2 * 496);
    print_message("logits in int8 are off by %.4f of their size\n", off);
    assert_true(off > 1e-5 && off < .03);
    for (int i = 0; i < EXAMPLES; i++) assert_true(fabs(first_loss[i] - exact_loss[i]) < .05 * exact_loss[i]);
    mem_free(head);
    mem_free(values);
}

static double cosine(const float *a, const float *b, int n)
{
    double both = 0, one = 0, other = 0;

    for (int i = 0; i < n; i++) {
        both += (double)a[i] * (double)b[i];
        one += (double)a[i] * (double)a[i];
        other += (double)b[i] * (double)b[i];
    }
    return both / sqrt(one * other);
}

/* Gradients in int8 point where those in f32 do, in every layer: dropout on, the same masks. */
static void test_int8_gradients(void **state)
{
    enum { LAYER = TOKENS * HIDDEN };
    float *prompts = random_floats(BANK, 1, 1), *head = random_floats(2 * HIDDEN, 1, 2);
    static struct outcome exact, int8;
    struct machine m;

    (void)state;
    if (!matmul_has_int8()) test_skip("this CPU has no AVX-512 VNNI");
    for (enum loss_over loss = LOSS_ANSWERS; loss <= LOSS_ALL; loss++)
        for (int as_int8 = 0; as_int8 < 2; as_int8++) {
            machine_open_as(&m, NUMBER_F32, ENGINE_ONEDNN, 2, as_int8);
            m.encoder->exact = EXACT_ROWS;
            m.loss = loss;
            run(&m, 8, LAYERS, prompts, head, as_int8 ? &int8 : &exact);
            machine_close(&m);
            if (!as_int8) continue;
            for (int l = 0; l < LAYERS; l++) {
                double c = cosine(int8.prompts + l * LAYER, exact.prompts + l * LAYER, LAYER);

                print_message("layer %d: cosine %.5f\n", l, c);
                assert_true(c > .995 && c < 1);
                assert_true(fabs(distance(int8.prompts + l * LAYER, exact.prompts + l * LAYER, LAYER)) < .1);
            }
            assert_true(cosine(int8.head, exact.head, 2 * HIDDEN) > .999);
        }
    mem_free(head);
    mem_free(prompts);
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static void test_range(void **state)
{
    float *values = random_floats(BANK, 1, 1), *whole;
    struct encoder_prompts prompts = {LAYERS, TOKENS, values};
    struct activations_plan plan = {.examples = EXAMPLES, .prompt_tokens = TOKENS, .threads = 2};
    struct activations *a;
    struct machine m;
    struct unit_batch b;
    size_t bytes;

    (void)state;
    machine_open(&m, NUMBER_F32, ENGINE_ONEDNN, 2);
    plan.rows = all_rows(m.encoder);
    bytes = (size_t)plan.rows * HIDDEN * sizeof(float);
    assert_int_equal(activations_new(m.encoder, &plan, &a), ST_OK);
    assert_int_equal(unit_batch_init(&b, EXAMPLES, plan.rows, encoder_row_align(m.encoder)), ST_OK);
    add_examples(&b, 0, EXAMPLES);
    assert_int_equal(encoder_forward(m.encoder, m.pool, a, &b, &prompts, NULL), ST_OK);
    assert_int_equal(mem_alloc(bytes, 1, &whole), ST_OK);
    memcpy(whole, activations_hidden(a), bytes);
    for (int middle = 0; middle <= LAYERS; middle++) {
        assert_int_equal(encoder_forward_range(m.encoder, m.pool, a, &b, &prompts, 0, middle), ST_OK);
        assert_int_equal(encoder_forward_range(m.encoder, m.pool, a, &b, &prompts, middle, LAYERS), ST_OK);
        assert_memory_equal(whole, activations_hidden(a), bytes);
    }
    mem_free(whole);
    unit_batch_fini(&b);
    activations_destroy(&a);
    machine_close(&m);
    mem_free(values);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void test_budget(void **state)
{
    struct machine m;

    (void)state;
    machine_open(&m, NUMBER_F32, ENGINE_ONEDNN, 1);
    for (size_t budget = 1 << 10; budget < (size_t)1 << 32; budget *= 8) {
        int32_t rows = unit_most_rows(m.encoder, 8, TOKENS, 1, UNIT_TRAIN, budget);

        assert_true(rows % MATMUL_GRAIN == 0);
        if (rows > 0) assert_true(unit_bytes(m.encoder, rows, 8, TOKENS, 1, UNIT_TRAIN) <= budget);
        assert_true(unit_bytes(m.encoder, rows + MATMUL_GRAIN, 8, TOKENS, 1, UNIT_TRAIN) > budget);
    }
    machine_close(&m);
}

/* A block of packed weights is known by its header. */
static void test_attach(void **state)
{
    struct machine m;

    (void)state;
    machine_open(&m, NUMBER_F32, ENGINE_ONEDNN, 1);
    ((char *)m.weights)[0] ^= 1;
    assert_int_equal(encoder_attach(m.encoder, m.weights), ST_INPUT);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits_f32),       cmocka_unit_test(test_bits_by_example),
        cmocka_unit_test(test_bits_openblas),  cmocka_unit_test(test_bits_bf16),
        cmocka_unit_test(test_differences),    cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rows_back),      cmocka_unit_test(test_int8),
        cmocka_unit_test(test_int8_gradients), cmocka_unit_test(test_bits_int8),
        cmocka_unit_test(test_range),          cmocka_unit_test(test_budget),
        cmocka_unit_test(test_attach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
