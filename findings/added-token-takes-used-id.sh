#!/usr/bin/env bash
# transformers 4.57.6, 5.24.0: with a line twice in vocab.txt, an added token gets the id of a piece that is in use.
# Package: transformers 4.57.6 (tokenizers 0.22.2) and 5.24.0 (tokenizers 0.23.3).
# Expected: the id after the last line, as the model's table has a row for every line; or a refusal. A vocab.txt with a line
#   twice is legal: the ids are line numbers, and of two equal lines the later one counts.
# Seen: new tokens are numbered from the count of different pieces. In a file of 8 lines, one of them twice, the next token
#   gets 7, which is the last line's id: two texts, one row of the table, and len(tokenizer) says 8 with no free row at all.
# Output: "5.24.0: 8 lines, [('<e1>', 7), ('x', 7)], len 8", and the same of 4.57.6.
# System: Debian 12, Python 3.11.
# What to do: look for lines that are there twice (sort vocab.txt | uniq -d), and rename one of them, before adding tokens.
#   mp2 numbers from the lines, and refuses a file that says otherwise (coordinator/text/vocabulary.c, place_token).
# Upstream: no issue known.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
changed=0
for version in 4.57.6 5.24.0; do
    python3 -m venv "$place/$version" || exit 77
    "$place/$version/bin/pip" -q install "transformers==$version" || exit 77
    TRANSFORMERS_VERBOSITY=error "$place/$version/bin/python" - "$place" 2> "$place/errors" << 'END' || { changed=1; tail -3 "$place/errors"; }
import sys, transformers
from transformers import BertTokenizerFast

with open(sys.argv[1] + "/vocab.txt", "w") as f:
    f.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "y", "y", "x"]) + "\n")
t = BertTokenizerFast.from_pretrained(sys.argv[1])
t.add_tokens(["<e1>"], special_tokens=True)
seen = [(word, t.encode(word, add_special_tokens=False)[0]) for word in ("<e1>", "x")]
print(f"{transformers.__version__}: 8 lines, {seen}, len {len(t)}")
sys.exit(0 if seen == [("<e1>", 7), ("x", 7)] and len(t) == 8 else 1)
END
done
exit $changed
