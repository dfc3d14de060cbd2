/* Only rank 0 reads files, so a bad one gives one message. */
#include "coordinator/command/arguments.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

status arguments_parse(int argc, char **argv, int words, struct arguments *a)
{
    char **others;
    int count = 0;
    status s;

    *a = (struct arguments){.resume = -1};
    TRY(mem_alloc((size_t)argc + 1, sizeof *others, &others));
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--resume") == 0) a->resume = 1;
        else if (strcmp(argv[i], "--new") == 0) a->resume = 0;
        else others[count++] = argv[i];
    }
    s = args_parse(count, others, words, &a->args);
    mem_free(others);
    TRY(s);
    if (a->args.word_count > 0) a->config = a->args.words[0];
    if (a->args.word_count > 1) a->second = a->args.words[1];
    return ST_OK;
}

void arguments_fini(struct arguments *a)
{
    args_fini(&a->args);
    *a = (struct arguments){0};
}

status arguments_load(struct comm *c, const struct arguments *a, const struct option *table, size_t count, void *config,
                      struct options *options, char **text)
{
    char *resolved = NULL;
    size_t bytes = 0;
    status s = ST_OK;

    *text = NULL;
    if (comm_is_coordinator(c)) {
        s = options_load(table, count, config, a->config, a->args.sets, a->args.set_count, options);
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

status arguments_run(int argc, char **argv, int words, status (*run)(struct comm *c, const struct arguments *a))
{
    struct arguments a;
    struct comm comm;
    status s;

    TRY(arguments_parse(argc, argv, words, &a));
    s = comm_init(&comm);
    if (s == ST_OK) s = run(&comm, &a);
    comm_fini(&comm, s);
    arguments_fini(&a);
    return s;
}
