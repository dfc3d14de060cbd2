#include "cluster/base/launched.h"

#include <stdlib.h>

uint64_t launched_epoch(void)
{
    const char *text = getenv(LAUNCHED_EPOCH);
    char *end = NULL;
    unsigned long long n = text ? strtoull(text, &end, 10) : 0;

    return text && text[0] != '-' && end != text && *end == 0 ? n : 0;
}
