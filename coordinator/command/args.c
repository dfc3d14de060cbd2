#include "coordinator/command/args.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"

/* "--key" and value into "key=value"; --some-key is some_key. */
static status join(struct args *a, const char *key, const char *value, const char **out)
{
    char *text;
    size_t n = strlen(key), m = strlen(value);

    TRY(mem_keep_new(&a->keep, n + m + 2, 1, &text));
    for (size_t i = 0; i < n; i++) text[i] = key[i] == '-' ? '_' : key[i];
    text[n] = '=';
    memcpy(text + n + 1, value, m);
    *out = text;
    return ST_OK;
}

static status parse_option(struct args *a, int argc, char **argv, int *i, const char **set)
{
    const char *key = argv[*i] + 2, *next = *i + 1 < argc ? argv[*i + 1] : NULL;

    if (strcmp(key, "set") == 0) {
        if (!next || !strchr(next, '=')) return fault(ST_USAGE, "--set: expected key=value after it");
        *set = argv[++*i];
        return ST_OK;
    }
    if (strchr(key, '=')) return *set = key, ST_OK;
    if (!next || strncmp(next, "--", 2) == 0) return join(a, key, "true", set);
    ++*i;
    return join(a, key, next, set);
}

static status parse_args(int argc, char **argv, int most, int resumes, struct args *out)
{
    const char **sets;
    status s = ST_OK;

    *out = (struct args){.resume = -1};
    TRY(mem_keep_new(&out->keep, (size_t)argc, sizeof *sets, &sets));
    out->sets = sets;
    for (int i = 1; i < argc && s == ST_OK; i++) {
        if (resumes && strcmp(argv[i], "--resume") == 0) {
            out->resume = 1;
        } else if (resumes && strcmp(argv[i], "--new") == 0) {
            out->resume = 0;
        } else if (strncmp(argv[i], "--", 2) == 0 && argv[i][2]) {
            s = parse_option(out, argc, argv, &i, &sets[out->set_count]);
            out->set_count += s == ST_OK;
        } else if (out->word_count == most || out->word_count == ARGS_WORDS) {
            s = fault(ST_USAGE, "found \"%.60s\", expected an option (--key value)", argv[i]);
        } else {
            out->words[out->word_count++] = argv[i];
        }
    }
    if (s != ST_OK) args_fini(out);
    return s;
}

status args_parse(int argc, char **argv, int most, struct args *out)
{
    return parse_args(argc, argv, most, 0, out);
}

status args_parse_resuming(int argc, char **argv, int most, struct args *out)
{
    return parse_args(argc, argv, most, 1, out);
}

void args_fini(struct args *args)
{
    mem_keep_free(&args->keep);
}

static status check_words(const struct args *args, const struct args_words *words)
{
    return args->word_count >= words->least ? ST_OK : fault(ST_USAGE, "usage: %s", words->usage);
}

/* ---- whole commands on one process ---- */

static status load_and_run(const struct args *args, const struct args_form *form, void *config,
                           status (*run)(const struct args *args, void *config))
{
    struct options options;
    status s;

    TRY(check_words(args, &form->words));
    TRY(options_load(form->table, form->count, config, form->file ? args->words[0] : NULL, args->sets, args->set_count,
                     &options));
    s = run(args, config);
    options_fini(&options);
    return s;
}

status args_run(int argc, char **argv, const struct args_form *form, void *config,
                status (*run)(const struct args *args, void *config))
{
    struct args args;
    status s;

    TRY(args_parse(argc, argv, form->words.most, &args));
    s = load_and_run(&args, form, config, run);
    args_fini(&args);
    return s;
}

/* ---- whole commands under mpirun ---- */

/* The words are checked before MPI starts: wrong usage is no failed run. */
status args_run_ranks(int argc, char **argv, const struct args_words *words,
                      status (*run)(struct comm *c, const struct args *args))
{
    struct args args;
    struct comm comm;
    status s;

    TRY(parse_args(argc, argv, words->most, 1, &args));
    s = check_words(&args, words);
    if (s == ST_OK) {
        s = comm_init(&comm);
        if (s == ST_OK) s = run(&comm, &args);
        comm_fini(&comm, s);
    }
    args_fini(&args);
    return s;
}

status args_load(struct comm *c, const struct args *args, const char *file, const struct option *table, size_t count,
                 void *config, struct options *options, char **text)
{
    char *resolved = NULL;
    size_t bytes = 0;
    status s = ST_OK;

    *text = NULL;
    if (comm_is_coordinator(c)) {
        s = options_load(table, count, config, file, args->sets, args->set_count, options);
        if (s == ST_OK) s = options_text(options, text);
        resolved = *text;
        bytes = resolved ? strlen(resolved) : 0;
    }
    TRY(comm_agree(c, s));
    TRY(comm_broadcast_sized(c, (void **)&resolved, &bytes, 0));
    if (comm_is_coordinator(c)) return ST_OK;
    *text = strndup(resolved, bytes);
    mem_free(resolved);
    if (!*text) return fault(ST_MEMORY, "out of memory: the resolved configuration");
    return options_load_text(table, count, config, "resolved configuration", *text, bytes, options);
}

status args_recall(struct comm *c, const char *run, struct machine_config *machine)
{
    char path[4096 + 32];

    snprintf(path, sizeof path, "%s/config.resolved.yaml", run);
    return machine_recall(c, path, machine);
}
