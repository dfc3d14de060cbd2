/* The web page's files. */
#ifndef MP2_CLUSTER_WATCH_MONITOR_ASSETS_H
#define MP2_CLUSTER_WATCH_MONITOR_ASSETS_H

#include "cluster/base/asset.h"

extern const struct asset monitor_assets[];
extern const size_t monitor_asset_count;

#endif
