#!/usr/bin/env bash
# The report's page in a browser: nothing on the console, nothing wider than a phone, every control reached by the keyboard, and
# hostile names stay text, light and dark.
. "$(dirname "$0")/common.sh"
command -v chromium > /dev/null && command -v chromedriver > /dev/null && command -v python3 > /dev/null ||
    { echo "skipped: needs chromium, chromedriver and python3"; exit 77; }
timeout 300 python3 "$top/tests/system/report_browser.py" "$mp2" "$folder"
