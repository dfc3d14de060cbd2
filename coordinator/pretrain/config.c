/* The option table. Defaults are the authors' where they affect a result (worker/README.md, "Pre-training"), ours
 * elsewhere. */
#include "coordinator/pretrain/config.h"

#include <math.h>

#define AT(field) offsetof(struct pretrain_config, field)

const struct option pretrain_options[] = {
    TEXT_OPTION("run", AT(run), NULL, PLACEMENT, "folder of the run: journal, checkpoints, metrics"),
    TEXT_OPTION("model", AT(model), NULL, PLACEMENT,
                "folder of the encoder (Hugging Face: config.json, vocabulary, weights)"),
    TEXT_OPTION("data", AT(data), NULL, PLACEMENT, "folder of the imported tasks (mp2 data import)"),
    LIST_OPTION("tasks", AT(tasks), "", RESULT,
                "ids of the tasks, in router order; empty: every upstream task that was imported"),
    INT_OPTION("seed", AT(seed), "42", 0, 9e15, RESULT, "", "seed of everything drawn"),
    CHOICE_OPTION("log", AT(log), "warn", "silent|error|warn|info|debug", PLACEMENT,
                  "how much is reported on standard error"),

    CHOICE_OPTION("prompt.depth", AT(prompt.depth), "deep", "deep|shallow", RESULT,
                  "deep: prompts before every layer; shallow: before the first"),
    INT_OPTION("prompt.tokens", AT(prompt.tokens), "50", 1, 4096, RESULT, "tokens", "length P of the prompt"),
    INT_OPTION("prompt.modules", AT(prompt.modules), "8", 1, 256, RESULT, "", "number K of modular prompts"),
    INT_OPTION("prompt.intrinsic", AT(prompt.intrinsic), "300", 1, 65536, RESULT, "",
               "dimensions d of a module's intrinsic vector"),
    INT_OPTION("prompt.own_modules", AT(prompt.own_modules), "0", 0, 256, RESULT, "modules",
               "modules of its own that a task begins with: their router logits start at +router_centre's size, all "
               "others at -; 0: all start at router_centre"),
    REAL_OPTION("prompt.module_start", AT(prompt.module_start), "1e-3", 1e-9, 1e3, RESULT, "",
                "modules start uniform between plus and minus this; with wider ones they differ from the first step"),
    REAL_OPTION("prompt.router_start", AT(prompt.router_start), "1e-3", 0, 100, RESULT, "",
                "router logits start uniform so far around router_centre; with wider ones every task mixes modules "
                "of its own from the first step"),
    REAL_OPTION("prompt.router_centre", AT(prompt.router_centre), "0", -100, 100, RESULT, "",
                "see router_start; below 0 few modules prevail in a task"),
    CHOICE_OPTION("prompt.heads", AT(prompt.heads), "one", "one|kinds|tasks", RESULT,
                  "one head for all tasks; one for tasks with options (labels, choices) and one for spans; or one for "
                  "each task, whose means by kind are where a new task starts: what others learn is no noise to it"),
    CHOICE_OPTION(
        "prompt.encoder", AT(prompt.encoder), "none", "none|lstm", RESULT,
        "lstm: a bidirectional LSTM over the prompt's tokens, one for all layers and tasks, between the mixed "
        "modules and the prompts"),
    INT_OPTION("prompt.first_placeholder", AT(prompt.first_placeholder), "1000", 0, 1e9, RESULT, "",
               "vocabulary id at the prompt's first position; P ids from there"),
    INT_OPTION("prompt.max_length", AT(prompt.max_length), "512", 8, 65536, RESULT, "tokens",
               "longest input, prompt included; never more than the encoder's positions"),

    INT_OPTION("train.steps", AT(train.steps), "1M", 0, 1e12, LIMIT, "steps",
               "how long; may be raised when resuming (with a schedule other than constant it belongs to the result)"),
    INT_OPTION("train.batch", AT(train.batch), "32", 1, 65536, RESULT, "examples", "examples of a group's batch"),
    INT_OPTION("train.groups", AT(train.groups), "1", 1, 1024, RESULT, "",
               "tasks drawn in a step, each with a batch (gradient accumulation)"),
    REAL_OPTION("train.router_rate", AT(mixture.router_rate), "5e-4", 0, 10, RESULT, "",
                "learning rate of the routers; the authors' for CPT-large"),
    REAL_OPTION("train.rate", AT(train.rate), "1e-4", 0, 10, RESULT, "",
                "learning rate of z, and of A and the head times their factors; the authors' for CPT-large"),
    REAL_OPTION("train.projection_factor", AT(mixture.projection_factor), "1", 0, 1e3, RESULT, "",
                "A's learning rate in multiples of train.rate; 0: it stays as it started"),
    REAL_OPTION("train.head_factor", AT(mixture.head_factor), "1", 0, 1e3, RESULT, "",
                "the head's learning rate in multiples of train.rate; 0: it stays as it started"),
    REAL_OPTION("train.weight_decay", AT(train.adamw.decay), "0.01", 0, 1, RESULT, "",
                "AdamW's decoupled weight decay, on everything"),
    REAL_OPTION("train.beta1", AT(train.adamw.beta1), "0.9", 0, 0.99999, RESULT, "", "AdamW"),
    REAL_OPTION("train.beta2", AT(train.adamw.beta2), "0.999", 0, 0.9999999, RESULT, "", "AdamW"),
    REAL_OPTION("train.eps", AT(train.adamw.eps), "1e-8", 1e-16, 1, RESULT, "", "AdamW"),
    CHOICE_OPTION("train.schedule", AT(train.schedule), "constant", "constant|linear|cosine", RESULT,
                  "of both learning rates, after the warm-up, down to 0 at train.steps"),
    INT_OPTION("train.warmup", AT(train.warmup), "0", 0, 1e9, RESULT, "steps",
               "both rates grow linearly over so many steps"),
    BOOL_OPTION("train.dropout", AT(train.dropout), "true", RESULT,
                "dropout at the encoder's own rates while training"),
    BOOL_OPTION("train.gate_noise", AT(mixture.gate_noise), "true", RESULT,
                "gates are drawn while training (relaxed Bernoulli); false: their means, as in evaluation"),
    BOOL_OPTION("train.balance", AT(mixture.balance), "false", RESULT,
                "a task's gradient is divided by the running size of its own, so that tasks with small gradients move "
                "what is shared as fast as others"),
    REAL_OPTION("train.tau", AT(mixture.tau), "1", 1e-3, 1e3, RESULT, "", "temperature of the relaxed Bernoulli gates"),
    REAL_OPTION("train.tau_least", AT(mixture.tau_least), "1e-3", 1e-3, 1e3, RESULT, "",
                "the temperature does not fall below"),
    REAL_OPTION("train.tau_decay", AT(mixture.tau_decay), "0", 0, 1, RESULT, "1/step",
                "tau_t = max(tau_least, tau exp(-tau_decay t))"),
    TRAIN_LOSS_OPTION(struct pretrain_config, loss),
    INT_OPTION("train.skips", AT(train.skips), "20", 1, 1e9, LIMIT, "steps",
               "stop after so many steps in a row whose loss or gradient is not finite"),

    CHOICE_OPTION("reference.form", AT(reference.form), "right", "right|run|head", RESULT,
                  "inputs and labels: ours, as in the authors' logged run, as in their published code"),
    BOOL_OPTION("reference.padding", AT(reference.padding), "false", RESULT, "attend padding, as the reference does"),
    BOOL_OPTION("reference.idle_rows", AT(reference.idle_rows), "false", RESULT,
                "AdamW moves the router rows of all tasks every step"),
    BOOL_OPTION("reference.product", AT(reference.product), "false", RESULT,
                "score an option by the product of its logits instead of their sum"),
    BOOL_OPTION("reference.sum_groups", AT(reference.sum_groups), "false", RESULT,
                "add the groups' gradients up instead of taking their mean"),

    REFERENCE_LOSS_OPTION(struct pretrain_config, reference.loss),

    INT_OPTION("eval.every", AT(eval.every), "10k", 0, 1e12, RESULT, "steps",
               "dev scores of all tasks, best checkpoint by their mean; 0: never"),
    INT_OPTION("eval.rows", AT(eval.rows), "0", 0, 1e9, RESULT, "rows",
               "at most so many rows of a task, a keyed subset; 0: all. The last evaluation takes all"),
    INT_OPTION("eval.batch_tokens", AT(eval.batch_tokens), "16Ki", 512, 1e8, PLACEMENT, "tokens",
               "dealt to a worker at a time"),
    BOOL_OPTION("eval.final", AT(eval.final), "true", PLACEMENT,
                "evaluate on all dev rows at the end and print the table"),

    INT_OPTION("checkpoint.every", AT(keep.every), "1000", 1, 1e12, PLACEMENT, "steps",
               "between checkpoints (the journal holds every step since)"),
    INT_OPTION("checkpoint.keep", AT(keep.count), "2", 1, 1e6, PLACEMENT, "",
               "newest checkpoints kept, besides the best"),
    INT_OPTION("journal.sync_ms", AT(keep.sync_ms), "0", 0, 600000, PLACEMENT, "ms",
               "0: every step is durable before the next one counts; else at the latest so long after"),
    TEXT_OPTION("journal.mirror", AT(keep.mirror), "", PLACEMENT,
                "folder for a second copy of the journal, on another disk or host; empty: none"),

    MACHINE_OPTIONS(struct pretrain_config, machine, "8"),
    BOOL_OPTION("machine.accept_break", AT(machine.accept_break), "false", PLACEMENT,
                "resume with another instruction set or library version; the run says so from then on"),

    WATCH_OPTIONS(struct pretrain_config, watch),
};
const size_t pretrain_option_count = sizeof pretrain_options / sizeof *pretrain_options;

double mixture_tau(const struct mixture_config *m, int64_t step)
{
    double tau = m->tau * exp(-m->tau_decay * (double)step);

    return tau > m->tau_least ? tau : m->tau_least;
}
