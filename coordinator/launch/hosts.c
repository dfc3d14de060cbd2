#include "coordinator/launch/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

void hosts_fini(struct hosts *hosts)
{
    mem_free(hosts->items);
    *hosts = (struct hosts){0};
}

status hosts_add(struct hosts *hosts, const char *name, int slots)
{
    struct host *host;

    if (hosts->count == HOSTS_MOST) return fault(ST_INPUT, "more than %d hosts", HOSTS_MOST);
    TRY(mem_grow(&hosts->items, &hosts->room, hosts->count + 1, sizeof *hosts->items));
    host = &hosts->items[hosts->count++];
    *host = (struct host){.slots = slots};
    snprintf(host->name, sizeof host->name, "%s", name);
    return ST_OK;
}

status hosts_copy(const struct hosts *from, struct hosts *to)
{
    TRY(mem_grow(&to->items, &to->room, from->count + 1, sizeof *to->items));
    if (from->count > 0) memcpy(to->items, from->items, from->count * sizeof *to->items);
    to->count = from->count;
    return ST_OK;
}

int hosts_equal(const struct hosts *a, const struct hosts *b)
{
    if (a->count != b->count) return 0;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].slots != b->items[i].slots || strcmp(a->items[i].name, b->items[i].name) != 0) return 0;
    return 1;
}

int hosts_slots(const struct hosts *hosts)
{
    int slots = 0;

    for (size_t i = 0; i < hosts->count; i++) slots += hosts->items[i].slots;
    return slots;
}

static int same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "."), m = strcspn(b, ".");

    if (strcmp(a, b) == 0) return 1;
    /* Addresses have no domain. */
    if (strspn(a, "0123456789.") == strlen(a) || strspn(b, "0123456789.") == strlen(b)) return 0;
    return n == m && n > 0 && strncmp(a, b, n) == 0;
}

int host_is_here(const char *name)
{
    char here[HOST_BYTES] = "";

    if (strcmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0) return 1;
    return gethostname(here, sizeof here - 1) == 0 && same_name(name, here);
}

int hosts_find(const struct hosts *hosts, const char *name)
{
    for (size_t i = 0; i < hosts->count; i++)
        if (same_name(hosts->items[i].name, name)) return (int)i;
    for (size_t i = 0; host_is_here(name) && i < hosts->count; i++)
        if (host_is_here(hosts->items[i].name)) return (int)i;
    return -1;
}

void hosts_text(const struct hosts *hosts, int extra, char *out, size_t room)
{
    size_t used = 0;

    out[0] = 0;
    for (size_t i = 0; i < hosts->count && used < room; i++)
        used += (size_t)snprintf(out + used, room - used, "%s%s:%d", i ? "," : "", hosts->items[i].name,
                                 hosts->items[i].slots + (i == 0 ? extra : 0));
}

/* ---- reading ---- */

static int name_is_good(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n < HOST_BYTES && name[0] != '-' && strpbrk(name, ",:;()'\"`$&|<>\\") == NULL;
}

static status parse_slots(const char *where, int line, const char *text, int *slots)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (end == text || *end || n < 0 || n > SLOTS_MOST)
        return fault(ST_INPUT, "%s:%d: found slots \"%.40s\", expected a number from 0 to %d", where, line, text,
                     SLOTS_MOST);
    *slots = (int)n;
    return ST_OK;
}

static status bad_name(const char *where, int line, const char *name)
{
    return fault(ST_INPUT, "%s:%d: found \"%.60s\", expected a host's name", where, line, name);
}

/* A host twice has the room of both. */
static status add_more(struct hosts *out, const char *name, int slots)
{
    int at = -1;

    for (size_t i = 0; i < out->count && at < 0; i++)
        if (strcmp(out->items[i].name, name) == 0) at = (int)i;
    if (at < 0) return hosts_add(out, name, slots);
    if (out->items[at].slots + slots <= SLOTS_MOST) out->items[at].slots += slots;
    return ST_OK;
}

static status file_line(const char *where, int line, char *text, struct hosts *out)
{
    char *state = NULL, *name = strtok_r(text, " \t\r", &state), *word;
    int slots = 1, most = SLOTS_MOST;

    if (!name) return ST_OK;
    if (!name_is_good(name)) return bad_name(where, line, name);
    while ((word = strtok_r(NULL, " \t\r", &state)) != NULL) {
        if (strncmp(word, "slots=", 6) == 0) TRY(parse_slots(where, line, word + 6, &slots));
        else if (strncmp(word, "max_slots=", 10) == 0) TRY(parse_slots(where, line, word + 10, &most));
        else if (strncmp(word, "max-slots=", 10) == 0) TRY(parse_slots(where, line, word + 10, &most));
        else return fault(ST_INPUT, "%s:%d: found \"%.40s\", expected slots=N", where, line, word);
    }
    return add_more(out, name, slots < most ? slots : most);
}

static status script_line(const char *where, int line, char *text, struct hosts *out)
{
    char *state = NULL, *name = strtok_r(text, " \t\r", &state), *colon;
    int slots = 1;

    if (!name) return ST_OK;
    colon = strchr(name, ':');
    if (colon) *colon = 0;
    if (!name_is_good(name)) return bad_name(where, line, name);
    if (strtok_r(NULL, " \t\r", &state)) return fault(ST_INPUT, "%s:%d: expected HOST:SLOTS", where, line);
    if (colon) TRY(parse_slots(where, line, colon + 1, &slots));
    return add_more(out, name, slots);
}

typedef status line_reader(const char *where, int line, char *text, struct hosts *out);

static status each_line(const char *where, const char *text, line_reader *read, struct hosts *out)
{
    char *copy, *next;
    status s = ST_OK;
    int line = 0;

    out->count = 0;
    TRY(mem_text(text, strlen(text), &copy));
    for (char *at = copy; s == ST_OK && at; at = next) {
        next = strchr(at, '\n');
        if (next) *next++ = 0;
        at[strcspn(at, "#")] = 0;
        s = read(where, ++line, at, out);
    }
    mem_free(copy);
    return s;
}

status hosts_parse_file(const char *name, const char *text, struct hosts *out)
{
    return each_line(name, text, file_line, out);
}

status hosts_parse_script(const char *name, const char *text, struct hosts *out)
{
    return each_line(name, text, script_line, out);
}

/* "2(x3),1": the next number, for so many nodes. */
static status next_tasks(const char **at, int *slots, int *nodes)
{
    int used = 0;

    *nodes = 1;
    if (sscanf(*at, "%d%n", slots, &used) != 1 || *slots < 1 || *slots > SLOTS_MOST)
        return fault(ST_INPUT, "SLURM_TASKS_PER_NODE: found \"%.40s\", expected numbers like 2(x3),1", *at);
    *at += used;
    used = 0;
    if (sscanf(*at, "(x%d)%n", nodes, &used) == 1 && used > 0) *at += used;
    if (**at == ',') ++*at;
    return ST_OK;
}

status hosts_parse_slurm(const char *nodes, const char *tasks, struct hosts *out)
{
    int slots = 1, left = 0;

    TRY(hosts_parse_script("Slurm's nodes", nodes, out));
    for (size_t i = 0; i < out->count; i++, left--) {
        if (left == 0 && *tasks) TRY(next_tasks(&tasks, &slots, &left));
        out->items[i].slots = slots;
    }
    return ST_OK;
}
