/* The status list's texts and exit statuses. */
#include "cluster/base/status.h"

const char *status_text(status s)
{
    switch (s) {
#define STATUS_CASE(code, exit_status, text) case code: return text;
        STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    case ST_COUNT: break;
    }
    return "unknown status";
}

int status_exit(status s)
{
    switch (s) {
#define STATUS_CASE(code, exit_status, text) case code: return exit_status;
        STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    case ST_COUNT: break;
    }
    return 1;
}
