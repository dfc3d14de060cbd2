#!/usr/bin/env bash
# polars 1.35.2: read_ndjson drops in silence a member that none of the first 100 rows has; another type is an error.
# Package: polars 1.35.2.
# Expected: `ignore_errors=False` (the default) raises where a row does not fit the columns, as its documentation says of the other
#   value ("Return Null if parsing fails because of schema mismatches"), so a member without a column is an error, or a column that
#   is null before (https://docs.pola.rs/api/python/stable/reference/api/polars.read_ndjson.html). Guess before trying: an error.
# Seen: 300 questions, of which the last 150 say "is_impossible": true and give their answers an "answer_end": the frame has
#   300 rows and neither the column nor the field; no error, no warning. A label that is a number in the first rows and a word
#   later is an error in the same file's place. Question-answering files with unanswerable questions at the end (SQuAD 2.0 flattened)
#   lose exactly the mark that tells them.
# System: Debian 12, Python 3.11, x86-64.
# What to do: infer_schema_length=None reads the whole file first; or check the columns.
# Upstream: no issue known.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env" && "$place/env/bin/pip" -q install 'polars==1.35.2' || exit 77
cat > "$place/try.py" << 'PYTHON'
import json
import sys

import polars as pl


def read(rows, **options):
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        f.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    try:
        frame = pl.read_ndjson(sys.argv[1], **options)
    except pl.exceptions.ComputeError:
        return "error"
    answers = frame["answers"].struct.fields if "answers" in frame.columns else []
    return "%d rows, %s%s" % (frame.height, ",".join(frame.columns), "; answers: " + ",".join(answers) if answers else "")


def question(i, late):
    row = {"id": i, "question": "在哪里？", "answers": {"text": ["北京"], "answer_start": [3]}}
    if late:
        row["is_impossible"] = True
        row["answers"]["answer_end"] = [5]
    return row


print("late keys:", read([question(i, i >= 150) for i in range(300)]))
print("the same, all rows looked at:", read([question(i, i >= 150) for i in range(300)], infer_schema_length=None))
print("late type:", read([{"id": i, "label": 1 if i < 150 else "未知"} for i in range(300)]))
PYTHON
version=$("$place/env/bin/python" -c 'import polars; print(polars.__version__)')
seen=$("$place/env/bin/python" "$place/try.py" "$place/rows.jsonl")
expected='late keys: 300 rows, id,question,answers; answers: text,answer_start
the same, all rows looked at: 300 rows, id,question,answers,is_impossible; answers: text,answer_start,answer_end
late type: error'
echo "polars $version"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "changed; it was:"; echo "$expected"; exit 1; }
