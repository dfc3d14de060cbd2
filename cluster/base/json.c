/* One place where JSON text becomes a tree. */
#include "cluster/base/json.h"

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

static status parse(const char *name, const char *text, size_t n, size_t limit, size_t flags, json_t **root)
{
    json_error_t why;

    *root = NULL;
    if (n > limit) return fault(ST_INPUT, "%s: %zu bytes of JSON, expected at most %zu", name, n, limit);
    *root = json_loadb(text, n, JSON_REJECT_DUPLICATES | flags, &why);
    if (!*root && json_error_code(&why) == json_error_out_of_memory) return fault(ST_MEMORY, "%s: out of memory", name);
    if (!*root) return fault(ST_INPUT, "%s:%d: column %d: %.160s", name, why.line, why.column, why.text);
    if (json_is_object(*root)) return ST_OK;
    json_decref(*root);
    *root = NULL;
    return fault(ST_INPUT, "%s: expected a JSON object", name);
}

static status open_json(const char *path, size_t limit, size_t flags, json_t **root)
{
    char *text;
    size_t n;
    status s;

    *root = NULL;
    TRY(file_read(path, limit, &text, &n));
    s = parse(path, text, n, limit, flags, root);
    mem_free(text);
    return s;
}

status json_parse(const char *name, const char *text, size_t n, json_t **root)
{
    return parse(name, text, n, JSON_LIMIT, 0, root);
}

status json_open(const char *path, json_t **root)
{
    return open_json(path, JSON_LIMIT, 0, root);
}

status json_parse_foreign(const char *name, const char *text, size_t n, json_t **root)
{
    return parse(name, text, n, JSON_FOREIGN_LIMIT, JSON_DECODE_INT_AS_REAL, root);
}

status json_open_foreign(const char *path, json_t **root)
{
    return open_json(path, JSON_FOREIGN_LIMIT, JSON_DECODE_INT_AS_REAL, root);
}
