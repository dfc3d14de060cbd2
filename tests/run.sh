#!/usr/bin/env bash
# All set-up and all tests: packages, a build with warnings as errors in build-test/, then ctest.
#   usage: tests/run.sh [ctest options, e.g. -R tokenize]
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
"$top/configs/setup.sh" "$top/build-test" -DMP2_WERROR=ON
cd "$top/build-test"
echo "tests: running $(ctest -N | tail -n 1 | grep -o '[0-9]*') tests"
exec ctest --output-on-failure -j "$(nproc)" "$@"
