/* Unlabelled text: files and folders the user names, read front to back as lines of UTF-8 (plain, gzip, xz). */
#ifndef MP2_COORDINATOR_TEXT_CORPUS_H
#define MP2_COORDINATOR_TEXT_CORPUS_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/memory.h"
#include "cluster/base/options.h"
#include "cluster/base/status.h"
#include "cluster/base/stream.h"

struct corpus {
    char **paths; /* in the order of reading */
    size_t count, room;
    int64_t bytes; /* of all files, as they lie on disk */
    /* the place of corpus_next */
    struct stream *stream;
    size_t file;
    int64_t bytes_before; /* of the files already read */
    int starts;           /* the last piece began its file */
};

/* Local. A file counts as it is; a folder for its files that end in .txt, .txt.gz or .txt.xz, in the order of their
 * names' bytes (folders in it are not entered). ST_INPUT (reported): something does not exist, a folder without such
 * files, or no text at all. */
status corpus_open(const struct option_list *texts, struct corpus *out);
void corpus_close(struct corpus *c);

/* Local. The next line without its end, in pieces of at most limit bytes when it is longer (*ends: this piece ends the
 * line); ST_END after the last file. *text holds until the next call and ends with a 0. A byte order mark at a file's
 * start is left out. ST_INPUT (reported with path:line): invalid UTF-8, a damaged file. */
status corpus_next(struct corpus *c, size_t limit, char **text, size_t *n, int *ends);

/* Local. 1 when the piece that corpus_next gave last is the first of its file. */
int corpus_file_starts(const struct corpus *c);

/* Local. For progress: bytes of the files read so far. */
int64_t corpus_bytes_read(const struct corpus *c);

/* Local. Go back to the first file. */
void corpus_rewind(struct corpus *c);

#endif
