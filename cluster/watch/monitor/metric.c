/* The table, and its two writers. A getter is a line each; macros name the message it reads. */
#include "cluster/watch/monitor/metric.h"

#include <math.h>
#include <string.h>

#define GETTER(name, expression)                          \
    static double name(const struct summary *s, size_t i) \
    {                                                     \
        (void)i;                                          \
        return (double)(expression);                      \
    }
#define STEP(field) (s->step ? (double)s->step->step->field : NAN)
#define STREAM(field) (s->stream ? (double)s->stream->stream->field : NAN)
#define EVAL(field) (s->eval ? (double)s->eval->eval->field : NAN)
#define TASK(field) (s->tasks[i]->task->field)
#define WORKER(field) (s->workers[i]->worker->field)
#define KNOWN(x) ((x) > 0 ? (x) : NAN)

GETTER(progress, summary_total(s) ? (double)summary_done(s) / (double)summary_total(s) : NAN)
GETTER(remaining, summary_remaining(s))
GETTER(elapsed, s->step ? s->step->elapsed : s->run ? s->run->elapsed : NAN)
GETTER(steps, STEP(step))
GETTER(examples, STEP(examples_total))
GETTER(tokens, STEP(tokens_total))
GETTER(loss, STEP(loss))
GETTER(loss_mean, s->steps_seen ? s->loss : NAN)
GETTER(accuracy, STEP(accuracy))
GETTER(tokens_rate, KNOWN(s->tokens_per_second))
GETTER(steps_rate, KNOWN(s->steps_per_second))
GETTER(flops_rate, KNOWN(s->flops_per_second))
GETTER(limit_ratio,
       s->run && s->run->run->limit_flops > 0 ? KNOWN(s->flops_per_second / s->run->run->limit_flops) : NAN)
GETTER(seconds, STEP(seconds))
GETTER(compute_seconds, STEP(compute_seconds))
GETTER(reduce_seconds, STEP(reduce_seconds))
GETTER(commit_seconds, STEP(commit_seconds))
GETTER(wait_seconds, STEP(wait_seconds))
GETTER(bytes_sent, KNOWN(STEP(bytes_sent)))
GETTER(learning_rate, STEP(learning_rate))
GETTER(gradient_norm, s->step ? KNOWN(s->step->step->gradient_norm) : NAN)
GETTER(journal_lag, STEP(journal_lag))
GETTER(eval_mean, EVAL(mean))
GETTER(eval_best, EVAL(best_mean))
GETTER(eval_step, EVAL(step))
GETTER(checkpoint_step, s->checkpoint ? (double)s->checkpoint->checkpoint->step : NAN)
GETTER(checkpoint_time, s->checkpoint ? s->checkpoint->time : NAN)
GETTER(checkpoint_bytes, s->checkpoint ? KNOWN((double)s->checkpoint->checkpoint->bytes) : NAN)
GETTER(posted, STREAM(posted))
GETTER(dropped, STREAM(dropped))
GETTER(snapshots, STREAM(snapshots))
GETTER(refused, STREAM(refused))
GETTER(task_steps, TASK(steps))
GETTER(task_examples, TASK(examples))
GETTER(task_loss, TASK(loss))
GETTER(task_accuracy, TASK(accuracy))
GETTER(task_score, TASK(score))
GETTER(task_best, TASK(best_score))
GETTER(worker_up, WORKER(state) == MP2__WORKER__STATE__LEFT ? NAN : WORKER(state) != MP2__WORKER__STATE__LOST)
GETTER(worker_behind, WORKER(behind))
GETTER(worker_threads, KNOWN((double)WORKER(threads)))
GETTER(worker_columns, KNOWN((double)WORKER(columns)))
GETTER(worker_units, WORKER(units))
GETTER(worker_rate, WORKER(units_per_second))
GETTER(worker_lag, WORKER(lag))
GETTER(worker_busy, WORKER(busy))
GETTER(worker_memory, WORKER(memory))

static double workers_up(const struct summary *s, size_t unused)
{
    size_t n = 0;
    (void)unused;

    for (size_t i = 0; i < s->worker_count; i++) n += s->workers[i]->worker->state < MP2__WORKER__STATE__LOST;
    return s->worker_count ? (double)n : NAN;
}

