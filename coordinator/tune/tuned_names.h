/* What writing and reading a tuned file share. Internal to coordinator/tune. */
#ifndef MP2_COORDINATOR_TUNE_TUNED_NAMES_H
#define MP2_COORDINATOR_TUNE_TUNED_NAMES_H

#include "coordinator/tune/tuned.h"

enum { TUNED_NAME_BYTES = 96 };

/* Of input_form.reference. */
extern const char *const tuned_form_names[WORDING_COUNT];

/* Local. "ID/what" */
void tuned_tensor_name(const char *id, const char *what, char out[TUNED_NAME_BYTES]);
/* Local. xxh3-128, 32 hex digits and a 0. */
void tuned_digest(const void *data, size_t bytes, char out[33]);

#endif
