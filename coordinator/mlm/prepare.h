/* What the coordinator of `mp2 mlm` does before the ranks begin: reads the vocabulary, tokenises the text, writes a
 * new encoder where there is none to go on from, checks that all of it fits. */
#ifndef MP2_COORDINATOR_MLM_PREPARE_H
#define MP2_COORDINATOR_MLM_PREPARE_H

#include "cluster/base/digest.h"
#include "coordinator/mlm/config.h"
#include "worker/model/source.h"
#include "worker/train/masking.h"

/* What it found out; broadcast as it is. */
struct mlm_facts {
    struct special_tokens special;
    int32_t salient[MASKING_FIRST], salients; /* ids of masking.first */
    int aside;                                /* the text is in RUN/evaluate: it is not the run's */
    char encoder_digest[DIGEST_TEXT], vocabulary_digest[DIGEST_TEXT], text_digest[DIGEST_TEXT];
};

/* Local, coordinator. model: the opened encoder to start from, the caller's to close. ST_INPUT (reported) when
 * anything is wrong. */
status mlm_prepare(const struct mlm_config *config, struct mlm_facts *facts, struct model_source **model);

/* Local. Where the trained encoder goes; where training starts from (evaluation: what is scored); where the tokenised
 * text is. */
status mlm_output_folder(const struct mlm_config *config, char *out, size_t room);
status mlm_start_folder(const struct mlm_config *config, char *out, size_t room);
status mlm_text_folder(const struct mlm_config *config, int aside, char *out, size_t room);

#endif
