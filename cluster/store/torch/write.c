/* A pickle of protocol 2 without memo, and the zip around it. */
#include "cluster/store/torch/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zip.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { DEPTH_MOST = 32 };

struct storage {
    const void *data;
    size_t bytes;
};

struct torch_writer {
    unsigned char *pickle;
    size_t size, room;
    struct storage *storages;
    size_t storage_count, storage_room;
    char open[DEPTH_MOST]; /* the opcode that closes each open dict or list */
    int depth;
    status state;
};

void torch_writer_destroy(struct torch_writer **writer)
{
    if (!*writer) return;
    mem_free((*writer)->pickle);
    mem_free((*writer)->storages);
    mem_free(*writer);
    *writer = NULL;
}

/* ---- pickle ---------------------------------------------------------------------------------------------------- */

static void put_bytes(struct torch_writer *w, const void *bytes, size_t n)
{
    if (w->state == ST_OK) w->state = mem_grow(&w->pickle, &w->room, w->size + n, 1);
    if (w->state != ST_OK) return;
    memcpy(w->pickle + w->size, bytes, n);
    w->size += n;
}

static void put_string(struct torch_writer *w, const char *bytes)
{
    put_bytes(w, bytes, strlen(bytes));
}

status torch_writer_new(struct torch_writer **out)
{
    TRY(mem_alloc(1, sizeof **out, out));
    put_string(*out, "\x80\x02");
    return ST_OK;
}

static void put_number(struct torch_writer *w, uint64_t x, int bytes)
{
    unsigned char b[8];

    for (int i = 0; i < bytes; i++) b[i] = (unsigned char)(x >> (8 * i));
    put_bytes(w, b, (size_t)bytes);
}

static void put_open(struct torch_writer *w, const char *start, char end)
{
    put_string(w, start);
    if (w->depth == DEPTH_MOST) {
        if (w->state == ST_OK) w->state = fault(ST_INPUT, "a torch file nested deeper than %d", DEPTH_MOST);
        return;
    }
    w->open[w->depth++] = end;
}

void torch_put_dict(struct torch_writer *w)
{
    put_open(w, "}(", 'u');
}

void torch_put_list(struct torch_writer *w)
{
    put_open(w, "](", 'e');
}

void torch_put_end(struct torch_writer *w)
{
    if (w->depth > 0) put_bytes(w, &w->open[--w->depth], 1);
}

void torch_put_text(struct torch_writer *w, const char *text)
{
    size_t n = strlen(text);

    put_string(w, "X");
    put_number(w, n, 4);
    put_bytes(w, text, n);
}

void torch_put_int(struct torch_writer *w, int64_t x)
{
    if (x >= INT32_MIN && x <= INT32_MAX) {
        put_string(w, "J");
        put_number(w, (uint64_t)x, 4);
    } else {
        put_string(w, "\x8a\x08");
        put_number(w, (uint64_t)x, 8);
    }
}

void torch_put_real(struct torch_writer *w, double x)
{
    unsigned char b[9] = {'G'};
    uint64_t bits;

    memcpy(&bits, &x, 8);
    for (int i = 0; i < 8; i++) b[8 - i] = (unsigned char)(bits >> (8 * i));
    put_bytes(w, b, 9);
}

void torch_put_bool(struct torch_writer *w, int x)
{
    put_string(w, x ? "\x88" : "\x89");
}

void torch_put_none(struct torch_writer *w)
{
    put_string(w, "N");
}

void torch_put_pair(struct torch_writer *w, double a, double b)
{
    torch_put_real(w, a);
    torch_put_real(w, b);
    put_string(w, "\x86");
}

static const char *storage_type(enum tensor_type type)
{
    switch (type) {
    case TENSOR_F64: return "DoubleStorage";
    case TENSOR_F32: return "FloatStorage";
    case TENSOR_F16: return "HalfStorage";
    case TENSOR_BF16: return "BFloat16Storage";
    case TENSOR_I64: return "LongStorage";
    default: return NULL;
    }
}

static status keep_storage(struct torch_writer *w, const struct tensor *t)
{
    TRY(mem_grow(&w->storages, &w->storage_room, w->storage_count + 1, sizeof *w->storages));
    w->storages[w->storage_count++] = (struct storage){t->data, (size_t)t->count * tensor_type_bytes(t->type)};
    return ST_OK;
}

