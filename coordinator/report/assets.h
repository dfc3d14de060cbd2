/* The report's style, script and chart library, built into the program (embed.cmake makes the table). */
#ifndef MP2_COORDINATOR_REPORT_ASSETS_H
#define MP2_COORDINATOR_REPORT_ASSETS_H

#include <stddef.h>

struct report_asset { const char *name; const unsigned char *data; size_t size; };

extern const struct report_asset report_asset_table[];
extern const size_t report_asset_count;

#endif
