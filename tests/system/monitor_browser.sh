#!/usr/bin/env bash
# The monitor's page in a real browser while a real run and generated ones publish: see monitor_browser.py.
for program in chromium chromedriver python3; do
  command -v "$program" > /dev/null || { echo "skipped: no $program (Debian: chromium chromium-driver python3)"; exit 77; }
done
. "$(dirname "$0")/common.sh"
small_world
exec python3 "$top/tests/system/monitor_browser.py" "$(dirname "$mp2")" "$folder"
