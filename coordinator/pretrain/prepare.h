/* What the coordinator of `mp2 pretrain` does before the ranks start: open encoder and data, check that they fit
 * together. */
#ifndef MP2_COORDINATOR_PRETRAIN_PREPARE_H
#define MP2_COORDINATOR_PRETRAIN_PREPARE_H

#include "cluster/base/digest.h"
#include "coordinator/data/dataset.h"
#include "coordinator/pretrain/config.h"
#include "worker/model/source.h"
#include "worker/pretrain_messages.h"

/* What it found; broadcast as raw bytes. */
struct pretrain_facts {
    struct pretrain_shape shape;
    char encoder_digest[DIGEST_TEXT], data_digest[DIGEST_TEXT], vocabulary_digest[DIGEST_TEXT];
};

/* Local, coordinator. The caller closes model and data, even after a failure. ST_INPUT (reported) if anything is
 * wrong. */
status pretrain_prepare(const struct pretrain_config *config, struct pretrain_facts *facts, struct model_source **model,
                        struct dataset **data);

#endif