GETTER(workers_wanted, s->run ? KNOWN((double)s->run->run->workers) : NAN)

const struct metric metric_table[] = {
    {"mp2_run_progress_ratio", "gauge", "", "done", "Share of the run that is done.", METRIC_RUN, progress},
    {"mp2_run_remaining_seconds", "gauge", "s", "remaining", "Time left at the recent rate.", METRIC_RUN, remaining},
    {"mp2_run_elapsed_seconds", "gauge", "s", "elapsed", "Time worked since the run's first start.", METRIC_RUN,
     elapsed},
    {"mp2_steps_total", "counter", "steps", "steps", "Committed steps.", METRIC_RUN, steps},
    {"mp2_examples_total", "counter", "examples", "examples", "Examples trained on.", METRIC_RUN, examples},
    {"mp2_tokens_total", "counter", "tokens", "tokens", "Real tokens trained on, no padding.", METRIC_RUN, tokens},
    {"mp2_step_loss", "gauge", "", "loss of the last step", "Loss of the last step, mean over its examples.",
     METRIC_RUN, loss},
    {"mp2_step_loss_mean", "gauge", "", "loss", "Loss, mean of recent steps.", METRIC_RUN, loss_mean},
    {"mp2_step_accuracy_ratio", "gauge", "", "step accuracy", "Share of the last step's examples answered right.",
     METRIC_RUN, accuracy},
    {"mp2_tokens_per_second", "gauge", "tokens/s", "tokens per second", "Real tokens a second, mean of recent steps.",
     METRIC_RUN, tokens_rate},
    {"mp2_steps_per_second", "gauge", "steps/s", "steps per second", "Steps a second, mean of recent steps.",
     METRIC_RUN, steps_rate},
    {"mp2_compute_flops_per_second", "gauge", "FLOP/s", "rate", "Floating point operations a second over real tokens.",
     METRIC_RUN, flops_rate},
    {"mp2_compute_limit_ratio", "gauge", "", "of the machine's rate",
     "Rate as a share of the machine's own matrix product rate.", METRIC_RUN, limit_ratio},
    {"mp2_step_duration_seconds", "gauge", "s", "step time", "Duration of the last step.", METRIC_RUN, seconds},
    {"mp2_step_compute_seconds", "gauge", "s", "compute", "The slowest worker's computing in the last step.",
     METRIC_RUN, compute_seconds},
    {"mp2_step_reduce_seconds", "gauge", "s", "reduce", "Adding up in the last step.", METRIC_RUN, reduce_seconds},
    {"mp2_step_commit_seconds", "gauge", "s", "commit", "Journal append and sync in the last step.", METRIC_RUN,
     commit_seconds},
    {"mp2_step_wait_seconds", "gauge", "s", "wait", "The coordinator's wait for workers in the last step.", METRIC_RUN,
     wait_seconds},
    {"mp2_step_sent_bytes", "gauge", "B", "sent per step", "Bytes sent by all ranks in the last step.", METRIC_RUN,
     bytes_sent},
    {"mp2_learning_rate", "gauge", "", "learning rate", "Learning rate of prompts and head.", METRIC_RUN,
     learning_rate},
    {"mp2_gradient_norm", "gauge", "", "gradient norm", "Norm of the gradient in the last step.", METRIC_RUN,
     gradient_norm},
    {"mp2_journal_lag_steps", "gauge", "steps", "journal lag", "Steps committed but not durable yet.", METRIC_RUN,
     journal_lag},
    {"mp2_eval_score_ratio", "gauge", "", "score", "Mean score of the last evaluation.", METRIC_RUN, eval_mean},
    {"mp2_eval_best_score_ratio", "gauge", "", "best score", "Best mean score so far.", METRIC_RUN, eval_best},
    {"mp2_eval_step", "gauge", "steps", "evaluated at", "Step of the last evaluation.", METRIC_RUN, eval_step},
    {"mp2_checkpoint_step", "gauge", "steps", "checkpoint at", "Step of the last complete checkpoint.", METRIC_RUN,
     checkpoint_step},
    {"mp2_checkpoint_timestamp_seconds", "gauge", "s", "checkpoint time",
     "When the last checkpoint was complete (Unix time).", METRIC_RUN, checkpoint_time},
    {"mp2_checkpoint_size_bytes", "gauge", "B", "checkpoint size", "Size of the last complete checkpoint.", METRIC_RUN,
     checkpoint_bytes},
    {"mp2_workers_up", "gauge", "", "workers", "Workers that are not lost.", METRIC_RUN, workers_up},
    {"mp2_workers_wanted", "gauge", "", "workers wanted", "Workers the run asked for.", METRIC_RUN, workers_wanted},
    {"mp2_stream_posted_total", "counter", "", "messages", "Messages handed to the publisher.", METRIC_RUN, posted},
    {"mp2_stream_dropped_total", "counter", "", "messages dropped", "Messages pushed out of the publisher's full ring.",
     METRIC_RUN, dropped},
    {"mp2_stream_snapshots_total", "counter", "", "snapshots", "Snapshot requests answered.", METRIC_RUN, snapshots},
    {"mp2_stream_refused_total", "counter", "", "refused", "Failed handshakes and garbage requests.", METRIC_RUN,
     refused},
    {"mp2_task_steps_total", "counter", "", "steps", "Visits to the task.", METRIC_TASK, task_steps},
    {"mp2_task_examples_total", "counter", "", "examples", "Examples of the task trained on.", METRIC_TASK,
     task_examples},
    {"mp2_task_loss", "gauge", "", "loss", "Loss of the task, mean of recent visits.", METRIC_TASK, task_loss},
    {"mp2_task_accuracy_ratio", "gauge", "", "accuracy", "Training accuracy of the task, mean of recent visits.",
     METRIC_TASK, task_accuracy},
    {"mp2_task_score_ratio", "gauge", "", "score", "Score of the task in the last evaluation.", METRIC_TASK,
     task_score},
    {"mp2_task_best_score_ratio", "gauge", "", "best", "Best score of the task so far.", METRIC_TASK, task_best},
    {"mp2_worker_up", "gauge", "", "up", "0 when the worker is lost; no value when it left in order.", METRIC_WORKER,
     worker_up},
    {"mp2_worker_units_total", "counter", "units", "units", "Units computed since the worker's start.", METRIC_WORKER,
     worker_units},
    {"mp2_worker_units_per_second", "gauge", "units/s", "units per second", "Units a second.", METRIC_WORKER,
     worker_rate},
    {"mp2_worker_lag_seconds", "gauge", "s", "lag", "Time since the worker's last answer.", METRIC_WORKER, worker_lag},
    {"mp2_worker_behind_seconds", "gauge", "s", "behind",
     "Seconds a step that the worker computed longer than the quickest one.", METRIC_WORKER, worker_behind},
    {"mp2_worker_threads", "gauge", "", "threads", "Threads the worker computes on.", METRIC_WORKER, worker_threads},
    {"mp2_worker_columns", "gauge", "", "columns", "Columns of the prompt matrix that the worker owns.", METRIC_WORKER,
     worker_columns},
    {"mp2_worker_busy_ratio", "gauge", "", "busy", "Share of the time the worker computed.", METRIC_WORKER,
     worker_busy},
    {"mp2_worker_resident_memory_bytes", "gauge", "B", "memory", "Resident memory of the worker.", METRIC_WORKER,
     worker_memory},
};
const size_t metric_count = sizeof metric_table / sizeof *metric_table;

