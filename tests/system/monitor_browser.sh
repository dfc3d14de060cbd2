#!/usr/bin/env bash
# The monitor's page in a real browser while a run publishes: see monitor_browser.py. usage: monitor_browser.sh MP2 FOLDER
set -eu
mp2=$1 folder=$2 here=$(dirname "$0")
for program in chromium chromedriver python3; do
  command -v "$program" > /dev/null || { echo "skipped: no $program (Debian: chromium chromium-driver python3)"; exit 77; }
done
rm -rf "$folder"; mkdir -p "$folder"
exec python3 "$here/monitor_browser.py" "$(dirname "$mp2")" "$folder"
