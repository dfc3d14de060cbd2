/* Step, evaluation and run records of any bytes: refused, or every array has the size its numbers say. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/store/record.h"

static void touch(const void *data, size_t bytes)
{
    volatile unsigned char sum = 0;

    for (size_t i = 0; data && i < bytes; i++) sum ^= ((const unsigned char *)data)[i];
}

static void use_step(const struct record_step *r)
{
    size_t small = (size_t)r->layers * r->intrinsic;

    touch(r->grad_head, (size_t)r->hidden * 16);
    if (r->skip_text) touch(r->skip_text, strlen(r->skip_text));
    for (size_t i = 0; i < r->group_count; i++) {
        const struct record_group *g = &r->groups[i];

        touch(g->u, small * 4);
        touch(g->grad_prompts, (size_t)r->layers * (size_t)r->columns * 4);
        touch(g->grad_u, small * 8);
        touch(g->slot_loss, (size_t)g->rows * 4);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record_step step;
    struct record_eval eval;
    struct record_run run;

    log_init('-', -1, LOG_SILENT);
    if (record_decode_step("fuzz", data, size, &step) == ST_OK) {
        use_step(&step);
        record_step_fini(&step);
    }
    if (record_decode_eval("fuzz", data, size, &eval) == ST_OK) {
        touch(eval.tasks, eval.task_count * sizeof *eval.tasks);
        record_eval_fini(&eval);
    }
    if (record_decode_run("fuzz", data, size, &run) == ST_OK) {
        touch(run.config_digest, strlen(run.config_digest));
        touch(run.build, strlen(run.build));
        record_run_fini(&run);
    }
    return 0;
}

size_t fuzz_seed(int i, uint8_t *out, size_t room)
{
    static float u[6], gradient[2 * 8], losses[4];
    static double g[6], head[2 * 4];
    struct record_group groups[2] = {
        {.task = 3, .rows = 4, .u = u, .grad_prompts = gradient, .grad_u = g, .slot_loss = losses},
        {.task = 5, .rows = 4, .u = u, .grad_prompts = gradient, .grad_u = g}};
    struct record_step step = {.step = 9,
                               .layers = 2,
                               .intrinsic = 3,
                               .columns = 8,
                               .hidden = 4,
                               .group_count = 2,
                               .groups = groups,
                               .grad_head = head};
    struct record_eval_task tasks[2] = {{0, 100, 0.5, 1.5}, {1, 50, 0.25, 2.5}};
    struct record_eval eval = {.step = 9, .task_count = 2, .tasks = tasks, .mean = 0.375, .best = 1};
    struct record_run run = {.step = 9, .event = RECORD_RESUME, .config_digest = "abc", .precision = "f32", .ranks = 3};
    struct record_buffer b = {0};
    size_t bytes = 0;
    status s = i == 0   ? record_encode_step(&step, &b)
               : i == 1 ? record_encode_eval(&eval, &b)
                        : record_encode_run(&run, &b);

    if (i < 3 && s == ST_OK && b.bytes <= room) {
        memcpy(out, b.data, b.bytes);
        bytes = b.bytes;
    }
    record_buffer_fini(&b);
    return bytes;
}
