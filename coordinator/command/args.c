#include "coordinator/command/args.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/options.h"

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
        if (!next || !strchr(next, '=')) return fault(ST_USAGE, "--set: expected key=value behind it");
        *set = argv[++*i];
        return ST_OK;
    }
    if (strchr(key, '=')) return *set = key, ST_OK;
    if (!next || strncmp(next, "--", 2) == 0) return join(a, key, "true", set);
    ++*i;
    return join(a, key, next, set);
}

status args_parse(int argc, char **argv, int most, struct args *out)
{
    const char **sets;
    status s = ST_OK;

    memset(out, 0, sizeof *out);
    TRY(mem_keep_new(&out->keep, (size_t)argc, sizeof *sets, &sets));
    for (int i = 1; i < argc && s == ST_OK; i++) {
        if (strncmp(argv[i], "--", 2) == 0 && argv[i][2]) {
            s = parse_option(out, argc, argv, &i, &sets[out->set_count]);
            out->set_count += s == ST_OK;
        } else if (out->word_count == most || out->word_count == (int)(sizeof out->words / sizeof *out->words)) {
            s = fault(ST_USAGE, "found \"%.60s\", expected an option (--key value)", argv[i]);
        } else {
            out->words[out->word_count++] = argv[i];
        }
    }
    out->sets = sets;
    if (s != ST_OK) args_fini(out);
    return s;
}

void args_fini(struct args *args)
{
    mem_keep_free(&args->keep);
}

status args_run(int argc, char **argv, const char *usage, const struct option *table, size_t count, void *config,
                status (*run)(const char *word, const void *config))
{
    struct options options;
    struct args args;
    status s;

    TRY(args_parse(argc, argv, 1, &args));
    if (args.word_count != 1) s = fault(ST_USAGE, "usage: %s", usage);
    else s = options_load(table, count, config, NULL, args.sets, args.set_count, &options);
    if (s == ST_OK) {
        s = run(args.words[0], config);
        options_fini(&options);
    }
    args_fini(&args);
    return s;
}
