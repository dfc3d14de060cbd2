/* A journal's segments on disk: names, headers, and the scan that tells whole records from torn and damaged ones.
 * Shared by journal.c (appending) and journal_reader.c; nobody else includes it.
 *
 *     segment header, 64 bytes   "MP2JRNL\n", u32 version, u32 header bytes, u64 first step, u64 first number,
 *                                u64 epoch, 16 zero bytes, u64 xxh3 of the 56 bytes before
 *     record header, 64 bytes    u32 "RCRD", u32 kind, u64 step, u64 number, u64 durable, u64 payload bytes,
 *                                u64 xxh3 of the payload, u32 version, u32 zero, u64 xxh3 of the 56 bytes before
 *     payload, then zeros up to a multiple of 8 bytes
 * number counts records from 1 through all segments; durable is the number of the newest record that was known to be
 * durable when this one was written. */
#ifndef MP2_CLUSTER_STORE_JOURNAL_SEGMENT_H
#define MP2_CLUSTER_STORE_JOURNAL_SEGMENT_H

#include <limits.h>

#include "cluster/store/journal.h"

/* Version 1 has no epoch (0), and is what is written without one. */
enum { SEGMENT_VERSION = 2, SEGMENT_HEADER_BYTES = 64, RECORD_HEADER_BYTES = 64, RECORD_ALIGNMENT = 8 };

struct record_header {
    uint32_t magic, kind;
    uint64_t step, number, durable, bytes, payload_check;
    uint32_t version, zero;
    uint64_t header_check;
};

/* Local. The first steps of a folder's segments, ascending; mem_free. No folder: none. */
status segment_list(const char *folder, uint64_t **first_steps, size_t *count);
/* Local. The newest segment's first step; 0: there is none. Allocates nothing. */
status segment_newest(const char *folder, uint64_t *first_step);
status segment_path(const char *folder, uint64_t first_step, char out[PATH_MAX]);
/* Local. The epoch in a segment's header; 0: none, or it cannot be read (not reported). */
uint64_t segment_epoch(const char *folder, uint64_t first_step);
/* Local. A segment with only its header, durable under its name. */
status segment_create(const char *folder, uint64_t first_step, uint64_t first_number, uint64_t epoch);

/* Local. A record's header with its checksums; bytes it takes in the file, padding included. */
void record_header_fill(struct record_header *h, uint32_t kind, uint64_t step, uint64_t number, uint64_t durable,
                        const void *payload, size_t bytes);
uint64_t record_room(uint64_t payload_bytes);

struct segment_scan {
    char path[PATH_MAX];
    int fd;        /* -1: closed */
    uint64_t size; /* of the file, when opened */
    uint64_t first_step, first_number, epoch;
    uint64_t offset;        /* where the next record begins */
    uint64_t number;        /* the next record's */
    uint64_t step;          /* the last record's; first_step - 1 before the first */
    const char *problem;    /* after SCAN_BAD: what is wrong at offset */
    unsigned char *payload; /* kept from record to record */
    size_t room;
};

enum scan_result { SCAN_RECORD, SCAN_END, SCAN_BAD, SCAN_FAILED };

/* Local. ST_INPUT (reported) when the file is no segment, a newer one, or not the one its name says. */
status segment_scan_open(const char *folder, uint64_t first_step, int writable, struct segment_scan *scan);
void segment_scan_close(struct segment_scan *scan);

/* Local. The whole records of an open segment under a header with another epoch, in a new file in its place: a process
 * that still has the old one open writes where nobody reads. */
status segment_claim(struct segment_scan *scan, uint64_t epoch);

/* Local. The next record. SCAN_BAD: offset is where whole records end, and something else follows. SCAN_FAILED: *why is
 * said. */
enum scan_result segment_scan_next(struct segment_scan *scan, struct journal_record *record, status *why);

/* Local, after SCAN_BAD. 1: a later record says that the bad one had been durable, so this is damage, no torn tail. */
int segment_scan_is_damage(struct segment_scan *scan);
/* Local, after SCAN_BAD. Say so: ST_INPUT. */
status segment_scan_fault(const struct segment_scan *scan);

#endif
