/* A fuzz target: libFuzzer's entry point, plus the seeds from which the driver without libFuzzer makes its mutations.
 */
#ifndef MP2_TESTS_FUZZ_FUZZ_H
#define MP2_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Well-formed input number i (0, 1, …) into out (room bytes); its size, 0 when there are no more. */
size_t fuzz_seed(int i, uint8_t *out, size_t room);

#endif
