#include "cluster/store/numbered.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

int numbered_parse(const char *name, const char *before, const char *after, uint64_t *number)
{
    size_t n = strlen(before);
    char again[64];
    char *end;

    if (strncmp(name, before, n) != 0) return 0;
    errno = 0;
    *number = strtoull(name + n, &end, 10);
    if (errno != 0 || strcmp(end, after) != 0) return 0;
    snprintf(again, sizeof again, "%s%" PRIu64 "%s", before, *number, after);
    return strcmp(again, name) == 0;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

status numbered_list(const char *folder, const char *before, const char *after, uint64_t **numbers, size_t *count)
{
    struct dirent *entry;
    size_t room = 0;
    uint64_t number;
    status s = ST_OK;
    DIR *dir;

    *numbers = NULL;
    *count = 0;
    dir = opendir(folder);
    if (!dir) return errno == ENOENT ? ST_OK : fault(ST_IO, "%s: cannot be read: %s", folder, strerror(errno));
    while (s == ST_OK && (entry = readdir(dir)) != NULL) {
        if (!numbered_parse(entry->d_name, before, after, &number)) continue;
        s = mem_grow(numbers, &room, *count + 1, sizeof **numbers);
        if (s == ST_OK) (*numbers)[(*count)++] = number;
    }
    closedir(dir);
    if (s != ST_OK) {
        mem_free(*numbers);
        *numbers = NULL;
        return s;
    }
    if (*count > 1) qsort(*numbers, *count, sizeof **numbers, by_value);
    return ST_OK;
}

status numbered_largest(const char *folder, const char *before, const char *after, uint64_t *number)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    uint64_t one;

    *number = 0;
    if (!dir) return errno == ENOENT ? ST_OK : fault(ST_IO, "%s: cannot be read: %s", folder, strerror(errno));
    while ((entry = readdir(dir)) != NULL)
        if (numbered_parse(entry->d_name, before, after, &one) && one > *number) *number = one;
    closedir(dir);
    return ST_OK;
}
