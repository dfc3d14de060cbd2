/* The report's style, script and chart library. */
#ifndef MP2_COORDINATOR_REPORT_ASSETS_H
#define MP2_COORDINATOR_REPORT_ASSETS_H

#include "cluster/base/asset.h"

extern const struct asset report_assets[];
extern const size_t report_asset_count;

#endif
