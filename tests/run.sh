#!/usr/bin/env bash
# All set-up and all tests: packages, a build with warnings as errors in build-test/, then ctest.
#   usage: tests/run.sh [ctest options, e.g. -R tokenize, or -L unit: tests/CMakeLists.txt names the labels]
# MP2_BUILD: another folder than build-test. MP2_CMAKE: more CMake options, e.g. -DMP2_ASAN=ON.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/${MP2_BUILD:-build-test}
read -ra options <<< "${MP2_CMAKE:-}"
"$top/configs/setup.sh" "$build" -DMP2_WERROR=ON "${options[@]}"
cd "$build"
echo "tests: running $(ctest -N "$@" | tail -n 1 | grep -o '[0-9]*') tests"
rc=0
ctest --output-on-failure --no-tests=error -j "$(nproc)" "$@" | tee ctest.log || rc=$?
bash "$top/tests/support/skipped.sh" Testing/Temporary/LastTest.log
[ $rc -eq 0 ] || sed 's/^[0-9]*:/tests: failed: /' Testing/Temporary/LastTestsFailed.log || true
grep 'tests passed' ctest.log || true
exit "$rc"
