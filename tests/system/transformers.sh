#!/usr/bin/env bash
# Encoder folders as the installed transformers writes them: ids, guesses and losses are its own (tests/reference/check_folders.py).
# MP2_PYTHON names a Python with torch and transformers.
. "$(dirname "$0")/common.sh"
python=${MP2_PYTHON:-python3}
"$python" -c 'import torch, transformers' 2> /dev/null || { echo "skipped: $python has no torch or no transformers"; exit 77; }
"$python" "$top/tests/reference/check_folders.py" "$mp2" "$folder/made" > out.txt 2> errors.txt || fail "$(tail -n 3 out.txt errors.txt)"
cat out.txt
