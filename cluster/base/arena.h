/* A relocatable arena: one block of memory with a table of named parts at its front and no pointer inside, so that
 * several processes of a node map the same bytes wherever they like, and a later process can take it over. A
 * worker's columns of A with their moments live in one, and so do the packed encoder weights (one copy a node).
 *
 *     const struct arena_part parts[] = {{"columns", bytes, 4096}, {"stamps", blocks * 32, 64}};
 *     TRY(arena_create(parts, 2, "mp2-weights-1f2e", run_folder, tag, &a));     one process of the node
 *     … fill …; arena_seal(&a);
 *     TRY(arena_open(a.path, tag, 0, &b));                                       the others, once told the path
 *     arena_unlink(&a);                                                          when all have it: gone with the last
 *
 * Kept by name instead (no arena_unlink), it can be opened again by the next process of the same run. */
#ifndef MP2_CLUSTER_BASE_ARENA_H
#define MP2_CLUSTER_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

enum { ARENA_NAME_BYTES = 48, ARENA_TAG_BYTES = 128, ARENA_PATH_BYTES = 4096 };

/* A part wanted: name (below 48 bytes, all different), bytes, alignment (64 or 4096). */
struct arena_part {
    const char *name;
    size_t bytes;
    size_t alignment;
};

struct arena {
    void *base; /* NULL: closed */
    size_t size;
    int writable;
    char path[ARENA_PATH_BYTES]; /* "" when anonymous or unlinked */
};

/* Local. Anonymous, zeroed memory of this process alone (huge pages where the system gives them). ST_MEMORY,
 * ST_USAGE. */
status arena_new(const struct arena_part *parts, size_t count, struct arena *out);

/* Local. A zeroed file /dev/shm/NAME, or folder/NAME when /dev/shm is too small or missing; its room is allocated
 * now, so that no later store ends in SIGBUS. An older file of that name is replaced. tag: what it holds, in the
 * caller's words (below 128 bytes: digest, precision, instruction set, owner), compared by arena_open. ST_IO (reported:
 * how much was asked for, how much is free). */
status arena_create(const struct arena_part *parts, size_t count, const char *name, const char *folder, const char *tag,
                    struct arena *out);

/* Local. Map an existing, sealed one. Everything in its header is checked. ST_INPUT (reported) when it is none, is cut,
 * is of another version, carries another tag (NULL: any), or was never sealed. */
status arena_open(const char *path, const char *tag, int writable, struct arena *out);
/* Local. The same, but 0 and silent where arena_open would fail: is there something to take over? */
int arena_usable(const char *path, const char *tag);

/* Local. Say that the contents are complete (no later change is expected of a part that others share). Everything
 * stored before is seen by those who open it after. */
void arena_seal(struct arena *a);

/* Local. Remove the name; the memory lives until the last process has closed it. Harmless when there is no name. */
void arena_unlink(struct arena *a);
/* Local. Unmap; harmless when closed. */
void arena_close(struct arena *a);

/* Local. A part's address in this process and (bytes may be NULL) its size; NULL when there is none of that name. */
void *arena_find(const struct arena *a, const char *name, size_t *bytes);
/* The same by number, in the order given at creation; no search. */
void *arena_at(const struct arena *a, size_t index, size_t *bytes);
size_t arena_count(const struct arena *a);

#endif
