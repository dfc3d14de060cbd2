/* What a torch pickle may name, and what calling it gives: dicts, sizes, and views of storages as tensors. */
#include "cluster/store/torch/pickle.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"

static const struct {
    const char *name;
    int global;
} globals[] = {
    {"collections.OrderedDict", GLOBAL_ORDERED_DICT},
    {"torch.Size", GLOBAL_SIZE},
    {"torch._utils._rebuild_tensor", GLOBAL_REBUILD_TENSOR},
    {"torch._utils._rebuild_tensor_v2", GLOBAL_REBUILD_TENSOR_V2},
    {"torch._utils._rebuild_parameter", GLOBAL_REBUILD_PARAMETER},
    {"torch.DoubleStorage", GLOBAL_STORAGE + TENSOR_F64},
    {"torch.FloatStorage", GLOBAL_STORAGE + TENSOR_F32},
    {"torch.HalfStorage", GLOBAL_STORAGE + TENSOR_F16},
    {"torch.BFloat16Storage", GLOBAL_STORAGE + TENSOR_BF16},
    {"torch.LongStorage", GLOBAL_STORAGE + TENSOR_I64},
    {"torch.IntStorage", GLOBAL_STORAGE + TENSOR_I32},
    {"torch.ShortStorage", GLOBAL_STORAGE + TENSOR_I16},
    {"torch.CharStorage", GLOBAL_STORAGE + TENSOR_I8},
    {"torch.ByteStorage", GLOBAL_STORAGE + TENSOR_U8},
    {"torch.BoolStorage", GLOBAL_STORAGE + TENSOR_BOOL},
    {"torch.ComplexFloatStorage", GLOBAL_STORAGE + TENSOR_C64},
};

status pickle_find_global(struct pickle *p, const char *module, size_t module_bytes, const char *name,
                          size_t name_bytes, struct torch_value **out)
{
    *out = NULL;
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        const char *full = globals[i].name;

        if (strlen(full) != module_bytes + 1 + name_bytes || full[module_bytes] != '.') continue;
        if (memcmp(full, module, module_bytes) != 0 || memcmp(full + module_bytes + 1, name, name_bytes) != 0) continue;
        TRY(pickle_value(p, TORCH_GLOBAL, out));
        (*out)->as.global = globals[i].global;
        return ST_OK;
    }
    return fault(ST_INPUT, "%s: data.pkl byte %zu: refers to %.*s.%.*s, expected only tensors and plain values",
                 p->path, p->at, module_bytes > 100 ? 100 : (int)module_bytes, module,
                 name_bytes > 100 ? 100 : (int)name_bytes, name);
}

static int is_int(const struct torch_value *v)
{
    return v->kind == TORCH_INT && v->as.integer >= 0;
}

status pickle_find_storage(struct pickle *p, const struct torch_value *id, struct torch_value **out)
{
    struct torch_value *const *item = id->as.items;
    struct torch_storage *storage;
    const struct zip_entry *entry;
    int64_t bytes;
    char *name;

    *out = NULL;
    if (id->kind != TORCH_TUPLE || id->count != 5 || item[0]->kind != TORCH_TEXT ||
        strcmp(item[0]->as.text, "storage") != 0 || item[1]->kind != TORCH_GLOBAL ||
        item[1]->as.global < GLOBAL_STORAGE || item[2]->kind != TORCH_TEXT || !is_int(item[4]))
        return pickle_bad(p, "a storage that is no (\"storage\", type, key, place, count)");
    TRY(pickle_take(p, p->prefix_bytes + 5 + item[2]->count + 1, &name));
    sprintf(name, "%.*sdata/%s", (int)p->prefix_bytes, p->prefix, item[2]->as.text);
    entry = zip_map_find(p->zip, name, p->prefix_bytes + 5 + item[2]->count);
    if (!entry) return fault(ST_INPUT, "%s: storage %.100s is missing", p->path, name);
    TRY(pickle_take(p, sizeof *storage, &storage));
    storage->type = (enum tensor_type)(item[1]->as.global - GLOBAL_STORAGE);
    storage->count = item[4]->as.integer;
    storage->data = entry->data;
    if (__builtin_mul_overflow(storage->count, (int64_t)tensor_type_bytes(storage->type), &bytes) ||
        (uint64_t)bytes != entry->size)
        return fault(ST_INPUT, "%s: storage %.100s has %zu bytes, expected %lld elements of %s", p->path, name,
                     entry->size, (long long)storage->count, tensor_type_name(storage->type));
    TRY(pickle_value(p, TORCH_STORAGE, out));
    (*out)->as.storage = storage;
    return ST_OK;
}

