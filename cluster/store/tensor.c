/* Element types, shapes, and the one place where bytes of a file become numbers. */
#include "cluster/store/tensor.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"

#define TYPE_ROW(name, bytes) {#name, bytes},
static const struct {
    const char *name;
    size_t bytes;
} types[] = {TENSOR_TYPE_LIST(TYPE_ROW)};
#undef TYPE_ROW

size_t tensor_type_bytes(enum tensor_type type)
{
    return types[type].bytes;
}

const char *tensor_type_name(enum tensor_type type)
{
    return types[type].name;
}

int tensor_type_find(const char *name, enum tensor_type *type)
{
    for (int i = 0; i < TENSOR_TYPE_COUNT; i++)
        if (strcmp(types[i].name, name) == 0) {
            *type = (enum tensor_type)i;
            return 1;
        }
    return 0;
}

int tensor_type_is_float(enum tensor_type type)
{
    return type == TENSOR_F64 || type == TENSOR_F32 || type == TENSOR_F16 || type == TENSOR_BF16;
}

int tensor_set_row_major(struct tensor *t)
{
    int64_t n = 1, steps = 1;

    /* Lengths of 0 do not excuse an overflow of the others: n counts, steps multiplies with 0 taken as 1. */
    for (int i = t->rank - 1; i >= 0; i--) {
        if (t->shape[i] < 0) return 0;
        t->stride[i] = steps;
        if (__builtin_mul_overflow(steps, t->shape[i] > 0 ? t->shape[i] : 1, &steps)) return 0;
        n *= t->shape[i] > 0 ? t->shape[i] : 0;
    }
    t->count = n;
    return 1;
}

int tensor_is_row_major(const struct tensor *t)
{
    int64_t steps = 1;

    for (int i = t->rank - 1; i >= 0; i--) {
        if (t->shape[i] != 1 && t->stride[i] != steps) return 0;
        steps *= t->shape[i];
    }
    return 1;
}

char *tensor_shape_text(int rank, const int64_t *shape, char *out, size_t room)
{
    size_t n = 0;

    snprintf(out, room, "[");
    for (int i = 0; i < rank && n + 1 < room; i++) {
        n = strlen(out);
        if (shape[i] < 0) snprintf(out + n, room - n, "%s*", i ? "," : "");
        else snprintf(out + n, room - n, "%s%lld", i ? "," : "", (long long)shape[i]);
    }
    n = strlen(out);
    snprintf(out + n, room - n, "]");
    return out;
}

status tensor_expect(const char *path, const struct tensor *t, int rank, const int64_t *shape)
{
    char found[128], expected[128];
    int same = t->rank == rank;

    for (int i = 0; same && i < rank; i++) same = shape[i] < 0 || shape[i] == t->shape[i];
    if (same) return ST_OK;
    return fault(ST_INPUT, "%s: tensor \"%.200s\" has shape %s, expected %s", path, t->name,
                 tensor_shape_text(t->rank, t->shape, found, sizeof found),
                 tensor_shape_text(rank, shape, expected, sizeof expected));
}

/* ---- numbers ------------------------------------------------------------------------------------------------- */

static uint32_t bits_of(float x)
{
    uint32_t b;

    memcpy(&b, &x, 4);
    return b;
}

static float float_of(uint32_t b)
{
    float x;

    memcpy(&x, &b, 4);
    return x;
}

