/* Messages as JSON, driven by protobuf-c's descriptors. Out: text is written directly, field by field. In: jansson
 * parses, the tree is encoded to protobuf's wire form and unpacked by protobuf-c, so that all memory of a message is
 * made and freed in one place. Of the field types those that proto/ uses are known here; others are refused as our own
 * mistake. */
#include "cluster/watch/message_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { LINE_LIMIT = 64 << 20 }; /* of a line read: the largest router matrix is far below */

struct bytes {
    char *data;
    size_t size, room;
};

static status put_bytes(struct bytes *b, const void *data, size_t n)
{
    TRY(mem_grow(&b->data, &b->room, b->size + n + 1, 1));
    memcpy(b->data + b->size, data, n);
    b->size += n;
    b->data[b->size] = 0;
    return ST_OK;
}

static status put_text(struct bytes *b, const char *text)
{
    return put_bytes(b, text, strlen(text));
}

/* The length of the UTF-8 character at p, 0 when there is none (RFC 3629). */
static size_t utf8_length(const unsigned char *p)
{
    if (p[0] < 0x80) return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) return (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((p[1] & 0xc0) != 0x80) return 0;
    if (p[0] >= 0xe0 && p[0] <= 0xef) {
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
        return (p[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (p[0] < 0xf0 || p[0] > 0xf4 || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80 ? 4 : 0;
}

static status put_string(struct bytes *b, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    char escaped[8];

    TRY(put_bytes(b, "\"", 1));
    while (*p) {
        size_t n = utf8_length(p);
        if (n == 0) {
            TRY(put_bytes(b, "\xef\xbf\xbd", 3));
            n = 1;
        } else if (*p == '"' || *p == '\\' || *p == '\n' || *p == '\t') {
            escaped[0] = '\\';
            escaped[1] = (char)(*p == '\n' ? 'n' : *p == '\t' ? 't' : *p);
            TRY(put_bytes(b, escaped, 2));
        } else if (*p < 0x20) {
            snprintf(escaped, sizeof escaped, "\\u%04x", *p);
            TRY(put_bytes(b, escaped, 6));
        } else {
            TRY(put_bytes(b, p, n));
        }
        p += n;
    }
    return put_bytes(b, "\"", 1);
}

/* The fewest digits that read back to the same value. */
static status put_real(struct bytes *b, double value, int least, int most)
{
    char text[40];

    if (isnan(value)) return put_text(b, "\"NaN\"");
    if (isinf(value)) return put_text(b, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    for (int digits = least; digits <= most; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (most == 9 ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value) break;
    }
    return put_text(b, text);
}

static status put_base64(struct bytes *b, const ProtobufCBinaryData *data)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    TRY(put_bytes(b, "\"", 1));
    for (size_t i = 0; i < data->len; i += 3) {
        size_t left = data->len - i;
        uint32_t v = (uint32_t)data->data[i] << 16 | (left > 1 ? (uint32_t)data->data[i + 1] << 8 : 0) |
                     (left > 2 ? data->data[i + 2] : 0);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], '=', '='};

        if (left > 1) four[2] = digits[v >> 6 & 63];
        if (left > 2) four[3] = digits[v & 63];
        TRY(put_bytes(b, four, 4));
    }
    return put_bytes(b, "\"", 1);
}

static status put_message(struct bytes *b, const ProtobufCMessage *message);

static status put_value(struct bytes *b, const ProtobufCFieldDescriptor *f, const void *at)
{
    char text[32];
    const ProtobufCEnumValue *name;

    switch (f->type) {
    case PROTOBUF_C_TYPE_UINT32:
        snprintf(text, sizeof text, "%" PRIu32, *(const uint32_t *)at);
        return put_text(b, text);
    case PROTOBUF_C_TYPE_UINT64:
        snprintf(text, sizeof text, "%" PRIu64, *(const uint64_t *)at);
        return put_text(b, text);
    case PROTOBUF_C_TYPE_INT32: snprintf(text, sizeof text, "%" PRId32, *(const int32_t *)at); return put_text(b, text);
    case PROTOBUF_C_TYPE_INT64: snprintf(text, sizeof text, "%" PRId64, *(const int64_t *)at); return put_text(b, text);
    case PROTOBUF_C_TYPE_FLOAT: return put_real(b, (double)*(const float *)at, 6, 9);
    case PROTOBUF_C_TYPE_DOUBLE: return put_real(b, *(const double *)at, 15, 17);
    case PROTOBUF_C_TYPE_BOOL: return put_text(b, *(const protobuf_c_boolean *)at ? "true" : "false");
    case PROTOBUF_C_TYPE_STRING: {
        const char *string = *(char *const *)at;
        return put_string(b, string ? string : "");
    }
    case PROTOBUF_C_TYPE_BYTES: return put_base64(b, at);
    case PROTOBUF_C_TYPE_MESSAGE: return put_message(b, *(ProtobufCMessage *const *)at);
    case PROTOBUF_C_TYPE_ENUM:
        name = protobuf_c_enum_descriptor_get_value(f->descriptor, *(const int *)at);
        if (name) return put_string(b, name->name);
        snprintf(text, sizeof text, "%d", *(const int *)at);
        return put_text(b, text);
    default: return fault(ST_SYSTEM, "%s: a field type that cluster/watch/message_json.c does not know", f->name);
    }
}

static size_t value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
    default: return 4;
    }
}

