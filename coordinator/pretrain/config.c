/* The rows. Defaults are the authors' where a result is at stake (method.md section 6), ours where it is not. */
#include "coordinator/pretrain/config.h"

#include <math.h>

#define AT(field) offsetof(struct pretrain_config, field)

const struct option pretrain_options[] = {
    {"run", OPTION_TEXT, AT(run), NULL, 0, 0, AFFECTS_PLACEMENT, "", "folder of the run: journal, checkpoints, metrics", NULL},
    {"model", OPTION_TEXT, AT(model), NULL, 0, 0, AFFECTS_PLACEMENT, "", "folder of the encoder (Hugging Face: config.json, vocab.txt, weights)", NULL},
    {"data", OPTION_TEXT, AT(data), NULL, 0, 0, AFFECTS_PLACEMENT, "", "folder of the imported tasks (mp2 data import)", NULL},
    {"tasks", OPTION_LIST, AT(tasks), "", 0, 0, AFFECTS_RESULT, "", "ids of the tasks, in router order; empty: every upstream task that was imported", NULL},
    {"seed", OPTION_INT, AT(seed), "42", 0, 9e15, AFFECTS_RESULT, "", "seed of everything drawn", NULL},
    {"log", OPTION_CHOICE, AT(log), "warn", 0, 0, AFFECTS_PLACEMENT, "", "what is said on standard error", "silent|error|warn|info|debug"},

    {"prompt.depth", OPTION_CHOICE, AT(prompt.depth), "deep", 0, 0, AFFECTS_RESULT, "", "deep: prompts before every layer; shallow: before the first", "deep|shallow"},
    {"prompt.tokens", OPTION_INT, AT(prompt.tokens), "50", 1, 4096, AFFECTS_RESULT, "tokens", "length P of the prompt", NULL},
    {"prompt.modules", OPTION_INT, AT(prompt.modules), "8", 1, 256, AFFECTS_RESULT, "", "number K of modular prompts", NULL},
    {"prompt.intrinsic", OPTION_INT, AT(prompt.intrinsic), "300", 1, 65536, AFFECTS_RESULT, "", "dimensions d of a module's intrinsic vector", NULL},
    {"prompt.module_start", OPTION_REAL, AT(prompt.module_start), "1e-3", 1e-9, 1e3, AFFECTS_RESULT, "", "modules start uniform between plus and minus this; with wider ones they differ from the first step", NULL},
    {"prompt.router_start", OPTION_REAL, AT(prompt.router_start), "1e-3", 0, 100, AFFECTS_RESULT, "", "router logits start uniform so far around router_centre; with wider ones every task mixes modules of its own from the first step", NULL},
    {"prompt.router_centre", OPTION_REAL, AT(prompt.router_centre), "0", -100, 100, AFFECTS_RESULT, "", "see router_start; below 0 few modules prevail in a task", NULL},
    {"prompt.first_placeholder", OPTION_INT, AT(prompt.first_placeholder), "1000", 0, 1e9, AFFECTS_RESULT, "", "vocabulary id at the prompt's first position; P ids from there", NULL},
    {"prompt.max_length", OPTION_INT, AT(prompt.max_length), "512", 8, 65536, AFFECTS_RESULT, "tokens", "longest input, prompt included; never more than the encoder's positions", NULL},

    {"train.steps", OPTION_INT, AT(train.steps), "1M", 0, 1e12, AFFECTS_LIMIT, "steps", "how long; may be raised when resuming (with a schedule other than constant it belongs to the result)", NULL},
    {"train.batch", OPTION_INT, AT(train.batch), "32", 1, 65536, AFFECTS_RESULT, "examples", "examples of a group's batch", NULL},
    {"train.groups", OPTION_INT, AT(train.groups), "1", 1, 1024, AFFECTS_RESULT, "", "tasks drawn in a step, each with a batch (gradient accumulation)", NULL},
    {"train.router_rate", OPTION_REAL, AT(mixture.router_rate), "5e-4", 0, 10, AFFECTS_RESULT, "", "learning rate of the routers; the authors' for CPT-large", NULL},
    {"train.rate", OPTION_REAL, AT(train.rate), "1e-4", 0, 10, AFFECTS_RESULT, "", "learning rate of z, and of A and the head times their factors; the authors' for CPT-large", NULL},
    {"train.projection_factor", OPTION_REAL, AT(mixture.projection_factor), "1", 0, 1e3, AFFECTS_RESULT, "", "A's learning rate in multiples of train.rate; 0: it stays as it started", NULL},
    {"train.head_factor", OPTION_REAL, AT(mixture.head_factor), "1", 0, 1e3, AFFECTS_RESULT, "", "the head's learning rate in multiples of train.rate; 0: it stays as it started", NULL},
    {"train.weight_decay", OPTION_REAL, AT(train.adamw.decay), "0.01", 0, 1, AFFECTS_RESULT, "", "AdamW's decoupled weight decay, on everything", NULL},
    {"train.beta1", OPTION_REAL, AT(train.adamw.beta1), "0.9", 0, 0.99999, AFFECTS_RESULT, "", "AdamW", NULL},
    {"train.beta2", OPTION_REAL, AT(train.adamw.beta2), "0.999", 0, 0.9999999, AFFECTS_RESULT, "", "AdamW", NULL},
    {"train.eps", OPTION_REAL, AT(train.adamw.eps), "1e-8", 1e-16, 1, AFFECTS_RESULT, "", "AdamW", NULL},
    {"train.schedule", OPTION_CHOICE, AT(train.schedule), "constant", 0, 0, AFFECTS_RESULT, "", "of both learning rates, after the warm-up, down to 0 at train.steps", "constant|linear|cosine"},
    {"train.warmup", OPTION_INT, AT(train.warmup), "0", 0, 1e9, AFFECTS_RESULT, "steps", "both rates grow linearly over so many steps", NULL},
    {"train.dropout", OPTION_BOOL, AT(train.dropout), "true", 0, 0, AFFECTS_RESULT, "", "dropout at the encoder's own rates while training", NULL},
    {"train.gate_noise", OPTION_BOOL, AT(mixture.gate_noise), "true", 0, 0, AFFECTS_RESULT, "", "gates are drawn while training (relaxed Bernoulli); false: their means, as in evaluation", NULL},
    {"train.tau", OPTION_REAL, AT(mixture.tau), "1", 1e-3, 1e3, AFFECTS_RESULT, "", "temperature of the relaxed Bernoulli gates", NULL},
    {"train.tau_least", OPTION_REAL, AT(mixture.tau_least), "1e-3", 1e-3, 1e3, AFFECTS_RESULT, "", "the temperature does not fall below", NULL},
    {"train.tau_decay", OPTION_REAL, AT(mixture.tau_decay), "0", 0, 1, AFFECTS_RESULT, "1/step", "tau_t = max(tau_least, tau exp(-tau_decay t))", NULL},
    TRAIN_LOSS_OPTION(struct pretrain_config, loss),
    {"train.skips", OPTION_INT, AT(train.skips), "20", 1, 1e9, AFFECTS_LIMIT, "steps", "stop after so many steps in a row whose loss or gradient is not finite", NULL},

    {"reference.form", OPTION_CHOICE, AT(reference.form), "right", 0, 0, AFFECTS_RESULT, "", "inputs and labels: ours, as in the authors' logged run, as in their published code", "right|run|head"},
    {"reference.padding", OPTION_BOOL, AT(reference.padding), "false", 0, 0, AFFECTS_RESULT, "", "attend padding, as the reference does", NULL},
    {"reference.idle_rows", OPTION_BOOL, AT(reference.idle_rows), "false", 0, 0, AFFECTS_RESULT, "", "AdamW moves the router rows of all tasks every step", NULL},
    {"reference.product", OPTION_BOOL, AT(reference.product), "false", 0, 0, AFFECTS_RESULT, "", "score an option by the product of its logits instead of their sum", NULL},
    {"reference.sum_groups", OPTION_BOOL, AT(reference.sum_groups), "false", 0, 0, AFFECTS_RESULT, "", "add the groups' gradients up instead of taking their mean", NULL},

    REFERENCE_LOSS_OPTION(struct pretrain_config, reference.loss),

    {"eval.every", OPTION_INT, AT(eval.every), "10k", 0, 1e12, AFFECTS_RESULT, "steps", "dev scores of all tasks, best checkpoint by their mean; 0: never", NULL},
    {"eval.rows", OPTION_INT, AT(eval.rows), "0", 0, 1e9, AFFECTS_RESULT, "rows", "at most so many rows of a task, a keyed subset; 0: all. The last evaluation takes all", NULL},
    {"eval.batch_tokens", OPTION_INT, AT(eval.batch_tokens), "16Ki", 512, 1e8, AFFECTS_PLACEMENT, "tokens", "dealt to a worker at a time", NULL},
    {"eval.final", OPTION_BOOL, AT(eval.final), "true", 0, 0, AFFECTS_PLACEMENT, "", "evaluate on all dev rows at the end and print the table", NULL},

    {"checkpoint.every", OPTION_INT, AT(keep.every), "1000", 1, 1e12, AFFECTS_PLACEMENT, "steps", "between checkpoints (the journal holds every step since)", NULL},
    {"checkpoint.keep", OPTION_INT, AT(keep.count), "2", 1, 1e6, AFFECTS_PLACEMENT, "", "newest checkpoints kept, besides the best", NULL},
    {"journal.sync_ms", OPTION_INT, AT(keep.sync_ms), "0", 0, 600000, AFFECTS_PLACEMENT, "ms", "0: every step is durable before the next one counts; else at the latest so long after", NULL},

    MACHINE_OPTIONS(struct pretrain_config, machine, "8"),
    {"machine.accept_break", OPTION_BOOL, AT(machine.accept_break), "false", 0, 0, AFFECTS_PLACEMENT, "", "resume with another instruction set or library version; the run says so for ever after", NULL},

    WATCH_OPTIONS(struct pretrain_config, watch),
};
const size_t pretrain_option_count = sizeof pretrain_options / sizeof *pretrain_options;

double mixture_tau(const struct mixture_config *m, int64_t step)
{
    double tau = m->tau * exp(-m->tau_decay * (double)step);

    return tau > m->tau_least ? tau : m->tau_least;
}
