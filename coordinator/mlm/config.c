#include "coordinator/mlm/config.h"

#define AT(field) offsetof(struct mlm_config, field)

const struct option mlm_options[] = {
    {"run", OPTION_TEXT, AT(run), NULL, 0, 0, AFFECTS_PLACEMENT, "", "folder of the run, seen by all workers: text, journal, checkpoints, metrics", NULL},
    {"texts", OPTION_LIST, AT(texts), NULL, 0, 0, AFFECTS_RESULT, "", "files, or folders of files, .txt, .txt.gz or .txt.xz, in UTF-8", NULL},
    {"documents", OPTION_CHOICE, AT(documents), "line", 0, 0, AFFECTS_RESULT, "", "what a document is: a line, or the lines up to an empty one", "line|block"},
    {"heldout", OPTION_REAL, AT(heldout), "0.01", 0, 1, AFFECTS_RESULT, "", "share of the documents kept for evaluation; 0: none, and no evaluation", NULL},
    {"vocab", OPTION_TEXT, AT(vocab), NULL, 0, 0, AFFECTS_PLACEMENT, "", "vocab.txt (`mp2 vocab` makes one)", NULL},
    {"model", OPTION_TEXT, AT(model), "", 0, 0, AFFECTS_PLACEMENT, "", "folder of an encoder to go on from; empty: a new one", NULL},
    {"new_head", OPTION_BOOL, AT(new_head), "false", 0, 0, AFFECTS_PLACEMENT, "", "go on from a `model` that has no masked-language-model head: with a random one", NULL},
    {"output", OPTION_TEXT, AT(output), "", 0, 0, AFFECTS_PLACEMENT, "", "folder of the trained encoder (Hugging Face); empty: RUN/model", NULL},
    {"seed", OPTION_INT, AT(seed), "42", 0, 9e15, AFFECTS_RESULT, "", "seed of everything drawn", NULL},
    {"evaluate", OPTION_BOOL, AT(evaluate), "false", 0, 0, AFFECTS_PLACEMENT, "", "train nothing: score `model` (empty: what the run wrote) on all held-out documents of `texts`", NULL},
    {"batches", OPTION_TEXT, AT(batches), "", 0, 0, AFFECTS_PLACEMENT, "", "with evaluate: write the masked sequences to this file, as JSON lines {ids, positions, targets}", NULL},
    {"log", OPTION_CHOICE, AT(log), "warn", 0, 0, AFFECTS_PLACEMENT, "", "what is said on standard error", "silent|error|warn|info|debug"},

    {"encoder.layers", OPTION_INT, AT(encoder.layers), "4", 1, 256, AFFECTS_RESULT, "", "of a new encoder", NULL},
    {"encoder.hidden", OPTION_INT, AT(encoder.hidden), "256", 16, 16384, AFFECTS_RESULT, "", "of a new encoder; a multiple of its heads", NULL},
    {"encoder.heads", OPTION_INT, AT(encoder.heads), "4", 1, 256, AFFECTS_RESULT, "", "of a new encoder", NULL},
    {"encoder.feed_forward", OPTION_INT, AT(encoder.feed_forward), "1024", 16, 65536, AFFECTS_RESULT, "", "of a new encoder", NULL},
    {"encoder.positions", OPTION_INT, AT(encoder.positions), "512", 16, 65536, AFFECTS_RESULT, "", "of a new encoder", NULL},
    {"encoder.dropout", OPTION_REAL, AT(encoder.dropout), "0.1", 0, 0.9, AFFECTS_RESULT, "", "of a new encoder, in its hidden rows and its attention", NULL},
    {"encoder.start", OPTION_CHOICE, AT(start), "plain", 0, 0, AFFECTS_RESULT, "", "of a new encoder; neighbours: the first layer looks at the tokens beside, which skips the plateau of small encoders", "plain|neighbours"},

    {"train.steps", OPTION_INT, AT(train.steps), "10k", 0, 1e12, AFFECTS_LIMIT, "steps", "how long (with a schedule other than constant it belongs to the result)", NULL},
    {"train.micro", OPTION_INT, AT(micros), "2", 1, 65536, AFFECTS_RESULT, "", "micro-batches of a step, dealt to the workers; at least as many as workers keeps all busy", NULL},
    {"train.sequences", OPTION_INT, AT(sequences), "16", 1, 65536, AFFECTS_RESULT, "sequences", "of a micro-batch", NULL},
    {"train.length", OPTION_INT, AT(length), "128", 16, 65536, AFFECTS_RESULT, "tokens", "of a sequence; a multiple of 16, at most the encoder's positions", NULL},
    {"train.apart", OPTION_BOOL, AT(apart), "false", 0, 0, AFFECTS_RESULT, "", "documents of a sequence do not see each other: each begins with a [CLS] of its own, in the place of the [SEP] before it", NULL},
    {"train.frozen", OPTION_INT, AT(frozen), "0", 0, 255, AFFECTS_RESULT, "layers", "layers from below that stay as they are, with the embeddings (of a given encoder); 0: all is trained", NULL},
    {"train.masked", OPTION_REAL, AT(masked), "0.15", 0.001, 0.9, AFFECTS_RESULT, "", "share of a sequence's tokens to guess", NULL},
    {"train.rate", OPTION_REAL, AT(train.rate), "1e-3", 0, 10, AFFECTS_RESULT, "", "learning rate", NULL},
    {"train.weight_decay", OPTION_REAL, AT(train.adamw.decay), "0.01", 0, 1, AFFECTS_RESULT, "", "AdamW's, on matrices and tables; not on biases and LayerNorms", NULL},
    {"train.beta1", OPTION_REAL, AT(train.adamw.beta1), "0.9", 0, 0.99999, AFFECTS_RESULT, "", "AdamW", NULL},
    {"train.beta2", OPTION_REAL, AT(train.adamw.beta2), "0.98", 0, 0.9999999, AFFECTS_RESULT, "", "AdamW", NULL},
    {"train.eps", OPTION_REAL, AT(train.adamw.eps), "1e-6", 1e-16, 1, AFFECTS_RESULT, "", "AdamW", NULL},
    {"train.clip", OPTION_REAL, AT(clip), "1", 0, 1e9, AFFECTS_RESULT, "", "largest norm of a step's gradient; a longer one is scaled down; 0: never", NULL},
    {"train.schedule", OPTION_CHOICE, AT(train.schedule), "linear", 0, 0, AFFECTS_RESULT, "", "of the learning rate, after the warm-up, down to 0 at train.steps", "constant|linear|cosine"},
    {"train.warmup", OPTION_INT, AT(train.warmup), "100", 0, 1e9, AFFECTS_RESULT, "steps", "the rate grows linearly over so many steps", NULL},
    {"train.dropout", OPTION_BOOL, AT(train.dropout), "true", 0, 0, AFFECTS_RESULT, "", "dropout at the encoder's own rates while training", NULL},
    {"train.skips", OPTION_INT, AT(train.skips), "20", 1, 1e9, AFFECTS_LIMIT, "steps", "stop after so many steps in a row whose loss or gradient is not finite", NULL},

    {"masking.unit", OPTION_CHOICE, AT(masking.unit), "token", 0, 0, AFFECTS_RESULT, "", "what is masked together: tokens one by one, whole words, spans", "token|word|span"},
    {"masking.words", OPTION_TEXT, AT(masking.words), "", 0, 0, AFFECTS_PLACEMENT, "", "for whole words of Chinese: a file with a word a line; empty: only pieces like ##ing are parts of words", NULL},
    {"masking.masked", OPTION_REAL, AT(masking.masked), "0.8", 0, 1, AFFECTS_RESULT, "", "share of the tokens to guess that become [MASK]", NULL},
    {"masking.random", OPTION_REAL, AT(masking.random), "0.1", 0, 1, AFFECTS_RESULT, "", "share that become another token; the rest stays as it is", NULL},
    {"masking.from", OPTION_CHOICE, AT(masking.from), "vocabulary", 0, 0, AFFECTS_RESULT, "", "where the other token is drawn from: all alike, or as the text has them", "vocabulary|text"},
    {"masking.first", OPTION_LIST, AT(first), "", 0, 0, AFFECTS_RESULT, "", "tokens that are guessed before all others, as far as train.masked goes (unit: token)", NULL},
    {"masking.span", OPTION_REAL, AT(masking.span), "0.2", 0.01, 1, AFFECTS_RESULT, "", "spans are geometric in length, with this probability to end after a token", NULL},
    {"masking.longest", OPTION_INT, AT(masking.longest), "10", 1, 1000, AFFECTS_RESULT, "tokens", "longest span", NULL},

    {"eval.every", OPTION_INT, AT(eval.every), "1000", 0, 1e12, AFFECTS_RESULT, "steps", "loss on held-out text, always masked as BERT does (15 %, 80/10/10), so that runs compare; 0: never", NULL},
    {"eval.sequences", OPTION_INT, AT(eval.rows), "256", 0, 1e9, AFFECTS_RESULT, "sequences", "at most so many; 0: all. The last evaluation takes all", NULL},
    {"eval.final", OPTION_BOOL, AT(eval.final), "true", 0, 0, AFFECTS_PLACEMENT, "", "evaluate on all held-out text at the end", NULL},

    {"checkpoint.every", OPTION_INT, AT(keep.every), "500", 1, 1e12, AFFECTS_PLACEMENT, "steps", "between checkpoints; steps since are computed again after a failure", NULL},
    {"checkpoint.keep", OPTION_INT, AT(keep.count), "2", 1, 1e6, AFFECTS_PLACEMENT, "", "newest checkpoints kept, besides the best", NULL},

    {"machine.precision", OPTION_CHOICE, AT(machine.precision), "auto", 0, 0, AFFECTS_RESULT, "", "of matrix inputs in the encoder; parameters and their gradients are f32", "auto|f32|bf16"},
    {"machine.isa", OPTION_CHOICE, AT(machine.isa), "auto", 0, 0, AFFECTS_RESULT, "", "instruction set; auto: the best that all workers have", "auto|avx2|avx512|avx512bf16"},
    {"machine.engine", OPTION_CHOICE, AT(machine.engine), "onednn", 0, 0, AFFECTS_RESULT, "", "matrix products of the encoder; openblas is f32 only", "onednn|openblas"},
    {"machine.exact", OPTION_BOOL, AT(machine.exact), "true", 0, 0, AFFECTS_RESULT, "", "refuse machines whose products depend on how rows are dealt", NULL},
    {"machine.threads", OPTION_INT, AT(machine.threads), "0", 0, 4096, AFFECTS_PLACEMENT, "", "threads a worker; 0: the node's cores over its workers", NULL},

    WATCH_OPTIONS(struct mlm_config, watch),
};
const size_t mlm_option_count = sizeof mlm_options / sizeof *mlm_options;