/* Whether a field that is no list is there: a member of a oneof only when it is the one, a message when not NULL. */
static int field_present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
    const char *base = (const char *)message;

    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        if (*(const uint32_t *)(const void *)(base + f->quantifier_offset) != f->id) return 0;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) return *(void *const *)(const void *)(base + f->offset) != NULL;
    return 1;
}

static status put_list(struct bytes *b, const ProtobufCFieldDescriptor *f, const char *base)
{
    size_t count = *(const size_t *)(const void *)(base + f->quantifier_offset), size = value_size(f->type);
    const char *items = *(char *const *)(const void *)(base + f->offset);

    TRY(put_bytes(b, "[", 1));
    for (size_t i = 0; i < count; i++) {
        if (i) TRY(put_bytes(b, ",", 1));
        TRY(put_value(b, f, items + i * size));
    }
    return put_bytes(b, "]", 1);
}

static status put_message(struct bytes *b, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *d = message->descriptor;
    const char *base = (const char *)message, *comma = "";

    TRY(put_bytes(b, "{", 1));
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = d->fields + i;
        if (f->label != PROTOBUF_C_LABEL_REPEATED && !field_present(message, f)) continue;
        TRY(put_text(b, comma));
        TRY(put_string(b, f->name));
        TRY(put_bytes(b, ":", 1));
        if (f->label == PROTOBUF_C_LABEL_REPEATED) TRY(put_list(b, f, base));
        else TRY(put_value(b, f, base + f->offset));
        comma = ",";
    }
    return put_bytes(b, "}", 1);
}

status json_append(const ProtobufCMessage *message, char **text, size_t *room, size_t *size)
{
    struct bytes b = {*text, *size, *room};
    status s = put_message(&b, message);

    *text = b.data;
    *room = b.room;
    if (s == ST_OK) *size = b.size;
    return s;
}

status json_line(const ProtobufCMessage *message, char **line, size_t *size)
{
    size_t room = 0;
    status s;

    *line = NULL;
    *size = 0;
    s = json_append(message, line, &room, size);
    if (s == ST_OK) return ST_OK;
    mem_free(*line);
    *line = NULL;
    return s;
}

/* ---- back: JSON to wire form ------------------------------------------------------------------------------------- */

static status put_varint(struct bytes *b, uint64_t v)
{
    unsigned char out[10];
    size_t n = 0;

    for (; v > 127; v >>= 7) out[n++] = (unsigned char)(v | 128);
    out[n++] = (unsigned char)v;
    return put_bytes(b, out, n);
}

static status bad_value(const char *where, const ProtobufCFieldDescriptor *f, const char *expected)
{
    return fault(ST_INPUT, "%s: \"%s\": expected %s", where, f->name, expected);
}

static status read_real(const char *where, const ProtobufCFieldDescriptor *f, const json_t *value, double *out)
{
    const char *text = json_string_value(value);

    *out = json_number_value(value);
    if (json_is_number(value)) return ST_OK;
    if (!text) return bad_value(where, f, "a number");
    if (strcmp(text, "NaN") == 0) *out = NAN;
    else if (strcmp(text, "Infinity") == 0) *out = INFINITY;
    else if (strcmp(text, "-Infinity") == 0) *out = -INFINITY;
    else return bad_value(where, f, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"");
    return ST_OK;
}

static status read_integer(const char *where, const ProtobufCFieldDescriptor *f, const json_t *value, uint64_t *out)
{
    json_int_t v = json_integer_value(value);
    int is_signed = f->type == PROTOBUF_C_TYPE_INT32 || f->type == PROTOBUF_C_TYPE_INT64;

    if (!json_is_integer(value)) return bad_value(where, f, "a whole number");
    if ((v < 0 && !is_signed) || (f->type == PROTOBUF_C_TYPE_UINT32 && v > UINT32_MAX) ||
        (f->type == PROTOBUF_C_TYPE_INT32 && (v < INT32_MIN || v > INT32_MAX)))
        return bad_value(where, f, "a number in the field's range");
    *out = (uint64_t)v;
    return ST_OK;
}

