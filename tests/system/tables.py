"""Tables with quotes against Python's csv module. tables.py make FOLDER SEED: a valid table and a damaged one with the rows that
are to come out; tables.py check ROWS VOCAB < EXPORT: the rows that came out of `mp2 data export`."""
import csv
import io
import json
import random
import sys
from pathlib import Path

LETTERS = "甲乙丙丁戊己庚辛"
ENDS = {"crlf": "\r\n", "lf": "\n"}


def cell(rng):
    return rng.choice(LETTERS) + "".join(rng.choice(LETTERS * 3 + '""",,\n') for _ in range(rng.randrange(12)))


def shown(text):
    return "".join(text.split())


def make(folder, seed):
    rng = random.Random(seed)
    rows = [[rng.choice("是否"), cell(rng) + LETTERS[i % 8] + LETTERS[i // 8 % 8] + LETTERS[i // 64 % 8]] for i in range(400)]
    end = ENDS[rng.choice(sorted(ENDS))]
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    lines = []
    for row in rows:
        to = io.StringIO()
        csv.writer(to, lineterminator=end, quoting=quoting).writerow(row)
        lines.append(to.getvalue())
    text = "y,q" + end + "".join(lines)
    assert [r for r in csv.reader(io.StringIO(text, newline=""), strict=True)][1:] == rows
    Path(folder, "valid.csv").write_text(text, encoding="utf-8", newline="")
    Path(folder, "valid.json").write_text(json.dumps([[y, shown(q)] for y, q in rows]), encoding="utf-8")
    # Quotes that never close, of rows of one line: they are lost, and they alone.
    lost = set(rng.sample(range(len(rows)), 9))
    damaged = [row[0] + ',"' + "".join(c for c in row[1] if c in LETTERS) + end if i in lost else lines[i] for i, row in enumerate(rows)]
    Path(folder, "damaged.csv").write_text("y,q" + end + "".join(damaged), encoding="utf-8", newline="")
    Path(folder, "damaged.json").write_text(json.dumps([[y, shown(q)] for i, (y, q) in enumerate(rows) if i not in lost]), encoding="utf-8")


def check(rows, vocabulary):
    words = Path(vocabulary).read_text(encoding="utf-8").split("\n")
    expected, found = json.loads(Path(rows).read_text(encoding="utf-8")), []
    for line in sys.stdin:
        row = json.loads(line)
        text = "".join(words[i] for i in row["ids"])
        found.append([["是", "否"][row["label"]], text[text.index("“") + 1:text.rindex("”")]])
    if found != expected:
        place = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), min(len(found), len(expected)))
        sys.exit("%d rows for %d, other from row %d on: %r for %r" % (len(found), len(expected), place, found[place:place + 1], expected[place:place + 1]))


if __name__ == "__main__":
    {"make": lambda: make(sys.argv[2], int(sys.argv[3])), "check": lambda: check(sys.argv[2], sys.argv[3])}[sys.argv[1]]()
