/* One target's table. */
#include "worker/kernel/simd.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

void KERNEL(kernels)(struct kernels *k)
{
    k->name = TEXT(KERNEL_TARGET);
    KERNEL(embed_kernels)(k);
    KERNEL(norm_kernels)(k);
    KERNEL(gelu_kernels)(k);
    KERNEL(int8_kernels)(k);
    KERNEL(attention_forward_kernels)(k);
    KERNEL(attention_backward_kernels)(k);
    KERNEL(row_kernels)(k);
    KERNEL(head_kernels)(k);
    KERNEL(column_kernels)(k);
    KERNEL(peak_kernels)(k);
    KERNEL(vocabulary_kernels)(k);
}