static status read_enum(const char *where, const ProtobufCFieldDescriptor *f, const json_t *value, uint64_t *out)
{
    const ProtobufCEnumValue *known;

    if (json_is_integer(value)) {
        *out = (uint64_t)(json_integer_value(value) & INT32_MAX);
        return ST_OK;
    }
    if (!json_is_string(value)) return bad_value(where, f, "a name");
    known = protobuf_c_enum_descriptor_get_value_by_name(f->descriptor, json_string_value(value));
    if (!known) return bad_value(where, f, "a name of the list in proto/");
    *out = (uint64_t)(int64_t)known->value;
    return ST_OK;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static status read_base64(const char *where, const ProtobufCFieldDescriptor *f, const json_t *value, struct bytes *out)
{
    const char *text = json_string_value(value);
    uint32_t bits = 0;
    int have = 0;

    if (!text) return bad_value(where, f, "base64 text");
    for (; *text && *text != '='; text++) {
        int digit = base64_digit(*text);
        if (digit < 0) return bad_value(where, f, "base64 text");
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            unsigned char byte = (unsigned char)(bits >> (have -= 8));
            TRY(put_bytes(out, &byte, 1));
        }
    }
    return ST_OK;
}

static status wire_message(const char *where, const json_t *object, const ProtobufCMessageDescriptor *type,
                           struct bytes *out);

/* A value whose wire form is a length and bytes: text, bytes, message. */
static status wire_sized(const char *where, const json_t *value, const ProtobufCFieldDescriptor *f, struct bytes *out)
{
    struct bytes inner = {NULL, 0, 0};
    status s;

    if (f->type == PROTOBUF_C_TYPE_STRING) {
        if (!json_is_string(value)) return bad_value(where, f, "a text");
        TRY(put_varint(out, json_string_length(value)));
        return put_bytes(out, json_string_value(value), json_string_length(value));
    }
    s = f->type == PROTOBUF_C_TYPE_MESSAGE ? wire_message(where, value, f->descriptor, &inner)
                                           : read_base64(where, f, value, &inner);
    if (s == ST_OK) s = put_varint(out, inner.size);
    if (s == ST_OK && inner.size) s = put_bytes(out, inner.data, inner.size);
    mem_free(inner.data);
    return s;
}

static status wire_value(const char *where, const json_t *value, const ProtobufCFieldDescriptor *f, struct bytes *out)
{
    uint64_t integer = 0;
    double real = 0;
    float single;

    switch (f->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_INT64: TRY(read_integer(where, f, value, &integer)); break;
    case PROTOBUF_C_TYPE_ENUM: TRY(read_enum(where, f, value, &integer)); break;
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(value)) return bad_value(where, f, "true or false");
        integer = (uint64_t)json_is_true(value);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        TRY(read_real(where, f, value, &real));
        single = (float)real;
        TRY(put_varint(out, (uint64_t)f->id << 3 | 5));
        return put_bytes(out, &single, 4);
    case PROTOBUF_C_TYPE_DOUBLE:
        TRY(read_real(where, f, value, &real));
        TRY(put_varint(out, (uint64_t)f->id << 3 | 1));
        return put_bytes(out, &real, 8);
    default: TRY(put_varint(out, (uint64_t)f->id << 3 | 2)); return wire_sized(where, value, f, out);
    }
    TRY(put_varint(out, (uint64_t)f->id << 3));
    return put_varint(out, integer);
}

static status wire_message(const char *where, const json_t *object, const ProtobufCMessageDescriptor *type,
                           struct bytes *out)
{
    const ProtobufCFieldDescriptor *f;
    const json_t *value;
    const char *key;

    if (!json_is_object(object)) return fault(ST_INPUT, "%s: expected an object (%s)", where, type->short_name);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        f = protobuf_c_message_descriptor_get_field_by_name(type, key);
        if (!f || json_is_null(value)) continue;
        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            TRY(wire_value(where, value, f, out));
            continue;
        }
        if (!json_is_array(value)) return bad_value(where, f, "a list");
        for (size_t i = 0; i < json_array_size(value); i++) TRY(wire_value(where, json_array_get(value, i), f, out));
    }
    return ST_OK;
}

status json_message(const char *where, const char *line, size_t size, const ProtobufCMessageDescriptor *type,
                    ProtobufCMessage **out)
{
    struct bytes wire = {NULL, 0, 0};
    json_error_t why;
    json_t *tree;
    status s;

    *out = NULL;
    if (size > LINE_LIMIT)
        return fault(ST_INPUT, "%s: a line of %zu bytes, expected at most %d", where, size, LINE_LIMIT);
    tree = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);
    if (!tree) return fault(ST_INPUT, "%s: no JSON (%s at byte %d)", where, why.text, why.position);
    s = wire_message(where, tree, type, &wire);
    json_decref(tree);
    if (s == ST_OK) {
        *out = protobuf_c_message_unpack(type, NULL, wire.size, (const uint8_t *)(wire.data ? wire.data : ""));
        if (!*out) s = fault(ST_INPUT, "%s: no message of type %s", where, type->short_name);
    }
    mem_free(wire.data);
    return s;
}
