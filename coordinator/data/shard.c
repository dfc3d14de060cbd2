/* Shards: written front to back with the header last, read by map. */
#include "coordinator/data/shard.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <xxhash.h>

#include "cluster/base/log.h"

static const char magic[8] = {'M', 'P', '2', 'S', 'H', 'A', 'R', 'D'};

struct shard_header {
    char magic[8];
    uint32_t version, split;
    uint64_t file_bytes, rows, meta_bytes, index_at, data_at, data_words;
    uint32_t fields, reserved;
    unsigned char set[16], digest[16]; /* digest: xxh3-128 of all after the header */
    uint64_t reserved2[2];
    uint64_t check; /* xxh3-64 of the header before it */
};
_Static_assert(sizeof(struct shard_header) == 128, "the header is what the file says it is");

enum { META_LIMIT = 16 << 20 };

struct shard_writer {
    FILE *to;
    XXH3_state_t *state;
    int failed;
};

static void put_bytes(struct shard_writer *w, const void *data, size_t bytes)
{
    if (bytes == 0) return;
    w->failed |= fwrite(data, 1, bytes, w->to) != bytes;
    XXH3_128bits_update(w->state, data, bytes);
}

static void put_header(struct shard_writer *w, struct shard_header *h)
{
    XXH128_canonical_t digest;

    XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(w->state));
    memcpy(h->digest, digest.digest, sizeof h->digest);
    h->check = XXH3_64bits(h, offsetof(struct shard_header, check));
    w->failed |= fseek(w->to, 0, SEEK_SET) != 0 || fwrite(h, sizeof *h, 1, w->to) != 1;
}

status shard_write(const char *path, enum split split, int fields, const char *meta, size_t meta_bytes,
                   const struct shard_words *rows, int64_t count, const unsigned char set[16])
{
    static const char zeros[sizeof(struct shard_header)];
    struct shard_header h = {
        .version = SHARD_VERSION, .split = (uint32_t)split, .rows = (uint64_t)count, .fields = (uint32_t)fields};
    size_t padding = (8 - meta_bytes % 8) % 8;
    struct shard_writer w = {.state = XXH3_createState()};
    struct file_out out;
    uint64_t at = 0;
    int why;
    status s;

    if (!w.state) return fault(ST_MEMORY, "out of memory: a hash");
    XXH3_128bits_reset(w.state);
    s = file_out_open(path, &out);
    if (s != ST_OK) return XXH3_freeState(w.state), s;
    w.to = out.stream;
    w.failed = fwrite(zeros, sizeof h, 1, w.to) != 1;
    put_bytes(&w, meta, meta_bytes);
    put_bytes(&w, zeros, padding);
    for (int64_t i = 0; i <= count; i++) {
        put_bytes(&w, &at, sizeof at);
        if (i < count) at += rows[i].n;
    }
    for (int64_t i = 0; i < count; i++) put_bytes(&w, rows[i].words, rows[i].n * sizeof *rows[i].words);
    memcpy(h.magic, magic, sizeof magic);
    memcpy(h.set, set, sizeof h.set);
    h.meta_bytes = meta_bytes;
    h.index_at = sizeof h + meta_bytes + padding;
    h.data_at = h.index_at + ((uint64_t)count + 1) * sizeof at;
    h.data_words = at;
    h.file_bytes = h.data_at + at * sizeof(int32_t);
    put_header(&w, &h);
    XXH3_freeState(w.state);
    if (!w.failed) return file_out_commit(&out);
    why = errno;
    file_out_abandon(&out);
    return fault(ST_IO, "%s: cannot be written: %s", path, strerror(why));
}

static status damaged(const char *path, const char *what)
{
    return fault(ST_INPUT, "%s: damaged shard: %s; import the task again", path, what);
}

static status header_check(const char *path, const struct file_map *map, struct shard_header *h)
{
    uint64_t words;

    if (map->size < sizeof *h || memcmp(map->data, magic, sizeof magic) != 0)
        return fault(ST_INPUT, "%s: is no shard of `mp2 data import`", path);
    memcpy(h, map->data, sizeof *h);
    if (h->version != SHARD_VERSION)
        return fault(ST_INPUT, "%s: shard of version %u, this program reads version %d; %s", path, h->version,
                     SHARD_VERSION, h->version > SHARD_VERSION ? "use a newer mp2" : "import the task again");
    if (h->check != XXH3_64bits(h, offsetof(struct shard_header, check)))
        return damaged(path, "the header's check sum is wrong");
    if (h->file_bytes != map->size) return damaged(path, "the file was cut or has grown");
    if (h->meta_bytes > META_LIMIT || h->index_at != sizeof *h + (h->meta_bytes + 7) / 8 * 8 ||
        h->index_at > map->size || h->rows >= (map->size - h->index_at) / 8 ||
        h->data_at != h->index_at + (h->rows + 1) * 8)
        return damaged(path, "its parts do not fit");
    words = (map->size - h->data_at) / sizeof(int32_t);
    if (h->data_words != words || map->size != h->data_at + words * sizeof(int32_t))
        return damaged(path, "its parts do not fit");
    if (h->split >= SPLIT_COUNT || h->fields < 1 || h->fields > FIELD_LIMIT) return damaged(path, "split or fields");
    return ST_OK;
}

