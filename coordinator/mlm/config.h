/* What `mp2 mlm` can be told. Rows that pretrain has too keep their names and meanings. */
#ifndef MP2_COORDINATOR_MLM_CONFIG_H
#define MP2_COORDINATOR_MLM_CONFIG_H

#include "cluster/base/options.h"
#include "cluster/watch/publish.h"
#include "coordinator/loop/train_config.h"
#include "worker/model/machine.h"

enum replace_from { REPLACE_FROM_VOCABULARY, REPLACE_FROM_TEXT };
struct masking_config {
    const char *words;
    int unit, from;
    double masked, random, span;
    int64_t longest;
};

enum mlm_start { START_PLAIN, START_NEIGHBOURS };

struct mlm_sizes_config {
    int64_t layers, hidden, heads, feed_forward, positions;
    double dropout;
};

struct mlm_config {
    const char *run, *model, *vocab, *output, *batches;
    struct option_list texts, first;
    int documents, apart, log, start, evaluate, new_head;
    double heldout, masked, clip;
    int64_t seed, micros, sequences, length, frozen;
    struct mlm_sizes_config encoder;
    struct masking_config masking;
    struct train_config train; /* but for batch and groups: micros and sequences are mlm's */
    struct eval_config eval;
    struct keep_config keep;
    struct machine_config machine;
    struct watch_config watch;
};

extern const struct option mlm_options[];
extern const size_t mlm_option_count;

#endif
