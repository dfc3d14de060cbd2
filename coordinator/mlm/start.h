/* A new encoder with its head for `mp2 mlm` to begin with. */
#ifndef MP2_COORDINATOR_MLM_START_H
#define MP2_COORDINATOR_MLM_START_H

#include "coordinator/mlm/config.h"
#include "coordinator/text/vocabulary.h"

/* Local, coordinator. As a Hugging Face folder, which is made. ST_INPUT (reported) for sizes that
 * do not go together. */
status mlm_start_write(const struct mlm_config *config, const struct vocabulary *vocabulary, const char *folder);

#endif
