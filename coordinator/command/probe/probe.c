/* mp2 probe: one batch through forward, backward and AdamW. Every input is checked before anything is computed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "coordinator/command/commands.h"
#include "coordinator/command/probe/probe.h"
#include "coordinator/prompt/router.h"

static status parse_count(const char *flag, const char *text, long most, int *out)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (*text == 0 || *end != 0 || n < 0 || n > most)
        return fault(ST_USAGE, "%s: found \"%s\", expected a number from 0 to %ld", flag, text, most);
    *out = (int)n;
    return ST_OK;
}

static status parse_choice(const char *flag, const char *text, const char *first, const char *second, int *out)
{
    *out = strcmp(text, second) == 0;
    if (!*out && strcmp(text, first) != 0)
        return fault(ST_USAGE, "%s: found \"%s\", expected %s or %s", flag, text, first, second);
    return ST_OK;
}

/* int8: the activations are as a run's would be here. */
static status parse_precision(const char *text, struct probe_options *o)
{
    int second = 0;

    o->int8 = strcmp(text, "int8") == 0;
    if (!o->int8 && parse_choice("--precision", text, "f32", "bf16", &second) != ST_OK) return ST_USAGE;
    o->precision = second || (o->int8 && matmul_has_bf16()) ? NUMBER_BF16 : NUMBER_F32;
    return ST_OK;
}

static status parse_value(const char *flag, const char *value, struct probe_options *o)
{
    int second = 0;

    if (strcmp(flag, "--model") == 0) o->model = value;
    else if (strcmp(flag, "--prompts") == 0) o->prompts = value;
    else if (strcmp(flag, "--case") == 0) o->probe_case = value;
    else if (strcmp(flag, "--out") == 0) o->out = value;
    else if (strcmp(flag, "--updates") == 0) return parse_count(flag, value, 1000000, &o->updates);
    else if (strcmp(flag, "--threads") == 0) return parse_count(flag, value, 1024, &o->threads);
    else if (strcmp(flag, "--precision") == 0) return parse_precision(value, o);
    else if (strcmp(flag, "--loss") == 0) {
        TRY(parse_choice(flag, value, "all", "answers", &second));
        o->loss = second ? LOSS_ANSWERS : LOSS_ALL;
    } else if (strcmp(flag, "--engine") == 0) {
        TRY(parse_choice(flag, value, "onednn", "openblas", &second));
        o->engine = second ? ENGINE_OPENBLAS : ENGINE_ONEDNN;
    } else return fault(ST_USAGE, "unknown option \"%s\"; `mp2 help probe` lists them", flag);
    return ST_OK;
}

static status parse_args(int argc, char **argv, struct probe_options *o)
{
    const char *const *needed[] = {&o->model, &o->prompts, &o->probe_case, &o->out};
    static const char *const names[] = {"--model DIR", "--prompts FILE", "--case FILE", "--out FILE"};

    *o = (struct probe_options){.loss = LOSS_ALL};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--attend-padding") == 0) {
            o->attend_padding = 1;
            continue;
        }
        if (i + 1 == argc && strncmp(argv[i], "--", 2) == 0) return fault(ST_USAGE, "%s: a value is missing", argv[i]);
        TRY(parse_value(argv[i], i + 1 < argc ? argv[i + 1] : "", o));
        i++;
    }
    for (int i = 0; i < 4; i++)
        if (!*needed[i]) return fault(ST_USAGE, "%s is missing; see `mp2 help probe`", names[i]);
    if (o->threads == 0) o->threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return ST_OK;
}

/* The out file's folder must be there before hours are spent on what goes into it. */
static status check_out(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t n = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);

    if (n >= sizeof folder) return fault(ST_INPUT, "--out: a path of %zu bytes is too long", strlen(path));
    if (slash) memcpy(folder, path, n);
    else folder[n++] = '.';
    folder[n] = 0;
    if (!file_is_folder(folder)) return fault(ST_INPUT, "%s: there is no folder %s", path, folder);
    if (file_is_folder(path)) return fault(ST_INPUT, "%s: found a folder, expected the name of a file", path);
    return ST_OK;
}

