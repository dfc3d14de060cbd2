/* Event files for TensorBoard; see tfevents.h for the form. */
#include "cluster/watch/monitor/tfevents.h"

#include <errno.h>
#include <string.h>

#include "cluster/base/log.h"

enum { RECORD_BYTES = 1024, TAG_BYTES = 512 };

uint32_t tfevents_crc32c(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint32_t crc = ~UINT32_C(0);

    /* Bit by bit: records are some dozens of bytes. */
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (UINT32_C(0x82f63b78) & (0 - (crc & 1)));
    }
    return ~crc;
}

static uint32_t masked(const void *data, size_t n)
{
    uint32_t crc = tfevents_crc32c(data, n);

    return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

static status write_record(struct tfevents *t, const unsigned char *data, size_t n)
{
    uint64_t length = n; /* little-endian, as every machine this is built for */
    uint32_t head = masked(&length, sizeof length), tail = masked(data, n);

    if (fwrite(&length, 8, 1, t->file) == 1 && fwrite(&head, 4, 1, t->file) == 1 && fwrite(data, 1, n, t->file) == n &&
        fwrite(&tail, 4, 1, t->file) == 1)
        return ST_OK;
    return fault(ST_IO, "%s: cannot write: %s", t->path, strerror(errno));
}

static size_t put_varint(unsigned char *out, uint64_t v)
{
    size_t n = 0;

    for (; v > 127; v >>= 7) out[n++] = (unsigned char)(v | 128);
    out[n++] = (unsigned char)v;
    return n;
}

/* A field of bytes: tag, length, data. */
static size_t put_sized(unsigned char *out, int field, const void *data, size_t size)
{
    size_t n = put_varint(out, (uint64_t)field << 3 | 2);

    n += put_varint(out + n, size);
    memcpy(out + n, data, size);
    return n + size;
}

static size_t put_time(unsigned char *out, double time)
{
    out[0] = 1 << 3 | 1;
    memcpy(out + 1, &time, 8);
    return 9;
}

status tfevents_open(const char *folder, double time, struct tfevents *t)
{
    static const char version[] = "brain.Event:2";
    unsigned char record[RECORD_BYTES];
    size_t n;
    int length = snprintf(t->path, sizeof t->path, "%s/events.out.tfevents.%010.0f.mp2", folder, time);

    t->file = NULL;
    if (length < 0 || (size_t)length >= sizeof t->path) return fault(ST_INPUT, "%s: path too long", folder);
    t->file = fopen(t->path, "w");
    if (!t->file) return fault(ST_IO, "%s: cannot write: %s", t->path, strerror(errno));
    n = put_time(record, time);
    n += put_sized(record + n, 3, version, sizeof version - 1);
    return write_record(t, record, n);
}

status tfevents_scalar(struct tfevents *t, double time, uint64_t step, const char *tag, double value)
{
    unsigned char record[RECORD_BYTES], summary[RECORD_BYTES - 64], item[RECORD_BYTES - 128];
    float single = (float)value;
    size_t n = strlen(tag), size;

    size = put_sized(item, 1, tag, n < TAG_BYTES ? n : TAG_BYTES);
    item[size++] = 2 << 3 | 5;
    memcpy(item + size, &single, 4);
    size = put_sized(summary, 1, item, size + 4);
    n = put_time(record, time);
    record[n++] = 2 << 3;
    n += put_varint(record + n, step);
    n += put_sized(record + n, 5, summary, size);
    return write_record(t, record, n);
}

status tfevents_flush(struct tfevents *t)
{
    return fflush(t->file) == 0 ? ST_OK : fault(ST_IO, "%s: cannot write: %s", t->path, strerror(errno));
}

status tfevents_close(struct tfevents *t)
{
    FILE *file = t->file;

    t->file = NULL;
    if (!file || fclose(file) == 0) return ST_OK;
    return fault(ST_IO, "%s: cannot write: %s", t->path, strerror(errno));
}
