/* A second copy of a journal in another folder (journal.mirror; cluster/README.md, "Mirror"): the same segments under
 * the same names, byte for byte, so that a plain copy puts it back. The file mirror-of in it names the journal; the
 * mirror of another one is never written to. A mirror that cannot be written is given up until the next segment begins;
 * the journal goes on without it. Internal to the journal: all functions are local, and called by its appender. */
#ifndef MP2_CLUSTER_STORE_MIRROR_H
#define MP2_CLUSTER_STORE_MIRROR_H

#include <stdint.h>
#include <sys/uio.h>

#include "cluster/base/status.h"

struct mirror;

/* Before the journal in `folder` is opened: where it is damaged, or its mirror holds more of it, it is replaced by a
 * copy of the mirror; what was there stays beside it as FOLDER.before-mirror (reported in the log). begun: the run has
 * steps that this journal must follow. ST_INPUT (reported): the mirror is another journal's, or holds records of a run
 * that `folder` does not know of (not begun, and no segments). */
status mirror_restore(const char *mirror, const char *folder, int begun);

/* Make the mirror (a folder, which is made) equal to the journal. ST_IO, ST_INPUT (reported). */
status mirror_open(const char *mirror, const char *folder, struct mirror **out);
void mirror_close(struct mirror **m);

/* The newest segment's file; -1: the mirror is lost. It stays open until the next mirror_follow. */
int mirror_fd(const struct mirror *m);

/* The bytes that were appended to the newest segment at offset (n vectors). */
void mirror_write(struct mirror *m, const struct iovec *v, int n, uint64_t offset);
/* What has been written could not be made durable. */
void mirror_lose(struct mirror *m, int why);
/* While nothing waits to be made durable: equal again after a segment began; a lost mirror comes back where that can be
 * done. */
void mirror_follow(struct mirror *m);
/* Segments that the journal has no more go here, too. */
void mirror_prune(struct mirror *m);

/* Why it was lost (FOLDER: reason), once after each loss; NULL: nothing new. */
const char *mirror_news(struct mirror *m);

#endif
