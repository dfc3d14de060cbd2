/* TensorBoard event files: TFRecord framing (length, its masked CRC32C, data, its masked CRC32C) around
 * tensorflow.Event messages, of which the few fields we need are written directly: wall_time = 1, step = 2,
 * file_version = 3, summary = 5 { value = 1 { tag = 1, simple_value = 2 } }. Nothing of TensorFlow is needed. */
#ifndef MP2_CLUSTER_WATCH_MONITOR_TFEVENTS_H
#define MP2_CLUSTER_WATCH_MONITOR_TFEVENTS_H

#include <stdint.h>
#include <stdio.h>

#include "cluster/base/status.h"

struct tfevents {
    FILE *file;
    char path[4200];
};

/* Local. A new file events.out.tfevents.TIME.mp2 in folder, with its first record. time: Unix seconds, of the run. */
status tfevents_open(const char *folder, double time, struct tfevents *t);

/* Local. One number under a tag ("loss", "eval/afqmc"). ST_IO (reported). */
status tfevents_scalar(struct tfevents *t, double time, uint64_t step, const char *tag, double value);

/* Local. ST_IO (reported) when not all could be written; after close the struct is empty. */
status tfevents_flush(struct tfevents *t);
status tfevents_close(struct tfevents *t);

/* Local. CRC-32C (Castagnoli) of n bytes. */
uint32_t tfevents_crc32c(const void *data, size_t n);

#endif