const struct metric *metric_find(const char *name)
{
    for (size_t i = 0; i < metric_count; i++)
        if (strcmp(metric_table[i].name, name) == 0) return &metric_table[i];
    return NULL;
}

/* A label's value: backslash, quote and newline are escaped, as the format asks. */
static void put_label(const char *name, const char *value, FILE *to)
{
    fprintf(to, "%s=\"", name);
    for (const char *p = value; *p; p++) {
        if (*p == '\n') fputs("\\n", to);
        else if (*p == '\\' || *p == '"') fprintf(to, "\\%c", *p);
        else fputc(*p, to);
    }
    fputc('"', to);
}

static void put_sample(const struct metric *m, const struct metric_run *run, size_t i, FILE *to)
{
    const struct summary *s = run->summary;
    double value = m->value(s, i);
    char rank[16];

    if (isnan(value)) return;
    fprintf(to, "%s{", m->name);
    put_label("run", run->label, to);
    if (m->scope == METRIC_TASK) {
        fputc(',', to);
        put_label("task", s->tasks[i]->task->task, to);
    } else if (m->scope == METRIC_WORKER) {
        snprintf(rank, sizeof rank, "%u", s->workers[i]->worker->rank);
        fputc(',', to);
        put_label("rank", rank, to);
        fputc(',', to);
        put_label("host", s->workers[i]->worker->host, to);
    }
    if (isinf(value)) fprintf(to, "} %sInf\n", value > 0 ? "+" : "-");
    else fprintf(to, "} %.15g\n", value);
}

