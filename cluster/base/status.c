/* The status list's texts and exit statuses. */
#include "cluster/base/status.h"

const char *status_text(status s)
{
#define STATUS_TEXT(code, exit_status, text) text,
    static const char *const texts[] = {STATUS_LIST(STATUS_TEXT)};
#undef STATUS_TEXT

    return (unsigned)s < ST_COUNT ? texts[s] : "unknown status";
}

int status_exit(status s)
{
#define STATUS_EXIT(code, exit_status, text) exit_status,
    static const int exits[] = {STATUS_LIST(STATUS_EXIT)};
#undef STATUS_EXIT

    return (unsigned)s < ST_COUNT ? exits[s] : 1;
}