/* ('storage', torch.FloatStorage, '0', 'cpu', count) as a persistent id */
static void put_storage(struct torch_writer *w, const struct tensor *t)
{
    char key[32];

    snprintf(key, sizeof key, "%zu", w->storage_count);
    put_string(w, "(");
    torch_put_text(w, "storage");
    put_string(w, "ctorch\n");
    put_string(w, storage_type(t->type));
    put_string(w, "\n");
    torch_put_text(w, key);
    torch_put_text(w, "cpu");
    torch_put_int(w, t->count);
    put_string(w, "tQ");
    if (w->state == ST_OK) w->state = keep_storage(w, t);
}

static void put_lengths(struct torch_writer *w, const int64_t *lengths, int n)
{
    put_string(w, "(");
    for (int i = 0; i < n; i++) torch_put_int(w, lengths[i]);
    put_string(w, "t");
}

void torch_put_tensor(struct torch_writer *w, const struct tensor *t)
{
    if (w->state == ST_OK && (!storage_type(t->type) || !tensor_is_row_major(t)))
        w->state = fault(ST_INPUT, "tensor \"%.200s\" cannot be written to a torch file: %s, %s", t->name,
                         tensor_type_name(t->type), tensor_is_row_major(t) ? "row-major" : "not row-major");
    if (w->state != ST_OK) return;
    put_string(w, "ctorch._utils\n_rebuild_tensor_v2\n(");
    put_storage(w, t);
    torch_put_int(w, 0);
    put_lengths(w, t->shape, t->rank);
    put_lengths(w, t->stride, t->rank);
    put_string(w, "\x89"
                  "ccollections\nOrderedDict\n)RtR");
}

/* ---- zip --------------------------------------------------------------------------------------------------------- */

static int add_entry(zip_t *zip, const char *name, const void *data, size_t bytes)
{
    zip_source_t *source = zip_source_buffer(zip, data, bytes, 0);
    zip_int64_t at = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;

    if (at < 0) {
        zip_source_free(source);
        return -1;
    }
    if (zip_set_file_compression(zip, (zip_uint64_t)at, ZIP_CM_STORE, 0) != 0) return -1;
    return zip_file_set_dostime(zip, (zip_uint64_t)at, 0, 1 << 5 | 1, 0); /* 1980-01-01 */
}

static int add_entries(const struct torch_writer *w, zip_t *zip)
{
    char name[48];

    if (add_entry(zip, "archive/data.pkl", w->pickle, w->size) != 0) return -1;
    if (add_entry(zip, "archive/byteorder", "little", 6) != 0) return -1;
    for (size_t i = 0; i < w->storage_count; i++) {
        snprintf(name, sizeof name, "archive/data/%zu", i);
        if (add_entry(zip, name, w->storages[i].data, w->storages[i].bytes) != 0) return -1;
    }
    return add_entry(zip, "archive/version", "3\n", 2);
}

static status write_zip(const struct torch_writer *w, const char *path)
{
    int code = 0;
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    zip_error_t why;

    if (!zip) {
        zip_error_init_with_code(&why, code);
        fault(ST_IO, "%s: cannot be created: %s", path, zip_error_strerror(&why));
        zip_error_fini(&why);
        return ST_IO;
    }
    if (add_entries(w, zip) == 0 && zip_close(zip) == 0) return ST_OK;
    fault(ST_IO, "%s: cannot be written: %s", path, zip_strerror(zip));
    zip_discard(zip);
    return ST_IO;
}

static status make_durable(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), failed = fd < 0 || fsync(fd) != 0, why = errno;

    if (fd >= 0) close(fd);
    return failed ? fault(ST_IO, "%s: cannot be made durable: %s", path, strerror(why)) : ST_OK;
}

status torch_writer_save(struct torch_writer *w, const char *path)
{
    char beside[4104];
    status s;

    while (w->depth > 0) torch_put_end(w);
    put_string(w, ".");
    TRY(w->state);
    if ((size_t)snprintf(beside, sizeof beside, "%s.part", path) >= sizeof beside)
        return fault(ST_INPUT, "path of %zu bytes is too long", strlen(path));
    s = write_zip(w, beside);
    if (s == ST_OK) s = make_durable(beside);
    if (s == ST_OK && rename(beside, path) != 0) s = fault(ST_IO, "%s: cannot be renamed: %s", beside, strerror(errno));
    if (s != ST_OK) unlink(beside);
    return s == ST_OK ? file_sync_parent(path) : s;
}
