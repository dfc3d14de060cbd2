/* Writing safetensors: the layout as a function of the specs, and the plain writer on top of it. */
#include "cluster/store/safetensors.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

/* What went wrong inside jansson's builders is always memory. */
static status no_memory(void)
{
    return fault(ST_MEMORY, "out of memory: safetensors header");
}

static status add_texts(json_t *header, const struct safetensors_text *texts, size_t count)
{
    json_t *object = json_object();

    if (json_object_set_new(header, "__metadata__", object) != 0) return no_memory();
    for (size_t i = 0; i < count; i++) {
        if (json_object_get(object, texts[i].key))
            return fault(ST_INPUT, "metadata \"%.200s\" given twice", texts[i].key);
        if (json_object_set_new(object, texts[i].key, json_string(texts[i].value)) != 0)
            return fault(ST_INPUT, "metadata \"%.200s\" is not UTF-8", texts[i].key);
    }
    return ST_OK;
}

/* Append one tensor at *end (within the data) and move *end after it. */
static status add_tensor(json_t *header, const struct tensor_spec *spec, int64_t *end)
{
    struct tensor t = {.name = spec->name, .type = spec->type, .rank = spec->rank};
    int64_t begin = *end, bytes;
    json_t *entry = NULL, *shape;

    memcpy(t.shape, spec->shape, sizeof t.shape);
    if (spec->rank < 0 || spec->rank > TENSOR_RANK || !tensor_set_row_major(&t) ||
        __builtin_mul_overflow(t.count, (int64_t)tensor_type_bytes(t.type), &bytes) ||
        __builtin_add_overflow(begin, bytes, end))
        return fault(ST_INPUT, "tensor \"%.200s\": its shape is no size", spec->name);
    if (strcmp(spec->name, "__metadata__") == 0 || json_object_get(header, spec->name))
        return fault(ST_INPUT, "tensor \"%.200s\" given twice", spec->name);
    shape = json_array();
    for (int i = 0; i < spec->rank; i++)
        if (json_array_append_new(shape, json_integer(spec->shape[i])) != 0) {
            json_decref(shape);
            return no_memory();
        }
    entry = json_pack("{s:s, s:o, s:[I,I]}", "dtype", tensor_type_name(spec->type), "shape", shape, "data_offsets",
                      (json_int_t)begin, (json_int_t)*end);
    if (!entry) return no_memory();
    if (json_object_set_new(header, spec->name, entry) != 0)
        return fault(ST_INPUT, "tensor \"%.200s\": its name is not UTF-8", spec->name);
    return ST_OK;
}

/* layout->header = length word, JSON, spaces up to a multiple of 8. */
static status print_header(const json_t *header, struct safetensors_layout *layout)
{
    size_t length = json_dumpb(header, NULL, 0, JSON_COMPACT), padded = (length + 7) / 8 * 8;

    if (length == 0) return no_memory();
    TRY(mem_alloc(8 + padded, 1, &layout->header));
    for (int i = 0; i < 8; i++) layout->header[i] = (char)(unsigned char)((uint64_t)padded >> (8 * i));
    memset(layout->header + 8, ' ', padded);
    if (json_dumpb(header, layout->header + 8, length, JSON_COMPACT) != length) return no_memory();
    layout->header_bytes = 8 + padded;
    return ST_OK;
}

static status make_header(json_t *header, const struct tensor_spec *specs, size_t count,
                          const struct safetensors_text *texts, size_t text_count, struct safetensors_layout *layout)
{
    int64_t end = 0, before;

    TRY(mem_alloc(count, sizeof *layout->offset, &layout->offset));
    TRY(mem_alloc(count, sizeof *layout->bytes, &layout->bytes));
    if (text_count > 0) TRY(add_texts(header, texts, text_count));
    for (size_t i = 0; i < count; i++) {
        before = end;
        TRY(add_tensor(header, &specs[i], &end));
        layout->offset[i] = before;
        layout->bytes[i] = end - before;
    }
    TRY(print_header(header, layout));
    for (size_t i = 0; i < count; i++) layout->offset[i] += (int64_t)layout->header_bytes;
    layout->count = count;
    layout->file_bytes = end + (int64_t)layout->header_bytes;
    return ST_OK;
}

status safetensors_layout_make(const struct tensor_spec *specs, size_t count, const struct safetensors_text *texts,
                               size_t text_count, struct safetensors_layout *layout)
{
    json_t *header = json_object();
    status s;

    memset(layout, 0, sizeof *layout);
    if (!header) return no_memory();
    s = make_header(header, specs, count, texts, text_count, layout);
    json_decref(header);
    if (s != ST_OK) safetensors_layout_free(layout);
    return s;
}

void safetensors_layout_free(struct safetensors_layout *layout)
{
    mem_free(layout->header);
    mem_free(layout->offset);
    mem_free(layout->bytes);
    memset(layout, 0, sizeof *layout);
}

status safetensors_write(const char *path, const struct tensor_spec *specs, size_t count,
                         const struct safetensors_text *texts, size_t text_count, const void *const *data)
{
    struct safetensors_layout layout;
    struct file_out out;
    status s;
    int failed;

    TRY(safetensors_layout_make(specs, count, texts, text_count, &layout));
    s = file_out_open(path, &out);
    if (s != ST_OK) goto done;
    failed = fwrite(layout.header, 1, layout.header_bytes, out.stream) != layout.header_bytes;
    for (size_t i = 0; i < count && !failed; i++)
        failed = fwrite(data[i], 1, (size_t)layout.bytes[i], out.stream) != (size_t)layout.bytes[i];
    if (failed) {
        s = fault(ST_IO, "%s: cannot be written: %s", path, strerror(errno));
        file_out_abandon(&out);
        goto done;
    }
    s = file_out_commit(&out);
done:
    safetensors_layout_free(&layout);
    return s;
}
