/* Files read from front to back: plain, gzip or xz (told by the first bytes, not by the name), as bytes or as lines.
 * Memory is one buffer plus the longest line asked for. Several gzip members or xz streams one after the other are one
 * text; a file cut short or damaged is ST_INPUT with path:line, never a silent early end. */
#ifndef MP2_CLUSTER_BASE_STREAM_H
#define MP2_CLUSTER_BASE_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct stream;

/* Local. ST_INPUT (reported) when path cannot be opened or is a folder. path is copied. */
status stream_open(const char *path, struct stream **out);

/* Local. Read an open descriptor as it is (nothing is decompressed); name stands for the path in messages. fd stays the
 * caller's. For standard input. */
status stream_open_raw(int fd, const char *name, struct stream **out);
void stream_close(struct stream **s);

/* Local. Up to room bytes; *got is 0 at the end only. */
status stream_read(struct stream *s, void *data, size_t room, size_t *got);

/* Local. What comes next, without taking it: at least `least` bytes at *text until the next call, less (*n) at the end
 * only. */
status stream_peek(struct stream *s, size_t least, const char **text, size_t *n);

/* Local. The next line without its \n (nothing else is cut off: \r, NUL and a byte order mark are content). ST_END
 * after the last; a last line without \n counts, nothing after a last \n does not. ST_INPUT (reported) when the line
 * is longer than limit. *text holds until the next call and ends with a 0. */
status stream_line(struct stream *s, size_t limit, char **text, size_t *n);

/* Local. As stream_line, but a longer line comes in pieces of at most limit bytes (limit >= 4), cut between characters
 * where it is UTF-8: *ends is 1 with the piece that ends its line. */
status stream_piece(struct stream *s, size_t limit, char **text, size_t *n, int *ends);

/* Local. 1 when all that was read of the file has been given: the next call may have to wait for more. Before waiting,
 * a program that answers line by line flushes what it has. */
int stream_waits(const struct stream *s);

/* Local. The number, from 1, of the line that stream_line or stream_piece gave last; 0 before the first. */
int64_t stream_line_number(const struct stream *s);

/* Local. For progress: bytes of the file (compressed) read so far, and the file's size when it was opened (-1: a
 * pipe). */
int64_t stream_file_offset(const struct stream *s);
int64_t stream_file_size(const struct stream *s);

#endif
