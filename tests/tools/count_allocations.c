/* Takes malloc's place in a program and counts, by the code that calls it: the program's own (mem_alloc and whatever
 * else is linked into it) and each library. When the process ends, a line per caller goes to the file
 * $COUNT_ALLOCATIONS.RANK. Works beside glibc alone, and not beside a sanitizer, which takes malloc's place itself. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/memory.h"

enum { CALLERS = 4096 };

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

/* Open addressing by the return address; a full table loses counts of new callers, and says so. */
static struct {
    atomic_uintptr_t caller;
    atomic_long count;
} table[CALLERS];
static atomic_long lost;

extern const char __executable_start, etext;
static _Thread_local int inside;

/* Of the program's own callers the next one, that of mem_alloc or mem_grow. backtrace may allocate itself. */
static uintptr_t who_asks(void *caller)
{
    void *frames[8];
    uintptr_t key = (uintptr_t)caller;
    int n, i = 0;

    if (inside || key < (uintptr_t)&__executable_start || key >= (uintptr_t)&etext) return key;
    inside = 1;
    n = backtrace(frames, 8);
    while (i < n && (uintptr_t)frames[i] != key) i++;
    inside = 0;
    if (i + 2 < n && (uintptr_t)frames[i + 1] - (uintptr_t)mem_grow < 256) i++;
    return i + 1 < n ? (uintptr_t)frames[i + 1] : key;
}

static void count(void *caller)
{
    uintptr_t key = who_asks(caller);

    for (size_t i = 0, at = (key >> 2) % CALLERS; i < CALLERS; i++, at = (at + 1) % CALLERS) {
        uintptr_t there = 0;
        if (atomic_compare_exchange_strong(&table[at].caller, &there, key) || there == key) {
            atomic_fetch_add(&table[at].count, 1);
            return;
        }
    }
    atomic_fetch_add(&lost, 1);
}

void *malloc(size_t size)
{
    count(__builtin_return_address(0));
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    count(__builtin_return_address(0));
    *out = __libc_memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}

static const char *module_of(uintptr_t caller)
{
    Dl_info info;
    const char *slash;

    if (!dladdr((void *)caller, &info) || !info.dli_fname) return "unknown";
    slash = strrchr(info.dli_fname, '/');
    return slash ? slash + 1 : info.dli_fname;
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("COUNT_ALLOCATIONS"), *rank = getenv("OMPI_COMM_WORLD_RANK");
    char name[4096];
    FILE *f;

    if (!path) return;
    snprintf(name, sizeof name, "%s.%s", path, rank ? rank : "0");
    f = fopen(name, "w");
    if (!f) return;
    for (size_t i = 0; i < CALLERS; i++) {
        Dl_info info = {0};
        uintptr_t caller = atomic_load(&table[i].caller);
        if (caller == 0) continue;
        dladdr((void *)caller, &info);
        fprintf(f, "%s %lx %ld\n", module_of(caller), (unsigned long)(caller - (uintptr_t)info.dli_fbase),
                atomic_load(&table[i].count));
    }
    if (atomic_load(&lost)) fprintf(f, "lost 0 %ld\n", atomic_load(&lost));
    fclose(f);
}
