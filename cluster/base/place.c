#include "cluster/base/place.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cluster/base/file.h"

/* The folder above that of the program; 0: not known. */
static int find_prefix(char out[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n <= 0) return 0;
    self[n] = 0;
    snprintf(out, PATH_MAX, "%s", dirname(dirname(self)));
    return 1;
}

status place_find(const char *name, char *out, size_t room)
{
    static const char *const below[] = {"share/mp2/", ""};
    char prefix[PATH_MAX], place[PATH_MAX + 32];

    if (name[0] == '/' || access(name, F_OK) == 0 || !find_prefix(prefix)) return file_keep_path(out, room, name);
    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        if (snprintf(place, sizeof place, "%s/%s%s", prefix, below[i], name) >= (int)sizeof place) continue;
        if (access(place, F_OK) == 0) return file_keep_path(out, room, place);
    }
    return file_keep_path(out, room, name);
}