uint16_t tensor_bf16(float x)
{
    uint32_t b = bits_of(x);

    if ((b & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((b >> 16) | 0x40);
    return (uint16_t)((b + 0x7fffu + ((b >> 16) & 1)) >> 16);
}

float tensor_from_bf16(uint16_t x)
{
    return float_of((uint32_t)x << 16);
}

uint16_t tensor_f16(float x)
{
    uint32_t b = bits_of(x), sign = (b >> 16) & 0x8000u, a = b & 0x7fffffffu;

    if (a > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | ((a >> 13) & 0x3ff));
    if (a >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and more round to infinity */
    if (a < 0x38800000u)                                     /* below 2^-14: steps of 2^-24, by addition */
        return (uint16_t)(sign | (bits_of(float_of(a) + 0.5f) - 0x3f000000u));
    return (uint16_t)(sign | ((a + 0xfffu + ((a >> 13) & 1) - 0x38000000u) >> 13));
}

float tensor_from_f16(uint16_t x)
{
    uint32_t sign = (uint32_t)(x & 0x8000) << 16, exponent = (x >> 10) & 31, mantissa = x & 0x3ff;

    if (exponent == 31) return float_of(sign | 0x7f800000u | mantissa << 13);
    if (exponent > 0) return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
    return float_of(sign | bits_of((float)mantissa * 0x1p-24f));
}

/* n elements of a type, step bytes apart, to out. */
typedef void converter(enum tensor_type type, const unsigned char *from, int64_t step, int64_t n, void *out);

static void convert_f32(enum tensor_type type, const unsigned char *from, int64_t step, int64_t n, void *out)
{
    float *f = out;
    double wide;
    uint16_t half;

    switch (type) {
    case TENSOR_F32:
        if (step == 4) memcpy(f, from, (size_t)n * 4);
        else
            for (int64_t i = 0; i < n; i++) memcpy(f + i, from + i * step, 4);
        break;
    case TENSOR_F64:
        for (int64_t i = 0; i < n; i++) {
            memcpy(&wide, from + i * step, 8);
            f[i] = (float)wide;
        }
        break;
    case TENSOR_BF16:
        for (int64_t i = 0; i < n; i++) {
            memcpy(&half, from + i * step, 2);
            f[i] = tensor_from_bf16(half);
        }
        break;
    default:
        for (int64_t i = 0; i < n; i++) {
            memcpy(&half, from + i * step, 2);
            f[i] = tensor_from_f16(half);
        }
    }
}

static void convert_i64(enum tensor_type type, const unsigned char *from, int64_t step, int64_t n, void *out)
{
    (void)type;
    for (int64_t i = 0; i < n; i++) memcpy((int64_t *)out + i, from + i * step, 8);
}

/* Walk [first, first+count) in row-major order in runs along the last axis (or in one run when nothing is strided). */
static void walk(const struct tensor *t, int64_t first, int64_t count, size_t out_bytes, converter *to, void *out)
{
    int64_t item = (int64_t)tensor_type_bytes(t->type), length, step, n;
    int flat = tensor_is_row_major(t);

    for (int64_t i = first, end = first + count; i < end; i += n) {
        const unsigned char *from = t->data;
        int64_t rest = i;

        length = flat || t->rank == 0 ? t->count : t->shape[t->rank - 1];
        step = flat || t->rank == 0 ? 1 : t->stride[t->rank - 1];
        from += rest % length * step * item;
        n = length - rest % length;
        rest /= length;
        for (int axis = t->rank - 2; !flat && axis >= 0; axis--) {
            from += rest % t->shape[axis] * t->stride[axis] * item;
            rest /= t->shape[axis];
        }
        if (n > end - i) n = end - i;
        to(t->type, from, step * item, n, (char *)out + (size_t)(i - first) * out_bytes);
    }
}

static status check_range(const char *path, const struct tensor *t, int64_t first, int64_t count)
{
    if (first < 0 || count < 0 || first > t->count || count > t->count - first)
        return fault(ST_INPUT, "%s: tensor \"%.200s\": elements %lld to %lld asked for, it has %lld", path, t->name,
                     (long long)first, (long long)(first + count), (long long)t->count);
    return ST_OK;
}

status tensor_read_f32(const char *path, const struct tensor *t, int64_t first, int64_t count, float *out)
{
    if (!tensor_type_is_float(t->type))
        return fault(ST_INPUT, "%s: tensor \"%.200s\" is %s, expected F32, F64, F16 or BF16", path, t->name,
                     tensor_type_name(t->type));
    TRY(check_range(path, t, first, count));
    walk(t, first, count, 4, convert_f32, out);
    return ST_OK;
}

status tensor_read_i64(const char *path, const struct tensor *t, int64_t first, int64_t count, int64_t *out)
{
    if (t->type != TENSOR_I64)
        return fault(ST_INPUT, "%s: tensor \"%.200s\" is %s, expected I64", path, t->name, tensor_type_name(t->type));
    TRY(check_range(path, t, first, count));
    walk(t, first, count, 8, convert_i64, out);
    return ST_OK;
}
