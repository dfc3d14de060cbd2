/* The rows. Defaults are the method's (worker/README.md, "Black box") where it has one; the baselines' are their
 * papers' or, where those are for other sizes, what dev scores of a few tasks asked for. */
#include "coordinator/tune/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"

#define AT(field) offsetof(struct tune_config, field)

const struct option tune_options[] = {
    TEXT_OPTION("run", AT(run), NULL, PLACEMENT, "folder of the run: one folder a cell (task, method, seed)"),
    TEXT_OPTION("model", AT(model), NULL, PLACEMENT, "folder of the encoder that the prompts were trained over"),
    TEXT_OPTION("data", AT(data), NULL, PLACEMENT, "folder of the imported tasks (mp2 data import)"),
    TEXT_OPTION("prompts", AT(prompts), NULL, PLACEMENT, "run of mp2 pretrain, or one of its checkpoints"),
    LIST_OPTION("tasks", AT(tasks), NULL, PLACEMENT, "ids of the tasks to tune"),
    LIST_OPTION("methods", AT(methods), "gradient", PLACEMENT,
                "gradient, black-box, router, prompt, deep-prompt, single, full, zero-shot"),
    LIST_OPTION("seeds", AT(seeds), "8,13,21,42,100", PLACEMENT,
                "of the few examples and of everything drawn; one cell each"),
    INT_OPTION("k", AT(k), "0", 0, 1e6, RESULT, "examples",
               "per label (in all where there are no labels) to train on, and as many for dev; 0: as the task says"),
    TEXT_OPTION("start", AT(start), "", RESULT,
                "router to begin with: empty: near 0; seen: the task's own row where it was pre-trained; best: that "
                "pre-trained row whose training loss is least; or a pre-trained task's id"),
    INT_OPTION("dev_every", AT(dev_every), "25", 1, 1e9, RESULT, "steps",
               "between looks at the dev examples; the best state is kept"),
    REAL_OPTION("weight_decay", AT(weight_decay), "0.01", 0, 1, RESULT, "", "AdamW's, of all gradient methods"),
    BOOL_OPTION("fresh_head", AT(fresh_head), "false", RESULT,
                "prompt, deep-prompt and full begin with a fresh head instead of the pre-trained one"),
    INT_OPTION("test_rows", AT(test_rows), "0", 0, 1e9, RESULT, "rows",
               "at most so many rows of the test split, a keyed subset; 0: all"),
    INT_OPTION("batch_tokens", AT(batch_tokens), "16Ki", 512, 1e8, PLACEMENT, "tokens",
               "dealt to a worker at a time when rows are scored"),
    CHOICE_OPTION("log", AT(log), "warn", "silent|error|warn|info|debug", PLACEMENT,
                  "how much is reported on standard error"),

    TRAIN_LOSS_OPTION(struct tune_config, loss),

    INT_OPTION("router.epochs", AT(router.epochs), "500", 0, 1e9, RESULT, "epochs",
               "of the router alone: stage one of gradient, all of router"),
    REAL_OPTION("router.rate", AT(router.rate), "3e-3", 0, 10, RESULT, "", "learning rate"),
    INT_OPTION("gradient.epochs", AT(gradient.epochs), "500", 0, 1e9, RESULT, "epochs",
               "of the modules' prompts and the head: stage two"),
    REAL_OPTION("gradient.rate", AT(gradient.rate), "0", 0, 10, RESULT, "",
                "learning rate; 0: 2e-5 for deep prompts, 3e-4 for shallow ones"),
    INT_OPTION("prompt.epochs", AT(prompt.epochs), "1000", 0, 1e9, RESULT, "epochs",
               "of a fresh prompt before the first layer, and the head"),
    REAL_OPTION("prompt.rate", AT(prompt.rate), "5e-3", 0, 10, RESULT, "", "learning rate"),
    INT_OPTION("deep_prompt.epochs", AT(deep_prompt.epochs), "1000", 0, 1e9, RESULT, "epochs",
               "of fresh prompts before every layer, and the head"),
    REAL_OPTION("deep_prompt.rate", AT(deep_prompt.rate), "5e-3", 0, 10, RESULT, "", "learning rate"),
    TEXT_OPTION("single.prompts", AT(single_prompts), "", PLACEMENT,
                "run or checkpoint of mp2 pretrain with prompt.modules: 1"),
    INT_OPTION("single.epochs", AT(single.epochs), "1000", 0, 1e9, RESULT, "epochs",
               "of the one pre-trained prompt and the head"),
    REAL_OPTION("single.rate", AT(single.rate), "0", 0, 10, RESULT, "", "learning rate; 0: as gradient.rate"),
    INT_OPTION("full.epochs", AT(full.epochs), "100", 0, 1e9, RESULT, "epochs",
               "of all weights of the encoder, and the head"),
    REAL_OPTION("full.rate", AT(full.rate), "2e-5", 0, 10, RESULT, "", "learning rate"),

    INT_OPTION("black_box.router_evaluations", AT(black_box.router_evaluations), "0", 0, 1e5, RESULT, "losses",
               "of Bayesian optimisation of the router; 0: 100 deep, 200 shallow"),
    INT_OPTION("black_box.router_random", AT(black_box.router_random), "20", 1, 1e5, RESULT, "losses",
               "of these at random points"),
    INT_OPTION("black_box.router_check", AT(black_box.router_check), "10", 1, 1e9, RESULT, "losses",
               "between looks at dev"),
    INT_OPTION("black_box.evaluations", AT(black_box.evaluations), "0", 0, 1e9, RESULT, "losses",
               "of CMA-ES; 0: 3,000 deep, 7,800 shallow"),
    INT_OPTION("black_box.population", AT(black_box.population), "20", 4, 1e5, RESULT, "",
               "candidates of a generation"),
    INT_OPTION("black_box.check", AT(black_box.check), "100", 1, 1e9, RESULT, "losses", "between looks at dev"),
    REAL_OPTION("black_box.sigma", AT(black_box.sigma), "0", 0, 1e3, RESULT, "",
                "first step size; 0: 0.5 for the first layer of deep prompts, else 0.1"),
    REAL_OPTION("black_box.bound", AT(black_box.bound), "5", 0, 1e6, RESULT, "",
                "of intrinsic vectors (deep); 0: none"),

    BOOL_OPTION("reference.few_shot", AT(reference.few_shot), "false", RESULT,
                "k of the authors' gradient descent: 32 over the labels, 8 from ten labels on"),
    BOOL_OPTION("reference.moments", AT(reference.moments), "false", RESULT,
                "one AdamW over both stages: prompts and head enter stage two with the moments of stage one"),
    BOOL_OPTION("reference.padding", AT(reference.padding), "false", RESULT, "attend padding, as the reference does"),
    BOOL_OPTION("reference.product", AT(reference.product), "false", RESULT,
                "score an option by the product of its logits instead of their sum"),
    BOOL_OPTION("reference.choice", AT(reference.choice), "false", RESULT,
                "black box: keep the best of the points that were checked on dev, not the optimum"),
    REFERENCE_LOSS_OPTION(struct tune_config, reference.loss),

    MACHINE_OPTIONS(struct tune_config, machine, "8"),

    WATCH_OPTIONS(struct tune_config, watch),
};
const size_t tune_option_count = sizeof tune_options / sizeof *tune_options;