static void put_metric(const struct metric *m, const struct metric_run *runs, size_t count, FILE *to)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
    for (size_t r = 0; r < count; r++) {
        const struct summary *s = runs[r].summary;
        size_t n = m->scope == METRIC_TASK ? s->task_count : m->scope == METRIC_WORKER ? s->worker_count : 1;
        for (size_t i = 0; i < n; i++) put_sample(m, &runs[r], i, to);
    }
}

/* What is not a number of a message: facts as labels, and the monitor's own state. */
static void put_info(const struct metric_run *runs, size_t count, FILE *to)
{
    fputs("# HELP mp2_run_info What is run; the value is 1.\n# TYPE mp2_run_info gauge\n", to);
    for (size_t r = 0; r < count; r++) {
        const Mp2__Run *run = runs[r].summary->run ? runs[r].summary->run->run : NULL;
        if (!run) continue;
        const struct {
            const char *name, *value;
        } labels[] = {{"run", runs[r].label},
                      {"command", run->command},
                      {"state", summary_run_state(runs[r].summary)},
                      {"precision", run->precision},
                      {"instruction_set", run->instruction_set},
                      {"program", run->program},
                      {"host", run->host}};
        for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
            fputs(i ? "," : "mp2_run_info{", to);
            put_label(labels[i].name, labels[i].value, to);
        }
        fputs("} 1\n", to);
    }
    fputs("# HELP mp2_stream_up 1 when the run's stream is heard.\n# TYPE mp2_stream_up gauge\n", to);
    for (size_t r = 0; r < count; r++) {
        fputs("mp2_stream_up{", to);
        put_label("run", runs[r].label, to);
        fprintf(to, "} %d\n", runs[r].up);
    }
    fputs(
        "# HELP mp2_monitor_gaps_total Gaps in the stream that were repaired.\n# TYPE mp2_monitor_gaps_total counter\n",
        to);
    for (size_t r = 0; r < count; r++) {
        fputs("mp2_monitor_gaps_total{", to);
        put_label("run", runs[r].label, to);
        fprintf(to, "} %llu\n", (unsigned long long)runs[r].gaps);
    }
}

void metric_page(const struct metric_run *runs, size_t count, FILE *to)
{
    put_info(runs, count, to);
    for (size_t i = 0; i < metric_count; i++) put_metric(&metric_table[i], runs, count, to);
}

void metric_json_text(const char *text, FILE *to)
{
    fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\') fprintf(to, "\\%c", *p);
        else if (*p < 0x20) fprintf(to, "\\u%04x", *p);
        else fputc(*p, to);
    }
    fputc('"', to);
}

void metric_json(const struct summary *s, FILE *to)
{
    const char *comma = "";

    fputc('[', to);
    for (size_t i = 0; i < metric_count; i++) {
        const struct metric *m = &metric_table[i];
        double value = m->scope == METRIC_RUN ? m->value(s, 0) : NAN;
        if (!isfinite(value)) continue;
        fprintf(to,
                "%s{\"name\":\"%s\",\"type\":\"%s\",\"unit\":\"%s\",\"label\":\"%s\",\"help\":\"%s\",\"value\":%.15g}",
                comma, m->name, m->type, m->unit, m->label, m->help, value);
        comma = ",";
    }
    fputc(']', to);
}