/* Copy a tuple (or torch.Size) of at most TENSOR_RANK integers >= 0. */
static status read_lengths(struct pickle *p, const struct torch_value *tuple, int64_t out[TENSOR_RANK])
{
    if ((tuple->kind != TORCH_TUPLE && tuple->kind != TORCH_LIST) || tuple->count > TENSOR_RANK)
        return pickle_bad(p, "a tensor whose shape is no tuple of at most 8 lengths");
    for (size_t i = 0; i < tuple->count; i++) {
        if (!is_int(tuple->as.items[i])) return pickle_bad(p, "a tensor with a length or stride that is no count");
        out[i] = tuple->as.items[i]->as.integer;
    }
    return ST_OK;
}

/* The last element that the strides reach lies inside the storage. */
static status place_tensor(struct pickle *p, const struct torch_storage *storage, int64_t offset, struct tensor *t)
{
    int64_t stride[TENSOR_RANK], reach, last = offset, item = (int64_t)tensor_type_bytes(t->type);
    int overflow = 0;

    memcpy(stride, t->stride, sizeof stride);
    if (!tensor_set_row_major(t)) return pickle_bad(p, "a tensor whose shape is no size");
    memcpy(t->stride, stride, sizeof stride);
    for (int i = 0; i < t->rank && t->count > 0; i++)
        overflow |= __builtin_mul_overflow(t->shape[i] - 1, stride[i], &reach) ||
                    __builtin_add_overflow(last, reach, &last);
    if (overflow || offset > storage->count || (t->count > 0 && last >= storage->count))
        return pickle_bad(p, "a tensor that reaches beyond its storage");
    t->data = storage->data + offset * item;
    t->bytes = t->count > 0 ? (size_t)((last - offset + 1) * item) : 0;
    return ST_OK;
}

/* (storage, offset, size, stride[, requires_grad, backward_hooks[, metadata]]) */
static status rebuild_tensor(struct pickle *p, const struct torch_value *arguments, struct torch_value **out)
{
    struct torch_value *const *a = arguments->as.items;
    int64_t strides[TENSOR_RANK] = {0}, shape[TENSOR_RANK] = {0};
    struct tensor *t;

    if (arguments->count < 4 || arguments->count > 7 || a[0]->kind != TORCH_STORAGE || !is_int(a[1]) ||
        a[2]->count != a[3]->count)
        return pickle_bad(p, "a tensor that is not rebuilt from (storage, offset, size, stride)");
    if (arguments->count > 5 && a[5]->kind != TORCH_NONE && (a[5]->kind != TORCH_DICT || a[5]->count > 0))
        return pickle_bad(p, "a tensor with backward hooks");
    TRY(read_lengths(p, a[2], shape));
    TRY(read_lengths(p, a[3], strides));
    TRY(pickle_take(p, sizeof *t, &t));
    t->name = "";
    t->type = a[0]->as.storage->type;
    t->rank = (int)a[2]->count;
    memcpy(t->shape, shape, sizeof shape);
    memcpy(t->stride, strides, sizeof strides);
    TRY(place_tensor(p, a[0]->as.storage, a[1]->as.integer, t));
    TRY(pickle_value(p, TORCH_TENSOR, out));
    (*out)->as.tensor = t;
    return ST_OK;
}

status pickle_call(struct pickle *p, const struct torch_value *global, const struct torch_value *arguments,
                   struct torch_value **out)
{
    *out = NULL;
    if (global->kind != TORCH_GLOBAL || arguments->kind != TORCH_TUPLE)
        return pickle_bad(p, "a call of what is no name");
    switch (global->as.global) {
    case GLOBAL_ORDERED_DICT:
        if (arguments->count != 0) return pickle_bad(p, "an OrderedDict made with arguments");
        return pickle_value(p, TORCH_DICT, out);
    case GLOBAL_SIZE:
        if (arguments->count != 1 ||
            (arguments->as.items[0]->kind != TORCH_TUPLE && arguments->as.items[0]->kind != TORCH_LIST))
            return pickle_bad(p, "a torch.Size of no tuple");
        *out = arguments->as.items[0];
        return ST_OK;
    case GLOBAL_REBUILD_TENSOR:
    case GLOBAL_REBUILD_TENSOR_V2: return rebuild_tensor(p, arguments, out);
    case GLOBAL_REBUILD_PARAMETER:
        if (arguments->count < 1 || arguments->as.items[0]->kind != TORCH_TENSOR)
            return pickle_bad(p, "a parameter that is no tensor");
        *out = arguments->as.items[0];
        return ST_OK;
    default: return pickle_bad(p, "a call of a storage type");
    }
}
