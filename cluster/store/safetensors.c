/* Reading safetensors. Everything a later reader relies on is established here, in this order: the header's length, its
 * JSON, each entry on its own, then that the entries tile the data from its first byte to its last. */
#include "cluster/store/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/json.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

static status refuse_entry(const struct safetensors *file, const char *name, const char *expected)
{
    return fault(ST_INPUT, "%s: tensor \"%.200s\": expected %s", file->path, name, expected);
}

static status read_texts(struct safetensors *file, json_t *texts)
{
    const char *key;
    json_t *value;

    if (!json_is_object(texts)) return refuse_entry(file, "__metadata__", "an object of strings");
    TRY(mem_alloc(json_object_size(texts), sizeof *file->texts, &file->texts));
    json_object_foreach(texts, key, value)
    {
        if (!json_is_string(value)) return refuse_entry(file, "__metadata__", "an object of strings");
        file->texts[file->text_count++] = (struct safetensors_text){key, json_string_value(value)};
    }
    return ST_OK;
}

static int read_shape(const json_t *shape, struct tensor *t)
{
    if (!json_is_array(shape) || json_array_size(shape) > TENSOR_RANK) return 0;
    t->rank = (int)json_array_size(shape);
    for (int i = 0; i < t->rank; i++) {
        json_t *length = json_array_get(shape, (size_t)i);
        if (!json_is_integer(length)) return 0;
        t->shape[i] = json_integer_value(length);
    }
    return tensor_set_row_major(t);
}

/* data: the bytes after the header. */
static status read_entry(const struct safetensors *file, const char *name, const json_t *entry,
                         const unsigned char *data, size_t size, struct tensor *t)
{
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    json_int_t begin, end;
    int64_t bytes;

    t->name = name;
    if (!json_is_object(entry) || json_object_size(entry) != 3)
        return refuse_entry(file, name, "an object with dtype, shape and data_offsets");
    if (!type || !tensor_type_find(type, &t->type))
        return refuse_entry(file, name, "a known dtype such as F32 or BF16");
    if (!read_shape(json_object_get(entry, "shape"), t))
        return refuse_entry(file, name, "a shape of at most 8 lengths whose product is a size");
    if (json_array_size(offsets) != 2 || !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)))
        return refuse_entry(file, name, "data_offsets of two integers");
    begin = json_integer_value(json_array_get(offsets, 0));
    end = json_integer_value(json_array_get(offsets, 1));
    if (begin < 0 || end < begin || (uint64_t)end > size)
        return fault(ST_INPUT, "%s: tensor \"%.200s\": data_offsets %lld to %lld, expected within 0 to %zu", file->path,
                     name, (long long)begin, (long long)end, size);
    if (__builtin_mul_overflow(t->count, (int64_t)tensor_type_bytes(t->type), &bytes) || bytes != end - begin)
        return fault(ST_INPUT, "%s: tensor \"%.200s\": data_offsets hold %lld bytes, expected %lld elements of %s",
                     file->path, name, (long long)(end - begin), (long long)t->count, type);
    t->data = data + begin;
    t->bytes = (size_t)bytes;
    return ST_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;

    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

/* The tensors, sorted by place, cover the data from first byte to last, each byte once. */
static status check_tiling(const struct safetensors *file, const unsigned char *data, size_t size)
{
    const unsigned char *at = data;

    for (size_t i = 0; i < file->count; i++) {
        const struct tensor *t = &file->tensors[i];
        if (t->data != at)
            return fault(ST_INPUT, "%s: tensor \"%.200s\" starts at byte %zu of the data, expected %zu (%s)",
                         file->path, t->name, (size_t)(t->data - data), (size_t)(at - data),
                         t->data < at ? "overlap" : "hole");
        at += t->bytes;
    }
    if (at != data + size)
        return fault(ST_INPUT, "%s: %zu bytes after the last tensor, expected none", file->path,
                     (size_t)(data + size - at));
    return ST_OK;
}

static status read_header(struct safetensors *file, const unsigned char *data, size_t size)
{
    json_t *value;
    const char *key;

    TRY(mem_alloc(json_object_size(file->json), sizeof *file->tensors, &file->tensors));
    json_object_foreach(file->json, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) TRY(read_texts(file, value));
        else TRY(read_entry(file, key, value, data, size, &file->tensors[file->count++]));
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, by_place);
    TRY(check_tiling(file, data, size));
    qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    return ST_OK;
}

static status parse_file(struct safetensors *file, const unsigned char *bytes, size_t size)
{
    uint64_t length = 0;
    json_t *header;

    if (size < 8) return fault(ST_INPUT, "%s: %zu bytes, expected a safetensors file", file->path, size);
    for (int i = 7; i >= 0; i--) length = length << 8 | bytes[i];
    if (length > size - 8 || length > JSON_LIMIT)
        return fault(ST_INPUT,
                     "%s: header of %llu bytes in a file of %zu, expected at most %d within the file: "
                     "no safetensors file, or one cut short",
                     file->path, (unsigned long long)length, size, JSON_LIMIT);
    if (length < 2 || bytes[8] != '{')
        return fault(ST_INPUT, "%s: the header does not start with {, expected a safetensors file", file->path);
    TRY(json_parse(file->path, (const char *)bytes + 8, (size_t)length, &header));
    file->json = header;
    return read_header(file, bytes + 8 + length, size - 8 - (size_t)length);
}

status safetensors_open(const char *path, struct safetensors *file)
{
    struct file_map map;
    status s;

    memset(file, 0, sizeof *file); /* closing it is harmless whatever happens */
    TRY(file_map_open(path, &map));
    s = safetensors_open_bytes(path, map.data, map.size, file);
    if (s == ST_OK) file->map = map;
    else file_map_close(&map);
    return s;
}

status safetensors_open_bytes(const char *name, const void *data, size_t size, struct safetensors *file)
{
    status s;

    memset(file, 0, sizeof *file);
    TRY(file_keep_path(file->path, sizeof file->path, name));
    s = parse_file(file, data, size);
    if (s != ST_OK) safetensors_close(file);
    return s;
}

void safetensors_close(struct safetensors *file)
{
    json_decref(file->json);
    mem_free(file->tensors);
    mem_free(file->texts);
    file_map_close(&file->map);
    file->json = NULL;
    file->tensors = NULL;
    file->texts = NULL;
    file->count = file->text_count = 0;
}

const struct tensor *safetensors_find(const struct safetensors *file, const char *name)
{
    struct tensor key = {.name = name};

    return file->count ? bsearch(&key, file->tensors, file->count, sizeof key, by_name) : NULL;
}

const char *safetensors_metadata(const struct safetensors *file, const char *key)
{
    for (size_t i = 0; i < file->text_count; i++)
        if (strcmp(file->texts[i].key, key) == 0) return file->texts[i].value;
    return NULL;
}

status safetensors_expect(const struct safetensors *file, const char *name, enum tensor_type type, int rank,
                          const int64_t *shape, const struct tensor **out)
{
    const struct tensor *t = safetensors_find(file, name);

    *out = t;
    if (!t) return fault(ST_INPUT, "%s: tensor \"%s\" is missing", file->path, name);
    if (type == TENSOR_TYPE_COUNT ? !tensor_type_is_float(t->type) : t->type != type)
        return fault(ST_INPUT, "%s: tensor \"%s\" is %s, expected %s", file->path, name, tensor_type_name(t->type),
                     type == TENSOR_TYPE_COUNT ? "F32, F64, F16 or BF16" : tensor_type_name(type));
    return tensor_expect(file->path, t, rank, shape);
}
