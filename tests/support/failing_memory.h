/* Allocations that fail by intent. A test that includes this is linked with --wrap for mem_alloc, mem_grow and
 * mem_keep_new (tests/CMakeLists.txt); calls within cluster/base/memory.c are not seen. */
#ifndef MP2_TESTS_SUPPORT_FAILING_MEMORY_H
#define MP2_TESTS_SUPPORT_FAILING_MEMORY_H

/* The n-th request for memory from now on fails, with ST_MEMORY, and no other; 0: none does. Requests that memory at
 * hand satisfies do not count. */
void failing_memory_at(long n);

/* Requests since then. */
long failing_memory_count(void);

#endif
