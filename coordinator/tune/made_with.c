#include "coordinator/tune/made_with.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cluster/base/file.h"
#include "cluster/base/json.h"
#include "cluster/base/log.h"

enum { PATH_BYTES = 4096 + 32 };

static const char *text_of(const json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));

    return text ? text : "";
}

static status check_made_with(const char *folder, const json_t *was, const struct made_with *is)
{
    const char *set = text_of(was, "instruction_set"), *libraries = text_of(was, "libraries");

    /* What another configuration left is not gone on from. */
    if (strcmp(text_of(was, "digest"), is->digest) != 0) return ST_OK;
    if (strcmp(set, is->instruction_set) == 0 && strcmp(libraries, is->libraries) == 0) return ST_OK;
    return fault(
        ST_INPUT,
        "%s: cannot be resumed exactly: it was computed with %s, %s; here it would be %s, %s (remove the folder to "
        "begin the cell anew)",
        folder, set, libraries, is->instruction_set, is->libraries);
}

static status write_down(const char *path, const struct made_with *is)
{
    json_t *root = json_pack("{s:s,s:s,s:s}", "digest", is->digest, "instruction_set", is->instruction_set, "libraries",
                             is->libraries);
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    status s = text ? file_replace(path, text, strlen(text)) : fault(ST_MEMORY, "out of memory: %s", path);

    free(text);
    json_decref(root);
    return s;
}

status made_with_check(const char *folder, int begun, const struct made_with *is, int *anew)
{
    char path[PATH_BYTES];
    json_t *was;
    status s;

    snprintf(path, sizeof path, "%s/made_with.json", folder);
    *anew = begun && !file_exists(path);
    if (begun && !*anew) {
        TRY(json_open(path, &was));
        s = check_made_with(folder, was, is);
        json_decref(was);
        TRY(s);
    }
    TRY(file_make_folder(folder));
    return write_down(path, is);
}

status made_with_remove(const char *folder)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/made_with.json", folder);
    return unlink(path) == 0 || errno == ENOENT ? ST_OK
                                                : fault(ST_IO, "%s: cannot be removed: %s", path, strerror(errno));
}
