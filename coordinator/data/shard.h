/* One split of one task, tokenised, in one file that is mapped to be read.
 *
 *     header   128 bytes: magic, version, sizes, digests (below)
 *     meta     the task's description, JSON (meta.h)
 *     index    rows + 1 offsets (u64) into data, in words
 *     data     int32 words, little-endian; a row is
 *                  label, length of each field, items, items x (first, last, length), the fields' tokens, the items'
 * tokens
 *              items: choices: the options (first = last = -1); extractive: the accepted answers, the one to train on
 * first,
 *              first and last being tokens of the context, -1 where an answer is not a piece of it; labels: none
 *
 * A file of a newer version is refused with a message that says so; an older one must be imported again (raw files are
 * at hand whenever shards are). Nothing in a shard depends on the prompt, the length limit or the form. */
#ifndef MP2_COORDINATOR_DATA_SHARD_H
#define MP2_COORDINATOR_DATA_SHARD_H

#include <stdint.h>

#include "cluster/base/file.h"
#include "coordinator/data/meta.h"

enum { SHARD_VERSION = 1, SHARD_ITEM_LIMIT = 64 };

struct shard_row {
    int label;
    struct ids field[FIELD_LIMIT];
    int items;
    const int32_t *item_head; /* items x (first, last, length) */
    const int32_t *item_ids;  /* one after the other */
};

struct shard {
    struct file_map map;
    int64_t rows;
    int split, fields;
    const uint64_t *index;
    const int32_t *data;
    const char *meta;
    size_t meta_bytes;
    unsigned char set[16], digest[16];
};

/* A row to be written. */
struct shard_words {
    const int32_t *words;
    size_t n;
};

/* Local. Write a shard, all or nothing. set: the same for all splits of an import. */
status shard_write(const char *path, enum split split, int fields, const char *meta, size_t meta_bytes,
                   const struct shard_words *rows, int64_t count, const unsigned char set[16]);

/* Local. Map it; header, digest and index are checked. ST_INPUT (reported). */
status shard_open(const char *path, struct shard *out);
/* Local. Check every row against the task's description: lengths, tokens, labels, spans. */
status shard_check(const struct shard *shard, const char *path, const struct meta *meta);
void shard_close(struct shard *shard);

/* Local. A row of a checked shard. */
void shard_row(const struct shard *shard, int64_t row, struct shard_row *out);
/* Local. The same of a row's words in memory (sample.h makes them). */
void shard_row_of(const int32_t *words, int fields, struct shard_row *out);

#endif
