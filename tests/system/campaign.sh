#!/usr/bin/env bash
# A short seeded campaign of faults against a run that mp2 launch keeps going (campaign.py; the long ones are run by hand).
. "$(dirname "$0")/common.sh"
command -v python3 > /dev/null || { echo "skipped: no python3"; exit 77; }
small_world
python3 "$top/tests/system/campaign.py" "$mp2" "$folder" --seed 7 --faults 14 || fail "campaign: $(tail -20 launch.txt)"
