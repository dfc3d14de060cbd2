/* The common part of all formats: opening, places, paths. */
#include "coordinator/data/reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/reader_kind.h"

const char why_json[] = "malformed JSON", why_utf8[] = "invalid UTF-8", why_object[] = "no JSON object";

static const struct reader_kind *const kinds[] = {
    [FORMAT_JSONL] = &reader_jsonl, [FORMAT_JSON] = &reader_json, [FORMAT_TABLE] = &reader_table,
    [FORMAT_SQUAD] = &reader_squad, [FORMAT_C3] = &reader_c3,     [FORMAT_TAGGED] = &reader_tagged};

status reader_take(const struct task_source *source, const char *name, struct stream **stream, struct reader **out)
{
    struct reader *r;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *r, &r));
    r->source = source;
    r->kind = kinds[source->format];
    r->stream = *stream;
    *stream = NULL;
    s = (size_t)snprintf(r->path, sizeof r->path, "%s", name) < sizeof r->path
            ? ST_OK
            : fault(ST_INPUT, "%.80s…: path too long", name);
    if (s == ST_OK) s = r->kind->open(r);
    if (s != ST_OK) reader_close(&r);
    *out = r;
    return s;
}

status reader_open(const struct task_source *source, const char *path, struct reader **out)
{
    struct stream *stream;
    status s;

    *out = NULL;
    TRY(stream_open(path, &stream));
    s = reader_take(source, path, &stream, out);
    stream_close(&stream); /* where it was not taken */
    return s;
}

void reader_close(struct reader **reader)
{
    struct reader *r = *reader;

    if (!r) return;
    json_decref(r->row);
    r->kind->close(r);
    stream_close(&r->stream);
    mem_free(r);
    *reader = NULL;
}

status reader_next(struct reader *r, json_t **row, const char **why)
{
    json_decref(r->row);
    r->row = NULL;
    *why = NULL;
    TRY(r->kind->next(r, &r->row, why));
    r->number++;
    if (r->row && !json_is_object(r->row)) {
        json_decref(r->row);
        r->row = NULL;
        *why = why_object;
    }
    *row = r->row;
    return ST_OK;
}

void reader_place(const struct reader *r, char *out, size_t room)
{
    if (r->line > 0) snprintf(out, room, "%s:%lld", r->path, (long long)r->line);
    else snprintf(out, room, "%s: row %lld", r->path, (long long)r->number);
}

status reader_whole(struct reader *r, char **data, size_t *start, size_t *n)
{
    size_t room = 0, got = 1;

    *data = NULL;
    *n = 0;
    while (got > 0) {
        if (*n > WHOLE_FILE_LIMIT)
            return fault(ST_INPUT, "%s: more than %d bytes, too many for this format", r->path, WHOLE_FILE_LIMIT);
        TRY(mem_grow(data, &room, *n + (1 << 16) + 1, 1));
        TRY(stream_read(r->stream, *data + *n, room - *n - 1, &got));
        *n += got;
    }
    (*data)[*n] = 0;
    *start = *n >= 3 && memcmp(*data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    return ST_OK;
}

json_t *reader_parse(const char *text, size_t n, const char **why)
{
    json_error_t error;
    json_t *value = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (!value) *why = json_error_code(&error) == json_error_invalid_utf8 ? why_utf8 : why_json;
    return value;
}

status reader_line(struct reader *r, char **text, size_t *n)
{
    TRY(stream_line(r->stream, ROW_BYTES_LIMIT, text, n));
    r->line = stream_line_number(r->stream);
    if (r->line == 1 && *n >= 3 && memcmp(*text, "\xef\xbb\xbf", 3) == 0) *text += 3, *n -= 3;
    if (*n > 0 && (*text)[*n - 1] == '\r') (*text)[--*n] = 0;
    return ST_OK;
}

int reader_set(json_t *row, const char *key, const char *text, size_t n)
{
    return json_object_set_new(row, key, json_stringn(text, n));
}

static json_t *step_into(json_t *at, const char *name, size_t n)
{
    char *end, number[24];
    unsigned long long index;

    if (json_is_object(at)) {
        json_t *found = json_object_getn(at, name, n);
        return found;
    }
    if (!json_is_array(at) || n == 0 || n >= sizeof number) return NULL;
    memcpy(number, name, n);
    number[n] = 0;
    index = strtoull(number, &end, 10);
    return *end ? NULL : json_array_get(at, (size_t)index);
}

json_t *value_at(json_t *row, const char *path)
{
    json_t *whole;

    for (; strncmp(path, AROUND "/", sizeof AROUND) == 0; path += sizeof AROUND) row = json_object_get(row, AROUND);
    whole = json_object_get(row, path);
    if (whole) return json_is_null(whole) ? NULL : whole; /* a name with a dot in it */
    while (row && *path) {
        size_t n = strcspn(path, ".");
        row = step_into(row, path, n);
        path += n + (path[n] == '.');
    }
    return json_is_null(row) ? NULL : row;
}

int value_text(const json_t *value, char *room, size_t bytes, const char **text, size_t *n)
{
    *text = room;
    if (json_is_string(value)) {
        *text = json_string_value(value);
        *n = json_string_length(value);
        return 0;
    }
    if (json_is_integer(value)) snprintf(room, bytes, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value)) {
        for (int digits = 1; digits <= 17; digits++) {
            snprintf(room, bytes, "%.*g", digits, json_real_value(value));
            if (strtod(room, NULL) == json_real_value(value)) break;
        }
    } else if (json_is_boolean(value)) snprintf(room, bytes, "%s", json_is_true(value) ? "true" : "false");
    else return -1;
    *n = strlen(room);
    return 0;
}
