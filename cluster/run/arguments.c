/* Only rank 0 reads files, so a bad one gives one message. */
#include "cluster/run/arguments.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

static status push(const char ***list, size_t *count, size_t *room, const char *word)
{
    TRY(mem_grow(list, room, *count + 1, sizeof **list));
    (*list)[(*count)++] = word;
    return ST_OK;
}

status arguments_parse(int argc, char **argv, struct arguments *a)
{
    status s = ST_OK;

    *a = (struct arguments){.resume = -1};
    for (int i = 1; i < argc && s == ST_OK; i++) {
        if (strcmp(argv[i], "--set") == 0) {
            if (++i == argc) s = fault(ST_USAGE, "%s: --set wants name=value behind it", argv[0]);
            else s = push(&a->sets, &a->set_count, &a->set_room, argv[i]);
        } else if (strncmp(argv[i], "--set=", 6) == 0) {
            s = push(&a->sets, &a->set_count, &a->set_room, argv[i] + 6);
        } else if (strcmp(argv[i], "--resume") == 0) {
            a->resume = 1;
        } else if (strcmp(argv[i], "--new") == 0) {
            a->resume = 0;
        } else if (argv[i][0] == '-' && argv[i][1]) {
            s = fault(ST_USAGE, "%s: unknown flag \"%s\"; `mp2 help %s` lists them", argv[0], argv[i], argv[0]);
        } else if (!a->config) {
            a->config = argv[i];
        } else {
            s = push(&a->rest, &a->rest_count, &a->rest_room, argv[i]);
        }
    }
    if (s != ST_OK) arguments_fini(a);
    return s;
}

void arguments_fini(struct arguments *a)
{
    mem_free(a->sets);
    mem_free(a->rest);
    *a = (struct arguments){0};
}

static status dump(const struct options *o, char **text, size_t *bytes)
{
    FILE *to = open_memstream(text, bytes);
    status s;

    if (!to) return fault(ST_MEMORY, "out of memory: the resolved configuration");
    s = options_dump(o, to);
    if (fclose(to) != 0 && s == ST_OK) s = fault(ST_MEMORY, "out of memory: the resolved configuration");
    return s;
}

status arguments_load(struct comm *c, const struct arguments *a, const struct option *table, size_t count, void *config,
                      struct options *options, char **text)
{
    char *resolved = NULL;
    size_t bytes = 0;
    status s = ST_OK;

    *text = NULL;
    if (comm_is_coordinator(c)) {
        s = options_load(table, count, config, a->config, a->sets, a->set_count, options);
        if (s == ST_OK) s = dump(options, text, &bytes);
        resolved = *text;
    }
    TRY(comm_agree(c, s));
    TRY(comm_broadcast_sized(c, (void **)&resolved, &bytes, 0));
    if (comm_is_coordinator(c)) return ST_OK;
    *text = strndup(resolved, bytes);
    mem_free(resolved);
    if (!*text) return fault(ST_MEMORY, "out of memory: the resolved configuration");
    return options_load_text(table, count, config, "resolved configuration", *text, bytes, options);
}
