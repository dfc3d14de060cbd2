/* The step journal: append-only records in segments, journal/segment-<first step>.bin. A step counts when its
 * record is with the operating system (cluster/README.md, "Journal"); restart is a checkpoint plus the records after
 * it.
 *
 * Appending writes to the operating system at once; a thread of the journal's own makes it durable, so that the disk
 * works while the next step computes:
 *     TRY(journal_append(j, step, RECORD_STEP, bytes, n));      returns when the bytes are with the system: commit
 *     … compute the next step …
 *     TRY(journal_wait_durable(j, step));                       on disk, before the next record is appended
 * Every record carries the number of the newest record that was durable when it was written. So opening can tell a
 * torn tail (the step never happened: cut off and logged) from damage to a record that had been durable
 * (refused).
 *
 * Format (little-endian; all of it multiples of 8 bytes): journal_segment.h. Version rule: a newer segment is refused
 * with a message, an older one is read; what a record's payload means is record.h's business and versioned there.
 *
 * One thread appends. Steps count from 1: record N is the N-th step, and a checkpoint of step N is followed by
 * segment N+1. */
#ifndef MP2_CLUSTER_STORE_JOURNAL_H
#define MP2_CLUSTER_STORE_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct journal_record {
    uint32_t kind;       /* enum record_kind (record.h); journal.c does not look at it */
    uint64_t step;       /* never falls from record to record */
    uint64_t number;     /* 1, 2, 3, … through all segments */
    const void *payload; /* 8-byte aligned */
    size_t bytes;
};

struct journal_options {
    int interval_ms; /* 0: every record is made durable as soon as it is appended (journal.sync_ms: 0);
                        n: at the latest n ms after it was appended */
    uint64_t epoch;  /* of mp2 launch; 0: whatever epoch the journal is in */
};

struct journal;

/* Local (coordinator). Open the journal of a run (folder is made when missing) for appending; a torn tail is cut off.
 * A newer epoch than the journal's takes it over: from then on what an older epoch's process still appends is void, for
 * records after the takeover are read from a new file alone. An older epoch is refused (ST_INPUT, reported).
 * first_step: the first step of a new journal, ignored when there are segments. ST_INPUT (reported) on damage, ST_IO.
 * Created means that the thread runs; journal_close means that it is gone. */
status journal_open(const char *folder, uint64_t first_step, const struct journal_options *options,
                    struct journal **out);
/* Local. Make everything durable, stop the thread, free. *journal is NULL afterwards, whatever is returned. */
status journal_close(struct journal **journal);

/* Local. ST_PEER (reported): a newer epoch has taken the journal over. Looked for by journal_append, too, some times a
 * second. */
status journal_check_owner(struct journal *j);

/* Local. payload stays the caller's. step >= that of the record before. On ST_IO (disk full, reported) the file ends
 * with its last whole record and the journal can go on when there is room again. After a failed fsync every call
 * fails: what the disk holds is unknown until the journal is opened again. */
status journal_append(struct journal *j, uint64_t step, uint32_t kind, const void *payload, size_t bytes);

/* Local. Block until all records of steps <= step that were appended are durable; asks for it now, whatever the
 * interval. */
status journal_wait_durable(struct journal *j, uint64_t step);
/* Local, any thread. All records up to this step are durable (0: none). */
uint64_t journal_durable_step(struct journal *j);
/* Local. Step of the last record appended (or found when opening); 0: none. */
uint64_t journal_last_step(const struct journal *j);

/* Local. After the checkpoint of step first_step - 1 is complete: everything so far is made durable, later records
 * go to a new segment. No new segment when the current one holds no record yet or begins there already. first_step
 * >= the last record's step: one filed under the next step (a start, an evaluation) stays where it is, unseen by who
 * reads from there. */
status journal_roll(struct journal *j, uint64_t first_step);
/* Local. Remove the segments that hold only steps <= step (the oldest kept checkpoint's). */
status journal_prune(struct journal *j, uint64_t step);

/* Local. The epoch of a folder's newest segment; 0: none, or no journal, or one that cannot be read (not reported). */
uint64_t journal_epoch(const char *folder);

/* Local. Remove every record of a later step: for going on from an older checkpoint on purpose. No journal may be
 * open. */
status journal_cut_after(const char *folder, uint64_t step);

/* Local. Room for the journal's part of a run: bytes a record, steps from checkpoint to checkpoint, checkpoints
 * kept. */
uint64_t journal_forecast(size_t record_bytes, uint64_t steps_between, uint64_t checkpoints_kept);

/* ---- reading, e.g. to replay; open for appending first, so that a torn tail is gone ---- */

struct journal_reader;

/* Local. Records of steps >= from, in order. ST_INPUT (reported) when the journal starts after from. No journal at all:
 * no records. */
status journal_reader_open(const char *folder, uint64_t from, struct journal_reader **out);
/* Local. ST_OK and the next record, valid until the next call; ST_END after the last (a torn tail is an end, too);
 * ST_INPUT (reported: path, offset, what) on damage, a missing segment or a newer version. */
status journal_reader_next(struct journal_reader *r, struct journal_record *record);
void journal_reader_close(struct journal_reader **reader);

struct journal_facts {
    uint64_t segments, records, first_step, last_step, epoch, bytes;
    uint64_t torn; /* bytes at the very end that are no whole record, and that no later one vouches for */
};

/* Local. Read every byte of every segment, zeros between records too. ST_INPUT (reported: path, offset, what) where one
 * is not as it was written; a torn end is told in *facts. */
status journal_verify(const char *folder, struct journal_facts *facts);

#endif
