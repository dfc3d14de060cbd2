/* One place where JSON text becomes a tree. */
#include "cluster/base/json.h"

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

status json_parse(const char *name, const char *text, size_t n, json_t **root)
{
    json_error_t why;

    *root = NULL;
    if (n > JSON_LIMIT) return fault(ST_INPUT, "%s: %zu bytes of JSON, expected at most %d", name, n, JSON_LIMIT);
    *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!*root && json_error_code(&why) == json_error_out_of_memory) return fault(ST_MEMORY, "%s: out of memory", name);
    if (!*root) return fault(ST_INPUT, "%s:%d: column %d: %.160s", name, why.line, why.column, why.text);
    if (json_is_object(*root)) return ST_OK;
    json_decref(*root);
    *root = NULL;
    return fault(ST_INPUT, "%s: expected a JSON object", name);
}

status json_open(const char *path, json_t **root)
{
    char *text;
    size_t n;
    status s;

    *root = NULL;
    TRY(file_read(path, JSON_LIMIT, &text, &n));
    s = json_parse(path, text, n, root);
    mem_free(text);
    return s;
}
