#!/usr/bin/env bash
# Install what mp2 needs (Debian packages) and build it. Says what it does; harmless a second time.
#   usage: configs/setup.sh BUILD_FOLDER [CMake options]
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
build=${1:?usage: configs/setup.sh BUILD_FOLDER [CMake options]}
shift

missing=()
while read -r package; do
    [ -n "$package" ] || continue
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done < "$top/configs/packages-debian.txt"
if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo > /dev/null || { echo "setup: these packages are missing and neither root nor sudo is here: ${missing[*]}" >&2; exit 1; }
        as_root=(sudo)
    fi
    echo "setup: installing ${#missing[@]} Debian packages: ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > "${TMPDIR:-/tmp}/mp2-setup-apt.$$.log" 2>&1 ||
        { tail -20 "${TMPDIR:-/tmp}/mp2-setup-apt.$$.log" >&2; echo "setup: the packages could not be installed" >&2; exit 1; }
    rm -f "${TMPDIR:-/tmp}/mp2-setup-apt.$$.log"
else
    echo "setup: all packages of configs/packages-debian.txt are installed"
fi

echo "setup: building in $build"
fresh=(-G Ninja)
if [ -f "$build/CMakeCache.txt" ]; then
    made_for=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$build/CMakeCache.txt")
    if [ "$made_for" = "$top" ]; then
        fresh=()
    else
        echo "setup: $build was made for $made_for; it is made anew"
        fresh=(--fresh -G Ninja)
    fi
fi
cmake -S "$top" -B "$build" "${fresh[@]}" "$@" > "$build.log" 2>&1 || { tail -30 "$build.log" >&2; exit 1; }
cmake --build "$build" >> "$build.log" 2>&1 || { grep -E 'error|warning' "$build.log" | head -30 >&2; tail -5 "$build.log" >&2; exit 1; }
mv "$build.log" "$build/setup.log"
echo "setup: done, $build/mp2"
