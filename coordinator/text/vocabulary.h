/* A vocabulary: the pieces of text a model knows and their ids, what is done with a text before it is cut into them,
 * and the tokens added to them. Read from a vocab.txt (one piece a line, the line number from 0 is the id) or a
 * Hugging Face folder (vocabulary_folder.c). Read-only after loading: any number of threads may use one. */
#ifndef MP2_COORDINATOR_TEXT_VOCABULARY_H
#define MP2_COORDINATOR_TEXT_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "coordinator/text/added_tokens.h"
#include "coordinator/text/char_table.h"

enum { VOCABULARY_LIMIT = 64 << 20 }; /* bytes of a file */

struct vocabulary;

/* Local. path: a vocab.txt, a tokenizer.json, or a folder that has one of them (vocab.txt counts when both are there
 * and differ; reported). Of a folder, and of files of these two names, what stands beside is followed:
 * tokenizer_config.json, special_tokens_map.json, added_tokens.json. Lines are read as Hugging Face does: \n or \r\n
 * ends a line, white space at a line's end is not part of the piece, and of equal pieces the last line's id counts
 * (the earlier ids keep their text). ST_INPUT (reported, with path and line): unreadable, empty, larger than 64 MiB,
 * invalid UTF-8, no [UNK], or a setting or token that cannot be followed. */
status vocabulary_load(const char *path, struct vocabulary **out);
/* Local. 1 when a folder has a vocab.txt or a tokenizer.json. */
int vocabulary_in(const char *folder);
/* Local. What was made with a vocabulary of this digest (whose: what, for the message) is for the encoder in folder:
 * ST_INPUT (reported, both named) when the folder has another vocabulary. One without a vocabulary fits. */
status vocabulary_expect(const char *folder, const char *digest, const char *whose);

/* Local. From the text of a vocab.txt in memory, lower case, nothing added; name stands for the path in messages. */
status vocabulary_parse(const char *name, const char *data, size_t bytes, struct vocabulary **out);

/* What a vocabulary is made of. files: 1 when path is a folder's vocab.txt or tokenizer.json, and what stands beside
 * belongs to it; odd_json: 1 when its tokenizer.json has other pieces. */
struct vocabulary_parts {
    const char *path;
    char *lines; /* as of a vocab.txt, a 0 behind; mem_free's */
    size_t bytes;
    const struct clean_up *clean;
    const struct added_tokens *added; /* NULL: none */
    int files, odd_json;
};
/* Local. lines become the vocabulary's, also when it fails. */
status vocabulary_build(const struct vocabulary_parts *parts, struct vocabulary **out);
void vocabulary_destroy(struct vocabulary **v);

/* Local. Write the files it was loaded from into a model's folder, as they were; a tokenizer_config.json for an
 * encoder of so many positions is made where there was none. */
status vocabulary_write(const struct vocabulary *v, const char *folder, int64_t positions);

/* Local. The path of the file with the pieces, for messages. */
const char *vocabulary_path(const struct vocabulary *v);
/* Local. As in struct vocabulary_parts. */
int vocabulary_has_files(const struct vocabulary *v);
int vocabulary_has_odd_json(const struct vocabulary *v);

/* Local. The id of a piece, -1 when there is none. text needs no 0 at its end. */
int32_t vocabulary_id(const struct vocabulary *v, const char *text, size_t n);

/* Local. The id of a piece that must exist, such as [CLS]: ST_INPUT (reported) when it does not. piece is 0-terminated.
 */
status vocabulary_need(const struct vocabulary *v, const char *piece, int32_t *id);

/* Local. The text of an id, 0-terminated, *n its bytes (n may be NULL); NULL when there is no such id. Owned by v. */
const char *vocabulary_text(const struct vocabulary *v, int32_t id, size_t *n);

/* Local. The number of ids: lines, then added tokens that are none of them. */
int32_t vocabulary_size(const struct vocabulary *v);

/* Local. xxh3-128 of the pieces in order (each followed by \n) as 32 hex digits, and of clean-up and added tokens
 * where they are not those of a plain lower-case vocab.txt: equal for files that mean the same. */
const char *vocabulary_digest(const struct vocabulary *v);

/* Local. For WordPiece: the tables made once at loading, owned by v. */
struct vocabulary_special {
    const char *text;
    size_t n;
    int32_t id;
};
struct vocabulary_tables {
    const struct char_table *chars;
    const struct piece_trie *pieces;
    struct clean_up clean;
    const struct token_cutter *cutter; /* NULL: nothing is added */
    struct vocabulary_special
        specials[5]; /* those of [PAD] [UNK] [CLS] [SEP] [MASK] that v has; none beside a cutter */
    int special_count;
    int32_t unknown;
};
const struct vocabulary_tables *vocabulary_tables(const struct vocabulary *v);

#endif
