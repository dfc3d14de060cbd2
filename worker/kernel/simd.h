/* Interfaces between the parts of one target's table. */
#ifndef MP2_WORKER_KERNEL_SIMD_H
#define MP2_WORKER_KERNEL_SIMD_H

#include "worker/kernel/kernels.h"

#define KERNEL_JOIN_(name, target) name##_##target
#define KERNEL_JOIN(name, target) KERNEL_JOIN_(name, target)
#define KERNEL(name) KERNEL_JOIN(name, KERNEL_TARGET)

/* Each puts the functions of its file into the table. */
void KERNEL(embed_kernels)(struct kernels *k);
void KERNEL(norm_kernels)(struct kernels *k);
void KERNEL(gelu_kernels)(struct kernels *k);
void KERNEL(int8_kernels)(struct kernels *k);
void KERNEL(attention_forward_kernels)(struct kernels *k);
void KERNEL(attention_backward_kernels)(struct kernels *k);
void KERNEL(row_kernels)(struct kernels *k);
void KERNEL(head_kernels)(struct kernels *k);
void KERNEL(column_kernels)(struct kernels *k);
void KERNEL(peak_kernels)(struct kernels *k);
void KERNEL(vocabulary_kernels)(struct kernels *k);

/* Local. The whole table of this target, name and isa included. */
void KERNEL(kernels)(struct kernels *k);

#endif