/* What neither file can know alone. */
static status check_limits(const struct probe_options *o, const struct model_config *model,
                           const struct prompts_file *prompts)
{
    if (model->hidden / model->heads > 256)
        return fault(ST_INPUT, "%s: heads are %lld wide, at most 256 are computed", o->model,
                     (long long)(model->hidden / model->heads));
    if (model->heads > 4096 || model->layers > 4096)
        return fault(ST_INPUT, "%s: more than 4096 layers or heads", o->model);
    if (prompts->modules > ROUTER_MODULES_MOST)
        return fault(ST_INPUT, "%s: %lld modules, at most %d are computed", o->prompts, (long long)prompts->modules,
                     ROUTER_MODULES_MOST);
    if (o->precision == NUMBER_BF16 && !matmul_has_bf16())
        return fault(ST_INPUT, "this CPU cannot multiply bf16 (AVX-512 BF16 is missing): use --precision f32");
    if (o->int8 && !matmul_has_int8())
        return fault(ST_INPUT, "this CPU cannot multiply in int8 (AVX-512 VNNI is missing): use --precision f32");
    if ((o->int8 || o->precision == NUMBER_BF16) && o->engine == ENGINE_OPENBLAS)
        return fault(ST_USAGE, "--engine openblas computes in f32 only");
    return ST_OK;
}

static status compute(struct probe_run *r)
{
    struct probe_result first = {0}, later = {0};
    status s = probe_result_new(r, &first);

    if (s == ST_OK) s = probe_pass(r, &first);
    if (s == ST_OK && !isfinite(first.loss))
        s = fault(ST_NUMBER, "%s: the loss is %g: the values of %s or of the prompts are too large for float32",
                  r->options->probe_case, first.loss, r->options->model);
    if (s == ST_OK && r->options->updates > 0) s = probe_update(r, &first, 1);
    if (s == ST_OK && r->options->updates > 1) s = probe_result_new(r, &later);
    for (int i = 2; i <= r->options->updates && s == ST_OK; i++) {
        s = probe_pass(r, &later);
        if (s == ST_OK) s = probe_update(r, &later, i);
    }
    if (s == ST_OK) s = probe_write(r, &first);
    probe_result_free(&later);
    probe_result_free(&first);
    return s;
}

/* The inputs are open: read the case, then compute; the folder's pages are let go once its weights are packed. */
static status probe(const struct probe_options *o, struct model_source **source, const struct prompts_file *prompts)
{
    struct probe_case probe_case;
    struct probe_run run;
    status s;

    TRY(check_limits(o, model_source_config(*source), prompts));
    TRY(probe_case_load(o->probe_case, model_source_config(*source), prompts, o->loss, &probe_case));
    s = probe_run_open(o, *source, prompts, &probe_case, &run);
    model_source_close(source);
    if (s == ST_OK) {
        s = compute(&run);
        probe_run_close(&run);
    }
    probe_case_free(&probe_case);
    return s;
}

status cmd_probe(int argc, char **argv)
{
    struct probe_options o;
    struct model_source *source;
    struct prompts_file prompts;
    status s;

    TRY(parse_args(argc, argv, &o));
    TRY(check_out(o.out));
    TRY(model_source_open(o.model, &source));
    s = prompts_file_open(o.prompts, model_source_config(source)->layers, model_source_config(source)->hidden,
                          &prompts);
    if (s == ST_OK) {
        s = probe(&o, &source, &prompts);
        prompts_file_close(&prompts);
    }
    model_source_close(&source);
    return s;
}

const char cmd_probe_flags[] =
    "  --model DIR        Hugging Face folder of the frozen encoder\n"
    "  --prompts FILE     safetensors: A, z, router, head.weight\n"
    "  --case FILE        safetensors: input_ids, lengths, start_positions, end_positions, task_id[, "
    "router_uniform]\n"
    "  --out FILE         safetensors to write: loss, logits, gradients[, updated parameters]\n"
    "  --precision P      f32 (default), bf16 or int8\n"
    "  --loss L           all (default): over all tokens; answers: over what can be the answer, which the\n"
    "                     case tells by options [B,N,2], or context [B,2][, no_answer [B,2]]: first and\n"
    "                     last tokens, -1 where there is none\n"
    "  --attend-padding   padding is attended and a candidate of the loss, as in the reference\n"
    "  --updates N        AdamW updates on this batch before the parameters are written\n"
    "  --threads N        default: the machine's\n"
    "  --engine E         onednn (default) or openblas\n";