static status open_map(const char *path, struct shard *s)
{
    XXH128_canonical_t digest;
    struct shard_header h;

    TRY(header_check(path, &s->map, &h));
    XXH128_canonicalFromHash(&digest, XXH3_128bits(s->map.data + sizeof h, s->map.size - sizeof h));
    if (memcmp(digest.digest, h.digest, sizeof h.digest) != 0) return damaged(path, "its digest is wrong");
    s->rows = (int64_t)h.rows;
    s->split = (int)h.split;
    s->fields = (int)h.fields;
    s->meta = (const char *)s->map.data + sizeof h;
    s->meta_bytes = h.meta_bytes;
    s->index = (const uint64_t *)(const void *)(s->map.data + h.index_at);
    s->data = (const int32_t *)(const void *)(s->map.data + h.data_at);
    memcpy(s->set, h.set, sizeof s->set);
    memcpy(s->digest, h.digest, sizeof s->digest);
    if (s->index[0] != 0 || s->index[s->rows] != h.data_words) return damaged(path, "its index");
    for (int64_t i = 0; i < s->rows; i++)
        if (s->index[i] > s->index[i + 1]) return damaged(path, "its index");
    return ST_OK;
}

status shard_open(const char *path, struct shard *out)
{
    status s;

    memset(out, 0, sizeof *out);
    TRY(file_map_open(path, &out->map));
    s = open_map(path, out);
    if (s != ST_OK) shard_close(out);
    return s;
}

void shard_close(struct shard *shard)
{
    file_map_close(&shard->map);
    memset(shard, 0, sizeof *shard);
}

void shard_row(const struct shard *s, int64_t row, struct shard_row *out)
{
    shard_row_of(s->data + s->index[row], s->fields, out);
}

void shard_row_of(const int32_t *at, int fields, struct shard_row *out)
{
    const int32_t *tokens;
    int total = 0;

    out->label = at[0];
    out->items = at[1 + fields];
    out->item_head = at + 2 + fields;
    tokens = out->item_head + 3 * out->items;
    for (int i = 0; i < fields; i++) {
        out->field[i] = (struct ids){at[1 + i], tokens + total};
        total += at[1 + i];
    }
    out->item_ids = tokens + total;
}

/* Lengths first: they say where everything else is. */
static int row_fits(const struct shard *s, int64_t row)
{
    const int32_t *at = s->data + s->index[row];
    uint64_t words = s->index[row + 1] - s->index[row], need;
    int items;

    if (words < (uint64_t)s->fields + 2) return 0;
    items = at[1 + s->fields];
    if (items < 0 || items > SHARD_ITEM_LIMIT) return 0;
    need = (uint64_t)s->fields + 2 + 3 * (uint64_t)items;
    if (words < need) return 0;
    for (int i = 0; i < s->fields; i++) {
        if (at[1 + i] < 0) return 0;
        need += (uint64_t)at[1 + i];
    }
    for (int i = 0; i < items; i++) {
        int32_t n = at[2 + s->fields + 3 * i + 2];
        if (n < 1) return 0;
        need += (uint64_t)n;
    }
    return need == words;
}

static int items_fit(const struct shard_row *row, const struct meta *m)
{
    if (m->kind == TASK_LABELS) return row->items == 0 && row->label >= 0 && row->label < m->labels;
    if (m->kind == TASK_CHOICES) return row->items >= 2 && row->label >= 0 && row->label < row->items;
    for (int i = 0; i < row->items; i++) {
        const int32_t *head = row->item_head + 3 * i;
        int known = head[0] >= 0 && head[1] >= head[0] && head[1] < row->field[m->context].count;
        if (!known && (i == 0 || head[0] != -1 || head[1] != -1)) return 0;
    }
    return row->label == -1 && (row->items > 0 || m->wording[WORDING_RIGHT].none_first >= 0);
}

status shard_check(const struct shard *s, const char *path, const struct meta *m)
{
    if (s->fields != m->fields) return damaged(path, "the number of fields");
    for (int64_t i = 0; i < s->rows; i++) {
        const int32_t *end = s->data + s->index[i + 1];
        struct shard_row row;
        int32_t bad = 0;
        if (!row_fits(s, i)) return damaged(path, "a row's lengths");
        shard_row(s, i, &row);
        if (!items_fit(&row, m)) return damaged(path, "a row's label, options or answers");
        for (const int32_t *t = row.item_head + 3 * row.items; t < end; t++)
            bad |= (int32_t)((uint32_t)*t >= (uint32_t)m->vocabulary_size);
        if (bad) return damaged(path, "a token outside the vocabulary");
    }
    return ST_OK;
}