status tune_seeds(const struct tune_config *c, int64_t seeds[TUNE_SEEDS_MOST], size_t *count)
{
    *count = 0;
    if (c->seeds.count < 1 || c->seeds.count > TUNE_SEEDS_MOST)
        return fault(ST_INPUT, "seeds: found %zu, expected 1 to %d", c->seeds.count, TUNE_SEEDS_MOST);
    for (size_t i = 0; i < c->seeds.count; i++) {
        const char *text = c->seeds.items[i];
        char *end;
        long long seed;

        errno = 0;
        seed = strtoll(text, &end, 10);
        if (end == text || *end || errno != 0 || seed < 0)
            return fault(ST_INPUT, "seeds: found \"%.40s\", expected whole numbers, 0 or more", text);
        for (size_t j = 0; j < i; j++)
            if (seeds[j] == seed) return fault(ST_INPUT, "seeds: %lld stands there twice", seed);
        seeds[(*count)++] = seed;
    }
    return ST_OK;
}

status tune_methods(const struct tune_config *c, enum method methods[METHOD_COUNT], size_t *count)
{
    *count = 0;
    if (c->methods.count < 1) return fault(ST_INPUT, "methods: found none, expected at least one");
    for (size_t i = 0; i < c->methods.count; i++) {
        enum method method;

        if (method_parse(c->methods.items[i], &method) != 0)
            return fault(ST_INPUT,
                         "methods: found \"%.40s\", expected gradient, black-box, router, prompt, deep-prompt, single, "
                         "full or zero-shot",
                         c->methods.items[i]);
        for (size_t j = 0; j < *count; j++)
            if (methods[j] == method) return fault(ST_INPUT, "methods: %s stands there twice", method_text(method));
        if (method == METHOD_SINGLE && !c->single_prompts[0])
            return fault(
                ST_INPUT,
                "single.prompts: method single needs a checkpoint that was pre-trained with prompt.modules: 1");
        if (method == METHOD_FULL && c->machine.precision == PRECISION_INT8)
            return fault(ST_INPUT, "machine.precision: int8 is for weights that stay as they are, method full trains "
                                   "them: expected auto, f32 or bf16");
        methods[(*count)++] = method;
    }
    return ST_OK;
}

int tune_has_method(const struct tune_config *c, enum method method)
{
    enum method one;

    for (size_t i = 0; i < c->methods.count; i++)
        if (method_parse(c->methods.items[i], &one) == 0 && one == method) return 1;
    return 0;
}

/* Which sections of the table a method reads. */
static int section_counts(void *arg, const char *name)
{
    static const char *const sections[METHOD_COUNT] = {[METHOD_GRADIENT] = "router gradient",
                                                       [METHOD_BLACK_BOX] = "black_box",
                                                       [METHOD_ROUTER] = "router",
                                                       [METHOD_PROMPT] = "prompt",
                                                       [METHOD_DEEP_PROMPT] = "deep_prompt",
                                                       [METHOD_SINGLE] = "single gradient",
                                                       [METHOD_FULL] = "full",
                                                       [METHOD_ZERO_SHOT] = ""};
    enum method method = *(const enum method *)arg;
    size_t n = strcspn(name, ".");
    const char *p = sections[method];

    if (!name[n] || strncmp(name, "reference.", 10) == 0 || strncmp(name, "machine.", 8) == 0) return 1;
    if (strncmp(name, "train.", 6) == 0) return 1;
    while (*p) {
        size_t length = strcspn(p, " ");

        if (length == n && memcmp(p, name, n) == 0) return 1;
        p += length;
        p += *p == ' ';
    }
    return 0;
}

status tune_method_digest(const struct options *o, enum method method, char out[33])
{
    return options_digest(o, section_counts, &method, out);
}
