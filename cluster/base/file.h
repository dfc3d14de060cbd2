/* Files: mapped reading, and writing that is all or nothing. Paths of a message are the caller's words. */
#ifndef MP2_CLUSTER_BASE_FILE_H
#define MP2_CLUSTER_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cluster/base/status.h"

/* A whole file, mapped read-only. A file of 0 bytes has data != NULL and size 0. */
struct file_map {
    const unsigned char *data;
    size_t size;
};

/* Local. ST_INPUT (reported, with path and reason) when the file cannot be opened or is not a plain file. A file cut
 * short while mapped ends the process with SIGBUS as every mapped reader: only files that stay are mapped (shards,
 * weights).
 */
status file_map_open(const char *path, struct file_map *map);
void file_map_close(struct file_map *map);
/* Local. Let go of the mapped pages that lie wholly inside these bytes; they come back when read. A process that has
 * looked through a large file is then as small as before. */
void file_map_drop(const void *data, size_t bytes);

/* Local. The whole file in memory, with a 0 after the last byte; freed by mem_free. ST_INPUT when larger than limit.
 */
status file_read(const char *path, size_t limit, char **data, size_t *size);

/* Local. Write beside (path.part), fsync, rename, fsync the folder: the old file or the new one, never half of one. */
status file_replace(const char *path, const void *data, size_t bytes);

/* The same for output made piece by piece: open, write to out->stream, then commit or abandon. */
struct file_out {
    FILE *stream;
    char path[4096], beside[4104];
};
status file_out_open(const char *path, struct file_out *out);
status file_out_commit(struct file_out *out); /* checks every earlier write; on failure nothing is left behind */
void file_out_abandon(struct file_out *out);  /* harmless after commit */

/* Local. write(2) until all is written; errno tells why not. */
status file_write_fully(int fd, const void *data, size_t bytes);

/* Local. Make a folder and its parents; an existing one is fine. fsync a folder so that names in it last. */
status file_make_folder(const char *path);
status file_sync_folder(const char *path);
/* Local. fsync the folder in which path stands. */
status file_sync_parent(const char *path);

/* Local. out = folder/name (name alone when it is absolute or folder is empty); ST_INPUT when it does not fit. */
status file_join(char *out, size_t room, const char *folder, const char *name);

/* Local. A copy of a path for messages and later use; ST_INPUT when it does not fit. */
status file_keep_path(char *out, size_t room, const char *path);

/* Local. 1 or 0; what cannot be looked at is not there. */
int file_exists(const char *path);
int file_is_folder(const char *path);

/* Local. Remove a folder and all in it; no such folder is fine. */
status file_remove_tree(const char *path);

/* Local, first of all in a program. Descriptors 0, 1 and 2 that are closed become ones on which reading (0) or writing
 * (1, 2) fails: the next file opened would otherwise be taken for standard input, or be written over by messages. */
void file_guard_standard(void);

#endif
