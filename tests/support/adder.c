#include "tests/support/adder.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "tests/support/support.h"

static void __attribute__((format(printf, 2, 3))) note(struct adder *a, const char *format, ...)
{
    size_t n = strlen(a->done);
    va_list args;

    if (n > 0 && n + 1 < sizeof a->done) a->done[n++] = ' ';
    va_start(args, format);
    vsnprintf(a->done + n, sizeof a->done - n, format, args);
    va_end(args);
}

static void introduce(void *self, struct worker_info *card)
{
    (void)self, (void)card;
}

static status fail_at(struct adder *a, int64_t step, int64_t fails)
{
    status s = ST_OK;

    if (step == fails && a->comm->rank == a->failing)
        s = fault(ST_NUMBER, "step %lld fails by intent", (long long)step);
    return comm_agree(a->comm, s);
}

static status step(void *self, int64_t step, struct membership *membership, struct job_step *out)
{
    struct adder *a = self;

    (void)membership;
    TRY(fail_at(a, step, a->step_fails));
    a->record = a->added = step;
    *out = (struct job_step){.record = &a->record,
                             .record_bytes = sizeof a->record,
                             .skipped = step >= a->skip_first && step <= a->skip_last,
                             .message = &a->message,
                             .reports = a->reports,
                             .units = a->units};
    return ST_OK;
}

static status commit(void *self, int64_t step, int apply)
{
    struct adder *a = self;

    if (apply) a->sum += a->added;
    note(a, apply ? "%lld" : "(%lld)", (long long)step);
    return ST_OK;
}

static status flush(void *self)
{
    (void)self;
    return ST_OK;
}

static status replay(void *self, int64_t step, const struct journal_record *record, Mp2__Step **message)
{
    struct adder *a = self;

    if (step == a->signal && a->comm->rank == a->comm->size - 1) raise(SIGUSR1);
    TRY(fail_at(a, step, a->replay_fails));
    if (record) memcpy(&a->added, record->payload, sizeof a->added);
    if (record) *message = &a->message;
    TRY(comm_broadcast(a->comm, &a->added, sizeof a->added, 0));
    a->replayed++;
    a->sum += a->added;
    return ST_OK;
}

static status evaluate(void *self, int64_t step, int full, const struct eval_watch *watch, struct job_eval *out)
{
    struct adder *a = self;

    (void)watch;
    note(a, full ? "E%lld" : "e%lld", (long long)step);
    *out = (struct job_eval){
        .record = {.mean = a->score ? a->score(step) : 0}, .message = &a->scores, .higher_is_better = 1};
    return ST_OK;
}

static status tensors(void *self, const struct checkpoint_tensor **list, size_t *count)
{
    struct adder *a = self;

    a->tensor = (struct checkpoint_tensor){.file = "sum.safetensors",
                                           .spec = {.name = "sum", .type = TENSOR_I64, .rank = 1},
                                           .part = comm_is_coordinator(a->comm) ? part_whole(1, &a->sum)
                                                                                : part_none(1)};
    a->tensor.spec.shape[0] = 1;
    *list = &a->tensor;
    *count = 1;
    return ST_OK;
}

static status state(void *self, struct state *out)
{
    struct adder *a = self;

    *out = (struct state){.kind = "adder",
                          .config_digest = a->digest,
                          .precision = "f32",
                          .instruction_set = "none",
                          .libraries = "none"};
    return ST_OK;
}

static status restore(void *self, const struct state *state)
{
    struct adder *a = self;

    (void)state;
    return comm_broadcast(a->comm, &a->sum, sizeof a->sum, 0);
}

static void describe(void *self, Mp2__Run *run)
{
    (void)self, (void)run;
}

void adder_init(struct adder *a, struct comm *comm)
{
    memset(a, 0, sizeof *a);
    a->comm = comm;
    a->digest = "00000000000000000000000000000001";
    mp2__step__init(&a->message);
    mp2__eval__init(&a->scores);
}

status adder_run(struct adder *a, const char *folder, const struct loop_options *options, struct loop_result *result)
{
    struct run_folder taken;
    const struct job job = {.command = "adder",
                            .self = a,
                            .introduce = introduce,
                            .step = step,
                            .commit = commit,
                            .flush = flush,
                            .replay = replay,
                            .evaluate = evaluate,
                            .tensors = tensors,
                            .state = state,
                            .restore = restore,
                            .describe = describe};
    struct loop_options o = *options;
    status s;

    o.run = folder;
    o.folder = &taken;
    o.config = "{}\n";
    o.config_digest = a->digest;
    o.checkpoints_kept = 2;
    o.record_bytes = 8;
    o.watch.listen = "";
    assert_int_equal(loop_take_folder(a->comm, folder, -1, &taken), ST_OK);
    s = loop_run(a->comm, &job, &o, result);
    run_folder_close(&taken);
    return s;
}

void adder_check_in_step(struct adder *a)
{
    int64_t sent[3] = {17, 18, 19}, got[3] = {0};

    if (comm_is_coordinator(a->comm)) memcpy(got, sent, sizeof got);
    assert_int_equal(comm_broadcast(a->comm, got, sizeof got, 0), ST_OK);
    assert_memory_equal(got, sent, sizeof got);
    assert_int_equal(comm_barrier(a->comm), ST_OK);
}
