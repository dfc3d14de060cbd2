/* A vocabulary: the pieces of text a model knows and their ids, read from vocab.txt (one piece a line, the line number
 * from 0 is the id). Read-only after loading: any number of threads may use one. */
#ifndef MP2_COORDINATOR_TEXT_VOCABULARY_H
#define MP2_COORDINATOR_TEXT_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct vocabulary;

/* Local. Read a vocab.txt as Hugging Face does: \n or \r\n ends a line, white space at a line's end is not part of the
 * piece, and of equal pieces the last line's id counts (the earlier ids keep their text). ST_INPUT (said, with path
 * and line): unreadable, empty, larger than 64 MiB, invalid UTF-8, no [UNK]. */
status vocabulary_load(const char *path, struct vocabulary **out);

/* Local. The same from memory; name stands for the path in messages. */
status vocabulary_parse(const char *name, const char *data, size_t bytes, struct vocabulary **out);
void vocabulary_destroy(struct vocabulary **v);

/* Local. The id of a piece, -1 when there is none. text needs no 0 at its end. */
int32_t vocabulary_id(const struct vocabulary *v, const char *text, size_t n);

/* Local. The id of a piece that must exist, such as [CLS]: ST_INPUT (said) when it does not. piece is 0-terminated. */
status vocabulary_need(const struct vocabulary *v, const char *piece, int32_t *id);

/* Local. The text of an id, 0-terminated, *n its bytes (n may be NULL); NULL when there is no such id. Owned by v. */
const char *vocabulary_text(const struct vocabulary *v, int32_t id, size_t *n);

/* Local. The number of ids (lines). */
int32_t vocabulary_size(const struct vocabulary *v);

/* Local. xxh3-128 of the pieces in order (each followed by \n) as 32 hex digits: equal for files that mean the same. */
const char *vocabulary_digest(const struct vocabulary *v);

/* Local. For WordPiece: the tables made once at loading, owned by v. */
struct vocabulary_special { const char *text; size_t n; int32_t id; };
struct vocabulary_tables {
    const struct char_table *chars;
    const struct piece_trie *pieces;
    struct vocabulary_special specials[5];   /* those of [PAD] [UNK] [CLS] [SEP] [MASK] that v has */
    int special_count;
    int32_t unknown;
};
const struct vocabulary_tables *vocabulary_tables(const struct vocabulary *v);

#endif
