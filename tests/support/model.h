/* A small random encoder on disk, for every test that needs one. */
#ifndef MP2_TESTS_SUPPORT_MODEL_H
#define MP2_TESTS_SUPPORT_MODEL_H

#include "worker/model/folder.h"

/* 2 layers, 16 wide, 2 heads, feed-forward 24, 20 positions, 60 words, 2 types. */
struct model_config test_model_config(void);

/* struct model_folder's read: values that depend on the name and the element alone, around .1 in size, LayerNorm
 * weights around 1; exact in bf16 and f16. arg is not used. */
status test_model_read(void *arg, const char *name, int64_t first, int64_t count, float *out);

/* Write it; fails the test when it cannot. */
void test_model_write(const char *folder, const struct model_config *config, enum tensor_type type, int head);

#endif
